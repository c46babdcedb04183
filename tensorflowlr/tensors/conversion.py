"""To and from TensorLy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.shapes import TensorTrain, TuckerTensor, train_cores
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.trees import Tree


def to_tensorly(Y: TreeTensor) -> Any:
    """The TensorLy object of a tensor on a Tucker or train tree."""
    if Y.tree == Tree.tucker(Y.tree.modes) and Y.ndim > 1:
        from tensorly.tucker_tensor import TuckerTensor as TensorlyTucker

        return TensorlyTucker((Y.cores[-1], list(Y.cores[:-1])))
    if Y.tree == Tree.train(Y.tree.modes):
        from tensorly.tt_tensor import TTTensor

        return TTTensor(train_cores(Y))
    raise ValueError(
        f"TensorLy has no format for {Y.tree}; it takes Tree.tucker(d) and Tree.train(d)"
    )


def from_tensorly(obj: Any, *, tree: Tree | None = None) -> TreeTensor:
    """A tree tensor from a TensorLy Tucker, TT or CP tensor.

    Parameters
    ----------
    obj
        A TensorLy `TuckerTensor`, `TTTensor` or `CPTensor`.
    tree
        The tree for a CP tensor (balanced by default); the other two bring their own.

    Raises
    ------
    TypeError
        If `obj` is none of the three.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TuckerTensor.random(tlr.Tree.tucker(3), (3, 4, 5), 2, rng=0)
    >>> tlr.from_tensorly(Y.to_tensorly()).shape
    (3, 4, 5)
    """
    kind = type(obj).__name__
    if kind not in ("TuckerTensor", "TTTensor", "CPTensor"):
        raise TypeError(f"obj must be a TensorLy Tucker, TT or CP tensor, not {kind}")
    if tree is not None and kind != "CPTensor":
        raise ValueError(f"tree may be given for a CP tensor alone, not for a {kind}")
    if kind == "TuckerTensor":
        return TuckerTensor(obj.core, list(obj.factors))
    if kind == "TTTensor":
        return TensorTrain(list(obj.factors))
    factors = [arrays.asarray(f) for f in obj.factors]
    weights = arrays.asarray(obj.weights, like=factors[0], dtype=factors[0].dtype)
    tree = construct.checked_tree(tree or Tree.balanced(len(factors)), len(factors))
    return cp_tree(weights, factors, tree)


def cp_tree(weights: Array, factors: Sequence[Array], tree: Tree) -> TreeTensor:
    """The sum of weighted products of the factors' columns, on a tree of as many modes."""
    rank = int(factors[0].shape[1])
    cores = list(factors)
    for node in tree.inner:
        order = len(tree.children[node]) + (node != tree.root)
        core = arrays.zeros((rank,) * order, factors[0])
        for j in range(rank):
            core[(j,) * order] = weights[j] if node == tree.root else 1.0
        cores.append(core)
    return TreeTensor(tree, cores)
