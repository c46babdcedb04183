"""Making tree tensors: checks at the public door, from dense, product, random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import (
    Array,
    adjoint,
    eigh,
    epsilon,
    fold,
    namespace,
    norm,
    qr,
    svd,
    triangle,
)
from tensorflowlr.checks import is_whole, sequence, shown, whole_number
from tensorflowlr.tensors import algebra
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation, kept

# what a 64-bit index can count
LARGEST_SIZE = 1 << 60


def checked_tree(tree: Any, modes: int) -> Tree:
    """`tree` if it is one of that many modes."""
    if not isinstance(tree, Tree):
        raise TypeError(f"tree must be a tlr.Tree, not {type(tree).__name__}")
    if tree.modes != modes:
        raise ValueError(f"tree has {tree.modes} modes where the tensor has {modes}")
    return tree


def checked_rule(rule: Any) -> Truncation:
    """`rule`, or the one that drops round-off alone."""
    if rule is None:
        return Truncation()
    if not isinstance(rule, Truncation):
        raise TypeError(f"rule must be a tlr.Truncation, not {type(rule).__name__}")
    return rule


def checked_array(value: Any, name: str, like: Array | None = None) -> Array:
    """`value` as a floating array of finite entries, placed as `like` where that is given."""
    if like is not None and arrays.is_array(value) and not arrays.is_numpy(value):
        arrays.check_together([like, value], name)
    try:
        array = arrays.asarray(value, like=like)
        if getattr(array, "requires_grad", False):
            raise TypeError("it requires gradients, which end here: use .detach()")
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be an array of numbers, not {shown(value)}: {error}"
        ) from None
    if arrays.dtype_name(array) not in arrays.FLOATING:
        raise TypeError(
            f"{name} must be of dtype {', '.join(arrays.FLOATING)}, not {array.dtype}"
        )
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least one axis, not {shown(value)}")
    if 0 in array.shape:
        raise ValueError(f"{name} must have no empty axis, not shape {tuple(array.shape)}")
    if not arrays.all_finite(array):
        raise ValueError(f"{name} must be finite, but holds NaN or Inf")
    return array


def checked_list(values: Any, name: str) -> list[Any]:
    """`values` as a list of at least one entry."""
    try:
        found = sequence(values)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, not {shown(values)}") from None
    if not found:
        raise ValueError(f"{name} must have at least one entry")
    return found


def checked_shape(shape: Any) -> tuple[int, ...]:
    """`shape` as a tuple of positive integers."""
    sizes = checked_list(shape, "shape")
    for i, n in enumerate(sizes):
        if not is_whole(n) or not 1 <= n <= LARGEST_SIZE:
            raise ValueError(f"shape[{i}] must be a positive integer, not {shown(n)}")
    return tuple(int(n) for n in sizes)


def checked_like(like: Any) -> Array:
    """The array that stands for a library and device: `like` itself, or a tensor's core."""
    target = like.cores[-1] if hasattr(like, "cores") else like
    if not arrays.is_array(target):
        raise TypeError(f"like must be an array or a tree tensor, not {type(like).__name__}")
    return target


def checked_cores(
    tree: Any, cores: Sequence[Array], names: Sequence[str] | None = None
) -> tuple[Array, ...]:
    """The cores, if they fit the tree and one another; `names` are for the messages."""
    if not isinstance(tree, Tree):
        raise TypeError(f"tree must be a tlr.Tree, not {type(tree).__name__}")
    cores = checked_list(cores, "cores")
    if names is None:
        names = [f"cores[{i}]" for i in range(len(cores))]
    cores = [checked_array(c, name) for c, name in zip(cores, names, strict=True)]
    if len(cores) != len(tree.nodes):
        raise ValueError(f"cores: {tree} has {len(tree.nodes)} nodes, not {len(cores)}")
    arrays.check_together(cores, "cores")
    kinds = {arrays.dtype_name(c) for c in cores}
    if len(kinds) > 1:
        raise TypeError(f"cores must share one dtype, not {', '.join(sorted(kinds))}")
    for node in tree.nodes:
        below = tree.children[node]
        order = len(below) + (node != tree.root) if below else 2
        wanted = tuple(cores[c].shape[-1] for c in below)
        got = tuple(cores[node].shape)
        if len(got) != order or got[: len(below)] != wanted:
            shape = (*wanted, "r") if below and node != tree.root else wanted or ("n", "r")
            text = "(" + ", ".join(map(str, shape)) + ")"
            raise ValueError(f"{names[node]} must have shape {text}, not {got}")
    return tuple(cores)


