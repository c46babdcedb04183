"""Arithmetic on the cores of tree tensors."""

from __future__ import annotations

import cmath
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, multiply, namespace, unfold, zeros
from tensorflowlr.checks import shown
from tensorflowlr.trees import Tree

if TYPE_CHECKING:
    from tensorflowlr.tensors.tree_tensor import TreeTensor

Cores = Sequence[Array]


def checked_scalar(value: Any, name: str = "the factor") -> float | complex | None:
    """`value` as a finite Python number, or None where it is none; `name` is for messages."""
    if isinstance(value, bool) or not (
        isinstance(value, numbers.Number)
        or (getattr(value, "shape", None) == () and _of_numbers(value))
    ):
        return None
    try:
        number = complex(value)
    except OverflowError:
        number = complex("inf")
    if not cmath.isfinite(number):
        raise ValueError(f"{name} must be finite, not {shown(value)}")
    return number.real if number.imag == 0.0 and not isinstance(value, complex) else number


def scaled(core: Array, factor: float | complex) -> Array:
    """A core times a number, where that overflows nothing.

    Raises
    ------
    OverflowError
        If entries grow beyond what the dtype holds.
    """
    with arrays.quiet():
        product = core * factor
    not_overflown([product], f"the factor {factor!r}")
    return product


def not_overflown(cores: Cores, what: str) -> Cores:
    """`cores` if all entries are finite; `what` made them, for the message.

    Raises
    ------
    OverflowError
        If they are not.
    """
    if not all(arrays.all_finite(core) for core in cores):
        name = arrays.dtype_name(cores[-1])
        raise OverflowError(f"{what} makes entries larger than {name} holds")
    return cores


def _of_numbers(entry: Any) -> bool:
    kind = str(getattr(entry, "dtype", ""))
    return any(word in kind for word in ("float", "complex", "int"))


def promoted(cores: Cores, *values: Any) -> tuple[Array, ...]:
    """The cores in the dtype that also holds `values`."""
    kind = arrays.result_dtype(cores[-1], *values)
    if kind == cores[-1].dtype:
        return tuple(cores)
    xp = namespace(cores[-1])
    return tuple(xp.astype(c, kind) for c in cores)


def matched(first: TreeTensor, second: TreeTensor) -> tuple[Tree, Cores, Cores]:
    """The common tree and both tensors' cores in one dtype, or a clear refusal."""
    if first.tree != second.tree:
        raise ValueError(f"the tensors live on different trees: {first.tree} and {second.tree}")
    if first.shape != second.shape:
        raise ValueError(f"the tensors have different shapes: {first.shape} and {second.shape}")
    arrays.check_together([first.cores[-1], second.cores[-1]], "two tensors")
    return (
        first.tree,
        promoted(first.cores, second.cores[-1]),
        promoted(second.cores, first.cores[-1]),
    )


def add(tree: Tree, left: Cores, right: Cores) -> list[Array]:
    """Cores of the sum: block diagonal, ranks added."""
    xp = namespace(left[-1])
    result = []
    for node in tree.nodes:
        a, b = left[node], right[node]
        if tree.is_leaf(node):
            result.append(xp.concat([a, b], axis=1))
            continue
        shape = [m + n for m, n in zip(a.shape, b.shape, strict=True)]
        core = zeros(shape, a)
        core[tuple(slice(0, n) for n in a.shape)] = a
        core[tuple(slice(n, None) for n in a.shape)] = b
        result.append(core)
    return result


def kron(a: Array, b: Array) -> Array:
    """The Kronecker product over every axis of two tensors of equal order."""
    xp = namespace(a)
    spread_a = xp.reshape(a, tuple(k for n in a.shape for k in (n, 1)))
    spread_b = xp.reshape(b, tuple(k for n in b.shape for k in (1, n)))
    return xp.reshape(
        spread_a * spread_b, tuple(m * n for m, n in zip(a.shape, b.shape, strict=True))
    )


