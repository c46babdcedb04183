"""Singular values and entropies of the edges of a tree tensor."""

from __future__ import annotations

import math
from typing import Any

from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import real_number
from tensorflowlr.tensors.densities import checked_tensor
from tensorflowlr.tensors.rounding import edge_bases
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.truncation import Truncation


def singular_values(Y: TreeTensor) -> dict[int, Array]:
    """The singular values of every edge, by child node, from one sweep.

    Parameters
    ----------
    Y
        The tensor.

    Returns
    -------
    dict of int to NumPy array
        Descending; values below round-off are left out.

    Raises
    ------
    TypeError
        If `Y` is no tree tensor.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.from_dense(np.diag([3.0, 4.0]), tlr.Tree.matrix())
    >>> tlr.measures.singular_values(Y)[0]
    array([4., 3.])
    """
    Y = checked_tensor(Y).orthogonalize()
    bases, _ = edge_bases(Y.tree, Y.cores, Truncation())
    return {
        edge: host.asarray(basis.singular_values, dtype=host.float64)
        for edge, basis in enumerate(bases) if basis is not None
    }


def entropies(Y: TreeTensor, *, order: float = 1.0) -> dict[int, float]:
    """The entanglement entropy of every edge, by child node, in natural units.

    With p = s² / Σ s² of the edge's singular values: -Σ p log p (von Neumann) at order one,
    else log(Σ p^order) / (1 - order) (Rényi), the largest p alone at infinite order.

    Parameters
    ----------
    Y
        The tensor; its norm does not matter. A vanishing one has entropy zero.
    order
        Not negative; ``float("inf")`` is allowed. At order zero it is the logarithm of the
        rank.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor or `order` cannot be.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.from_dense(np.eye(4), tlr.Tree.matrix())
    >>> round(tlr.measures.entropies(Y)[0], 12)
    1.38629436112
    """
    order = checked_order(order)
    return {edge: _entropy(values, order) for edge, values in singular_values(Y).items()}


def checked_order(order: Any) -> float:
    """The order of an entropy as a float that may be infinite."""
    return real_number(order, "order", "a number that is not negative", lambda x: x >= 0.0)


def _entropy(values: Array, order: float) -> float:
    if not values[0] > 0.0:
        return 0.0
    shares = (values / values[0]) ** 2
    shares = shares / host.sum(shares)
    if order == 1.0:
        # below the smallest normal number p log p is nothing
        shares = shares[shares > 0.0]
        return max(0.0, -float(host.sum(shares * host.log(shares))))
    if order == math.inf:
        return max(0.0, -math.log(float(shares[0])))
    return max(0.0, math.log(float(host.sum(shares**order))) / (1.0 - order))