def product(vectors: Sequence[Array], tree: Tree) -> list[Array]:
    """Orthonormal cores of a rank-one tensor, its norm in the root."""
    first = next((v for v in vectors if arrays.is_array(v)), None)
    columns = []
    for i, vector in enumerate(vectors):
        vector = checked_array(vector, f"vectors[{i}]", None if arrays.is_array(vector) else first)
        if vector.ndim != 1:
            raise ValueError(f"vectors[{i}] must have one axis, not shape {tuple(vector.shape)}")
        columns.append(vector)
    xp = arrays.check_together(columns, "vectors")
    kind = arrays.result_dtype(*columns)
    cores, lengths = [], []
    for vector in columns:
        vector = xp.astype(vector, kind)
        length = norm(vector)
        lengths.append(length)
        unit = vector * (1.0 / length) if length > 0.0 else arrays.eye(
            vector.shape[0], 1, vector)[:, 0]
        cores.append(xp.reshape(unit, (-1, 1)))
    like = cores[0]
    for node in tree.inner:
        order = len(tree.children[node]) + (node != tree.root)
        cores.append(xp.reshape(arrays.eye(1, 1, like), (1,) * order))
    with arrays.quiet():
        root = cores[-1] * _product(lengths)
    cores[-1] = algebra.not_overflown([root], f"the product of vectors[0 … {len(lengths) - 1}]")[0]
    return cores


def _product(lengths: Sequence[float]) -> float:
    """The product, where the parts overflow or vanish but the whole does not."""
    mantissa, exponent = 1.0, 0
    for length in lengths:
        if not math.isfinite(length):
            return length
        part, more = math.frexp(length)
        mantissa, extra = math.frexp(mantissa * part)
        exponent += more + extra
    return math.ldexp(mantissa, exponent) if exponent <= 1024 else math.inf


def feasible_ranks(tree: Tree, shape: Sequence[int], rank: int | Mapping[int, int]) -> list[int]:
    """The wanted ranks, lowered to what the sizes around each edge allow."""
    by_edge = rank if isinstance(rank, Mapping) else dict.fromkeys(tree.edges, rank)
    for edge in by_edge:
        if edge not in tree.edges:
            raise ValueError(f"rank names edge {shown(edge)}, but there are {tree.edges}")
    wanted = []
    for node in tree.edges:
        if node not in by_edge:
            raise ValueError(f"rank must name every edge, but edge {node} is missing")
        wanted.append(whole_number(by_edge[node], "rank"))
    wanted.append(1)
    for node in tree.nodes:
        below = tree.children[node]
        room = math.prod(wanted[c] for c in below) if below else int(shape[node])
        wanted[node] = min(wanted[node], room)
    for node in tree.downward:
        below = tree.children[node]
        for child in below:
            rest = math.prod(wanted[c] for c in below if c != child) * wanted[node]
            wanted[child] = min(wanted[child], rest)
    return wanted


def random(
    tree: Tree,
    shape: Sequence[int],
    rank: int | Mapping[int, int],
    rng: Any,
    dtype: Any,
    like: Any,
) -> list[Array]:
    """Gaussian cores of feasible ranks."""
    ranks = feasible_ranks(tree, shape, rank)
    target = None if like is None else checked_like(like)
    cores = []
    for node in tree.nodes:
        below = tree.children[node]
        lead = tuple(ranks[c] for c in below) if below else (int(shape[node]),)
        size = lead if node == tree.root else (*lead, ranks[node])
        cores.append(arrays.normal(rng, size, dtype, target))
    return cores