def hadamard(tree: Tree, left: Cores, right: Cores) -> list[Array]:
    """Cores of the entrywise product: ranks multiplied."""
    xp = namespace(left[-1])
    result = []
    for node in tree.nodes:
        a, b = left[node], right[node]
        if tree.is_leaf(node):
            product = a[:, :, None] * b[:, None, :]
            result.append(xp.reshape(product, (a.shape[0], -1)))
        else:
            result.append(kron(a, b))
    return result


def overlap(tree: Tree, left: Cores, right: Cores) -> Array:
    """The inner product Σ conj(left) right as a zero-dimensional array."""
    blocks: list[Array] = [None] * len(left)
    for node in tree.nodes:
        blocks[node] = overlap_block(left[node], right[node], [
            blocks[c] for c in tree.children[node]
        ], node == tree.root)
    return blocks[-1]


def overlap_block(bra: Array, ket: Array, below: Sequence[Array], root: bool = False) -> Array:
    """One node's overlap, shape (bra rank, ket rank), from those of its children."""
    for i, block in enumerate(below):
        ket = multiply(ket, block, i)
    xp = namespace(bra)
    if root:
        return xp.sum(arrays.conj(bra) * ket)
    last = bra.ndim - 1
    return arrays.adjoint(unfold(bra, last)) @ unfold(ket, last)


def scalar(value: Array) -> float | complex:
    """A Python number from a zero-dimensional array."""
    return complex(value) if arrays.is_complex(value) else float(value)


def to_dense(tree: Tree, cores: Cores) -> Array:
    """The full array, modes in order."""
    xp = namespace(cores[-1])
    full: list[Array] = list(cores)
    for node in tree.inner:
        core = cores[node]
        for i, child in enumerate(tree.children[node]):
            core = multiply(core, full[child], i)
            full[child] = None
        full[node] = core if node == tree.root else xp.reshape(core, (-1, core.shape[-1]))
    order = tree.leaves_below[tree.root]
    dense = xp.reshape(full[-1], tuple(int(cores[m].shape[0]) for m in order))
    return xp.permute_dims(dense, tuple(order.index(m) for m in range(tree.modes)))


def entries(tree: Tree, cores: Cores, indices: Any) -> Array:
    """Entries at rows of multi-indices."""
    try:
        table = arrays.to_numpy(indices)
    except (TypeError, ValueError):
        raise TypeError(f"indices must be integers, not {shown(indices)}") from None
    if table.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, not {table.dtype}")
    if table.ndim == 1:
        table = table[None, :]
    if table.ndim != 2 or table.shape[1] != tree.modes:
        raise ValueError(f"indices must have shape (N, {tree.modes}), not {table.shape}")
    xp = namespace(cores[-1])
    rows: list[Array] = [None] * len(cores)
    for mode in range(tree.modes):
        size = int(cores[mode].shape[0])
        column = table[:, mode]
        if column.size and (column.min() < -size or column.max() >= size):
            wrong = column[(column < -size) | (column >= size)][0]
            raise IndexError(f"indices of mode {mode} must lie in [-{size}, {size}), not {wrong}")
        picked = xp.asarray((column % size).tolist(), dtype=xp.int64,
                            device=arrays.device(cores[-1]))
        rows[mode] = xp.take(cores[mode], picked, axis=0)
    count = table.shape[0]
    for node in tree.inner:
        core = cores[node]
        value = None
        for child in tree.children[node]:
            if value is None:
                value = rows[child] @ xp.reshape(core, (core.shape[0], -1))
            else:
                factor = rows[child]
                width = factor.shape[1]
                value = xp.reshape(value, (count, width, value.shape[1] // width))
                value = (factor[:, None, :] @ value)[:, 0, :]
            rows[child] = None
        rows[node] = value
    return xp.reshape(rows[-1], (count,))
