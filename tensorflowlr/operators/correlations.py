"""Expectation values of single-mode matrices, and of pairs of them, for all modes at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from opt_einsum import get_symbol

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, multiply, namespace, reshape, unfold
from tensorflowlr.checks import checked_flag
from tensorflowlr.contraction import contract
from tensorflowlr.operators import leaf
from tensorflowlr.tensors import TreeTensor, algebra
from tensorflowlr.tensors.densities import check_mode, checked_tensor

# entries of one intermediate array at most: modes are taken in portions
PORTION = 1 << 22

Matrices = Any


def local_expectations(Y: TreeTensor, matrices: Matrices) -> Array:
    """⟨Y|A_i|Y⟩ for every mode, from one sweep; not divided by ‖Y‖².

    Parameters
    ----------
    Y
        The tensor.
    matrices
        One matrix for all modes, or a mapping of modes to matrices: (n, n) arrays, (n,)
        diagonals or SciPy sparse matrices.

    Returns
    -------
    NumPy array, shape (number of matrices,)
        In the order of the modes; real where all is real or all matrices are Hermitian.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor, or a mode or matrix does not fit.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], tlr.Tree.balanced(3))
    >>> tlr.measures.local_expectations(Y, [1.0, -1.0]).round(12)
    array([ 1.  , -0.28, -1.  ])
    """
    Y = checked_tensor(Y)
    found = _by_mode(Y, matrices, "matrices")
    Y = _prepared(Y, found)
    return _plain(_means(_centres(Y), _placed(Y, found)), list(found.values()))


def correlations(
    Y: TreeTensor, first: Matrices, second: Matrices = None, *, connected: bool = False
) -> Array:
    """C[i, j] = ⟨Y|A_i B_j|Y⟩ for all pairs of modes; not divided by ‖Y‖².

    On the diagonal stands the product of both matrices of one mode. All pairs come from one
    sweep up the tree that keeps a block per matrix and edge, and one product per pair of
    siblings.

    Parameters
    ----------
    Y
        The tensor.
    first, second
        The matrices A and B: one for all modes, or a mapping of modes to matrices, as for
        `local_expectations`. By default B is A.
    connected
        Whether to subtract ⟨A_i⟩⟨B_j⟩ / ‖Y‖². The means are taken from the matrices, not
        from the results, so that small correlations keep their digits.

    Returns
    -------
    NumPy array, shape (number of matrices A, number of matrices B)
        Rows and columns in the order of the modes; real where all is real, or where B is A
        and Hermitian.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor, or a mode or matrix does not fit.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> x = np.zeros((2, 2, 2))
    >>> x[0, 0, 0] = x[1, 1, 1] = 0.5 ** 0.5
    >>> Y = tlr.TreeTensor.from_dense(x, tlr.Tree.balanced(3))
    >>> tlr.measures.correlations(Y, [1.0, -1.0], connected=True)[0].round(12)
    array([1., 1., 1.])
    """
    checked_flag(connected, "connected")
    Y = checked_tensor(Y)
    left = _by_mode(Y, first, "first")
    right = left if second is None else _by_mode(Y, second, "second")
    Y = _prepared(Y, left, right)
    centres = _centres(Y)
    A, B = _placed(Y, left), _placed(Y, right)
    shift_a, shift_b = [0.0] * len(left), [0.0] * len(right)
    square = arrays.norm(Y.cores[-1]) ** 2
    if connected and square > 0.0:
        shift_a = (_means(centres, A) / square).tolist()
        shift_b = shift_a if right is left else (_means(centres, B) / square).tolist()
    kind = complex if arrays.is_complex(Y.cores[-1]) else float
    found = host.zeros((len(left), len(right)), dtype=kind)
    rows = {mode: i for i, mode in enumerate(left)}
    columns = {mode: i for i, mode in enumerate(right)}
    for mode in left.keys() & right.keys():
        i, j = rows[mode], columns[mode]
        centre = centres[mode]
        inner = B[mode].apply(centre)[0, ...] - shift_b[j] * centre
        inner = A[mode].apply(inner)[0, ...] - shift_a[i] * inner
        found[i, j] = algebra.scalar(namespace(inner).sum(arrays.conj(centre) * inner))
    blocks_a = _leaf_blocks(Y, A, dict(zip(left, shift_a, strict=True)))
    same = right is left
    blocks_b = blocks_a if same else _leaf_blocks(
        Y, B, dict(zip(right, shift_b, strict=True)))
    for node in Y.tree.inner:
        below = Y.tree.children[node]
        for p in range(len(below)):
            for q in range(p + 1, len(below)):
                modes, values = _pairs(centres[node], p, q, blocks_a, blocks_b, below)
                found[_grid(rows, columns, *modes)] = values
                if same:
                    found[_grid(rows, columns, *reversed(modes))] = values.T
                else:
                    modes, values = _pairs(centres[node], q, p, blocks_a, blocks_b, below)
                    found[_grid(rows, columns, *modes)] = values
        if node != Y.tree.root:
            for blocks in (blocks_a,) if same else (blocks_a, blocks_b):
                _rise(Y, node, blocks)
    return _plain(found, list(left.values()) if same else None)


Blocks = dict[int, tuple[list[int], Array]]


def _leaf_blocks(
    Y: TreeTensor, placed: Mapping[int, leaf.LeafMatrices], shifts: Mapping[int, Any]
) -> Blocks:
    """Per leaf its mode and Uᴴ(A - shift)U, shape (1, r, r)."""
    blocks = {}
    for mode, matrices in placed.items():
        core = Y.cores[mode]
        rank = core.shape[-1]
        block = adjoint(core) @ matrices.apply(core)
        blocks[mode] = [mode], block - shifts[mode] * arrays.eye(rank, rank, core)[None, ...]
    return blocks


def _rise(Y: TreeTensor, node: int, blocks: Blocks) -> None:
    """Replace the blocks of a node's children by those of the node."""
    core, modes, made = Y.cores[node], [], []
    for i, child in enumerate(Y.tree.children[node]):
        if child in blocks:
            below, block = blocks.pop(child)
            modes += below
            made.append(_through(core, block, i, core.ndim - 1))
    if modes:
        blocks[node] = modes, namespace(core).concat(made, axis=0)