def from_dense(x: Array, tree: Tree, rule: Truncation) -> list[Array]:
    """Cores of the sequentially truncated tree tensor of `x`, leaves first.

    Every projection acts inside the range of those before it, so the squared tails add up
    to the squared error exactly, and what one edge does not use the later ones may.
    """
    xp = namespace(x)
    total = norm(x)
    if not total < math.inf:
        raise OverflowError(f"the norm of x is larger than {arrays.dtype_name(x)} holds")
    # squares of extreme sizes vanish or overflow
    single = epsilon(x) > 1e-10
    ordinary = total == 0.0 or (1e-12 < total < 1e12 if single else 1e-100 < total < 1e100)
    unit = 1.0 if ordinary else arrays.power_of_two(total, single=single)
    x = x if unit == 1.0 else x * (1.0 / unit)
    budget, left = (rule.tolerance(total) / unit) ** 2, tree.rounding_edges
    shared = tree.children[tree.root][-1] if len(tree.children[tree.root]) == 2 else None
    cores: list[Array] = [None] * len(tree.nodes)
    current, axes = x, list(range(tree.modes))
    for node in tree.edges:
        below = tree.children[node]
        if below:
            axis = min(axes.index(c) for c in below)
            rest = [a for a in axes if a not in below]
            order = [axes.index(a) for a in (*rest[:axis], *below, *rest[axis:])]
            lead = tuple(int(current.shape[axes.index(c)]) for c in below)
            current = xp.permute_dims(current, tuple(order))
            current = xp.reshape(
                current, (*current.shape[:axis], -1, *current.shape[axis + len(below) :])
            )
            axes = [*rest[:axis], node, *rest[axis:]]
        else:
            axis, lead = axes.index(node), (int(current.shape[axes.index(node)]),)
        share = math.sqrt(budget / max(left, 1))
        basis, tail = _leading_basis(current, axis, share, rule, node)
        current = arrays.multiply(current, adjoint(basis), axis)
        cores[node] = xp.reshape(basis, (*lead, -1))
        budget = max(budget - min(tail, share) ** 2, 0.0)
        left -= node != shared
    root_order = tuple(axes.index(c) for c in tree.children[tree.root])
    root = xp.permute_dims(current, root_order)
    cores[-1] = root if unit == 1.0 else algebra.scaled(root, unit)
    return cores


def _leading_basis(
    x: Array, axis: int, tolerance: float, rule: Truncation, node: int
) -> tuple[Array, float]:
    """Leading left singular vectors of one matricisation, and the norm of the dropped tail."""
    xp = namespace(x)
    size = int(x.shape[axis])
    total = norm(x)
    # eigenvalues of the Gram matrix are good to size * eps * total²
    noise = 10.0 * size * epsilon(x) * total * total
    if tolerance * tolerance > 100.0 * noise:
        if axis == 0:
            rows = xp.reshape(x, (size, -1))
            gram = rows @ adjoint(rows)
        else:
            columns = arrays.unfold(x, axis)
            gram = columns.mT @ arrays.conj(columns)
        squares, vectors = eigh(gram)
        values = [max(v, 0.0) ** 0.5 for v in reversed(arrays.to_numpy(squares).tolist())]
        basis = xp.flip(vectors, axis=1)
    else:
        columns = arrays.unfold(x, axis)
        if columns.shape[0] > columns.shape[1]:
            columns = triangle(columns)
        _, s, vh = svd(columns)
        values, basis = arrays.to_numpy(s).tolist(), vh.mT
    floor = len(values) ** 0.5 * epsilon(x) * total / values[0] if values[0] > 0.0 else 1.0
    rank = rule.clip(kept(values, tolerance, floor), len(values), node)
    return basis[:, :rank], math.sqrt(math.fsum(v * v for v in values[rank:]))


def stored_train(cores: Sequence[Array]) -> tuple[Tree, list[Array]]:
    """Tree and cores of a tensor train given as (r_{k-1}, n_k, r_k) arrays."""
    cores = [checked_array(c, f"cores[{k}]") for k, c in enumerate(cores)]
    xp = arrays.check_together(cores, "cores")
    d = len(cores)
    for k, core in enumerate(cores):
        if core.ndim != 3:
            raise ValueError(f"cores[{k}] must have shape (r, n, r'), not {tuple(core.shape)}")
        before = cores[k - 1].shape[2] if k else 1
        if core.shape[0] != before:
            raise ValueError(f"cores[{k}] must have first axis {before}, not {core.shape[0]}")
    if cores[-1].shape[2] != 1:
        raise ValueError(f"cores[{d - 1}] must have last axis 1, not {cores[-1].shape[2]}")
    kind = arrays.result_dtype(*cores)
    cores = [xp.astype(c, kind) for c in cores]
    tree = Tree.train(d)
    leaves: list[Array] = []
    inner: list[Array] = []
    for k, core in enumerate(cores):
        if k == d - 1:
            leaves.append(xp.permute_dims(core[:, :, 0], (1, 0)))
            continue
        if core.shape[1] <= core.shape[0] * core.shape[2]:
            leaf = arrays.eye(core.shape[1], core.shape[1], core)
            node = xp.permute_dims(core, (1, 2, 0))
        else:
            leaf, r = qr(xp.permute_dims(arrays.unfold(core, 1), (1, 0)))
            node = xp.permute_dims(fold(r.mT, core.shape, 1), (1, 2, 0))
        leaves.append(leaf)
        inner.append(node)
    if d == 1:
        return tree, [leaves[0], xp.reshape(arrays.eye(1, 1, cores[0]), (1,))]
    inner[0] = inner[0][:, :, 0]
    return tree, [*leaves, *reversed(inner)]
