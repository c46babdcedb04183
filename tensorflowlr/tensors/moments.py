"""Contraction of modes with vectors; expectation and variance over random modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host, multiply, namespace, reshape
from tensorflowlr.checks import is_whole, shown
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.tensors.densities import check_mode, checked_tensor, marginal, square
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.trees import Tree

# how far weights of an expectation may be from summing to one
WEIGHT_SLACK = 1e-6


def contract_modes(Y: TreeTensor, vectors: Mapping[int, Any]) -> Any:
    """Contract modes with vectors: Σ_k v[k] Y[…, k, …], without conjugation.

    Parameters
    ----------
    Y
        The tensor.
    vectors
        A vector of n_i numbers for each mode i to be contracted, or an integer, which picks
        that entry.

    Returns
    -------
    TreeTensor, array or number
        A tensor of the remaining modes in their order, which are numbered anew. Where a
        single mode remains its array of shape (n,), where none does a float or complex.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor, or a mode or vector does not fit.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> x = np.arange(24.0).reshape(2, 3, 4)
    >>> Y = tlr.TreeTensor.from_dense(x, tlr.Tree.balanced(3))
    >>> tlr.measures.contract_modes(Y, {1: [0.5, 0.0, 0.5], 2: 3}).round(12)
    array([ 7., 19.])
    """
    Y = checked_tensor(Y)
    placed = _placed_vectors(Y, vectors, "vectors")
    if not placed:
        return Y
    tree = Y.tree
    cores = [*algebra.promoted(Y.cores, *placed.values())]
    cores[-1] = cores[-1][..., None]
    # the node that now stands for each node: itself, its only remaining child, or none
    stands: list[int | None] = list(tree.nodes)
    joins: dict[int, tuple[int, ...]] = {}
    for mode, vector in placed.items():
        stands[mode], cores[mode] = None, _cast(vector, cores[mode]) @ cores[mode]
    for node in tree.inner:
        core, below = cores[node], tree.children[node]
        for i in reversed(range(len(below))):
            if stands[below[i]] is None:
                core = multiply(core, cores[below[i]][None, :], i)
                core = reshape(core, (*core.shape[:i], *core.shape[i + 1 :]))
        alive = tuple(only for child in below if (only := stands[child]) is not None)
        if len(alive) == 1:
            stands[node] = only = alive[0]
            cores[only] = multiply(cores[only], core.mT, cores[only].ndim - 1)
        else:
            cores[node], stands[node] = core, node if alive else None
            joins[node] = alive
    top = stands[tree.root]
    if top is None:
        return algebra.scalar(cores[-1][0])
    cores[top] = cores[top][..., 0]
    if tree.is_leaf(top):
        return cores[top]
    left = [mode for mode in range(tree.modes) if stands[mode] is not None]
    specs: dict[int, Any] = {mode: i for i, mode in enumerate(left)}
    kept = [node for node, alive in joins.items() if alive]
    for node in kept:
        specs[node] = tuple(specs[child] for child in joins[node])
    return TreeTensor.trusted(Tree(specs[top]), [cores[node] for node in [*left, *kept]])


def mean(
    Y: TreeTensor, weights: Mapping[int, Any], *, select: Mapping[int, Any] | None = None
) -> Any:
    """The expectation over random modes, entry by entry of the modes that remain.

    Parameters
    ----------
    Y
        The tensor.
    weights
        The probabilities of the n_i points of every random mode i: not negative, of sum one.
    select
        Further modes to be contracted first, as in `contract_modes`: an index picks an entry,
        such as the zeroth angular moment.

    Returns
    -------
    TreeTensor, array or number
        As from `contract_modes`.

    Raises
    ------
    TypeError, ValueError
        If a mode, a vector or the weights do not fit.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 3.0, 6.0]], tlr.Tree.matrix())
    >>> tlr.measures.mean(Y, {1: [0.5, 0.25, 0.25]})
    array([2.25, 4.5 ])
    """
    return _first_moment(*_random(Y, weights, select))


def variance(
    Y: TreeTensor, weights: Mapping[int, Any], *, select: Mapping[int, Any] | None = None
) -> Array | float:
    """The variance over random modes, entry by entry of the modes that remain.

    Σ_k w_k |Y[…, k] - mean|², by the law of total variance: mode after mode, deviations from
    its mean are squared and averaged over what is still random, then it is averaged out. No
    difference of large numbers is taken and no rank is squared or doubled.

    Parameters
    ----------
    Y, weights, select
        As for `mean`.

    Returns
    -------
    array or float
        Real and not negative, with one axis per remaining mode, in order; a float where none
        remains.

    Raises
    ------
    TypeError, ValueError
        If a mode, a vector or the weights do not fit.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 3.0, 6.0]], tlr.Tree.matrix())
    >>> tlr.measures.variance(Y, {1: [0.5, 0.25, 0.25]}).round(12)
    array([ 6.1875, 24.75  ])
    """
    Z, left = _random(Y, weights, select)
    total: Any = 0.0
    while left:
        # the last one first, so that those still to come keep their numbers
        mode = max(left)
        if not isinstance(Z, TreeTensor):
            gap = Z - _cast(left[mode], Z) @ Z
            return total + float(namespace(Z).sum(left[mode] * square(gap)))
        spread = [*Z.cores]
        for random, chance in left.items():
            core = spread[random]
            if random == mode:
                core = core - (_cast(chance, core) @ core)[None, :]
            spread[random] = core * _cast(namespace(chance).sqrt(chance), core)[:, None]
        deviation = TreeTensor.trusted(Z.tree, spread)
        others = [other for other in range(Z.ndim) if other not in left]
        total = total + (marginal(deviation, others) if others else deviation.norm() ** 2)
        Z = contract_modes(Z, {mode: left.pop(mode)})
    return total


def _first_moment(Z: Any, chances: Mapping[int, Array]) -> Any:
    if isinstance(Z, TreeTensor):
        return contract_modes(Z, chances)
    vector = next(iter(chances.values()))
    return algebra.scalar(_cast(vector, Z) @ Z)


def _random(
    Y: Any, weights: Any, select: Any
) -> tuple[Any, dict[int, Array]]:
    """What is left after `select`, and the probabilities of its random modes."""
    Y = checked_tensor(Y)
    chances = _placed_vectors(Y, weights, "weights")
    if not chances:
        raise ValueError("weights must name at least one mode")
    for mode, chance in chances.items():
        check_weights(chance, f"weights[{mode}]")
    picked = _placed_vectors(Y, {} if select is None else select, "select")
    if both := sorted(chances.keys() & picked.keys()):
        raise ValueError(f"modes {both} are in weights and in select; each may be in one")
    left = [mode for mode in range(Y.ndim) if mode not in picked]
    return contract_modes(Y, picked), {left.index(mode): w for mode, w in chances.items()}


def check_weights(weights: Array, name: str) -> None:
    """Refuse what are no probabilities: negative, complex, or not of sum one."""
    if arrays.is_complex(weights):
        raise TypeError(f"{name} must be real, not {arrays.dtype_name(weights)}")
    values = arrays.to_numpy(weights)
    total = float(host.sum(values))
    if bool(host.any(values < 0.0)) or not abs(total - 1.0) <= WEIGHT_SLACK:
        raise ValueError(
            f"{name} must be probabilities, not negative and of sum 1, but the sum is "
            f"{total:.10g} and the least is {float(host.min(values)):.10g}"
        )


def _placed_vectors(Y: TreeTensor, vectors: Any, name: str) -> dict[int, Array]:
    """Vectors where the tensor is, in its precision, by mode; an index becomes a unit vector."""
    if not isinstance(vectors, Mapping):
        raise TypeError(f"{name} must map modes to vectors, not {shown(vectors)}")
    like, placed = Y.cores[-1], {}
    single = arrays.epsilon(like) > 1e-10
    for mode, vector in vectors.items():
        check_mode(Y, mode, f"a mode of {name}")
        size, label = Y.shape[mode], f"{name}[{mode}]"
        if is_whole(vector):
            if not -size <= vector < size:
                raise ValueError(f"{label} must be an index in [-{size}, {size}), not {vector!r}")
            vector = [float(i == int(vector) % size) for i in range(size)]
        made = construct.checked_array(vector, label, like)
        if tuple(made.shape) != (size,):
            raise ValueError(f"{label} must have shape ({size},), not {tuple(made.shape)}")
        names = ("complex64", "float32") if single else ("complex128", "float64")
        kind = arrays.dtype_like(names[not arrays.is_complex(made)], like)
        placed[int(mode)] = namespace(like).astype(made, kind, copy=False)
    return placed


def _cast(vector: Array, like: Array) -> Array:
    return namespace(like).astype(vector, like.dtype, copy=False)