def _pairs(
    centre: Array, p: int, q: int, first: Blocks, second: Blocks, below: Sequence[int]
) -> tuple[tuple[list[int], list[int]], Array]:
    """⟨A_i B_j⟩ for i below child p and j below child q, with the modes they belong to."""
    if below[p] not in first or below[q] not in second:
        return ([], []), host.zeros((0, 0))
    rows, block = first[below[p]]
    columns, other = second[below[q]]
    through = _through(centre, block, p, q)
    values = reshape(through, (len(rows), -1)) @ reshape(other, (len(columns), -1)).mT
    return (rows, columns), arrays.to_numpy(values)


def _through(core: Array, block: Array, p: int, q: int) -> Array:
    """Blocks (k, bra, ket) on axis p, seen from axis q of the same core: (k, bra, ket)."""
    ket = [get_symbol(i) for i in range(core.ndim)]
    bra = [*ket]
    bra[p], bra[q] = get_symbol(core.ndim), get_symbol(core.ndim + 1)
    batch = get_symbol(core.ndim + 2)
    equation = (
        f"{batch}{bra[p]}{ket[p]},{''.join(ket)},{''.join(bra)}->{batch}{bra[q]}{ket[q]}"
    )
    count, portion = block.shape[0], max(PORTION // math.prod(core.shape), 1)
    conjugated = arrays.conj(core)
    made = [
        contract(equation, block[start : min(start + portion, count), ...], core, conjugated)
        for start in range(0, count, portion)
    ]
    return made[0] if len(made) == 1 else namespace(core).concat(made, axis=0)


def _centres(Y: TreeTensor) -> list[Array]:
    """Per node its core with the weights of all above; everything else is orthonormal."""
    tree, cores = Y.tree, Y.cores
    centres: list[Array] = [None] * len(cores)
    centres[-1] = cores[-1][..., None]
    for node in tree.downward:
        for i, child in enumerate(tree.children[node]):
            rows = unfold(centres[node], i)
            if rows.shape[0] > rows.shape[1]:
                rows = arrays.triangle(rows)
            centres[child] = multiply(cores[child], rows, cores[child].ndim - 1)
    return centres


def _means(centres: Sequence[Array], placed: Mapping[int, leaf.LeafMatrices]) -> Array:
    """⟨A_i⟩ in the order of the modes."""
    values = []
    for mode, matrices in placed.items():
        centre = centres[mode]
        applied = matrices.apply(centre)[0, ...]
        values.append(algebra.scalar(namespace(centre).sum(arrays.conj(centre) * applied)))
    return host.asarray(values)


def _by_mode(Y: TreeTensor, matrices: Matrices, name: str) -> dict[int, Any]:
    """The checked matrix of every mode that has one, in the order of the modes."""
    if isinstance(matrices, Mapping):
        for mode in matrices:
            check_mode(Y, mode, f"a mode of {name}")
        if not matrices:
            raise ValueError(f"{name} must name at least one mode")
        labels = {int(mode): f"{name}[{mode}]" for mode in sorted(matrices)}
    else:
        labels = {mode: f"{name} (for mode {mode})" for mode in range(Y.ndim)}
        matrices = dict.fromkeys(labels, matrices)
    found = {}
    for mode, label in labels.items():
        matrix = found[mode] = leaf.checked_matrix(matrices[mode], Y.shape[mode], label)
        if not arrays.is_sparse(matrix) and not arrays.is_numpy(matrix):
            arrays.check_together([Y.cores[-1], matrix], f"{label} and Y")
    return found


def _prepared(Y: TreeTensor, *families: Mapping[int, Any]) -> TreeTensor:
    """Y orthonormal, and complex where a matrix is."""
    if any("complex" in str(m.dtype) for family in families for m in family.values()):
        Y = Y.astype(arrays.result_dtype(Y.cores[-1], 1j))
    return Y.orthogonalize()


def _placed(Y: TreeTensor, family: Mapping[int, Any]) -> dict[int, leaf.LeafMatrices]:
    return {mode: leaf.LeafMatrices([m], Y.cores[-1]) for mode, m in family.items()}


def _grid(rows: Mapping[int, int], columns: Mapping[int, int], left: Any, right: Any) -> Any:
    """The index of a block of the result."""
    return host.asarray([rows[m] for m in left], dtype=int)[:, None], host.asarray(
        [columns[m] for m in right], dtype=int)


def _plain(values: Array, matrices: Sequence[Any] | None) -> Array:
    """The real part where all matrices are Hermitian, so that nothing else is there."""
    if matrices is None or not arrays.is_complex(values):
        return values
    hosts = [leaf.on_host(m) for m in matrices]
    return values.real if all(_hermitian(m) for m in hosts) else values


def _hermitian(matrix: Any) -> bool:
    square = leaf.frobenius(matrix, matrix).real
    # as for tree operators: up to 1e-7 of the norm
    return 2.0 * (square - leaf.frobenius(matrix, leaf.dagger(matrix)).real) <= 1e-14 * square
