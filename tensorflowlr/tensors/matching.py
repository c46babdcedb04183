"""Vectors of two tensors paired with one another."""

from __future__ import annotations

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint


def paired_columns(first: Array, second: Array) -> tuple[list[int], float]:
    """The best pairing of unit vectors, shapes (d, r) and (d, s), up to signs and phases.

    The sum of the absolute inner products is the largest, found by the Hungarian method.

    Returns
    -------
    order, error
        For each column of `first`, the number of its partner (of as many as both have), and
        the largest distance of two partners.
    """
    import scipy.optimize

    gram = arrays.to_numpy(adjoint(first) @ second)
    rows, columns = scipy.optimize.linear_sum_assignment(abs(gram), maximize=True)
    mine, theirs = arrays.to_numpy(first), arrays.to_numpy(second)
    turns = gram[rows, columns]
    turns = turns / abs(turns).clip(1e-300)
    gaps = ((abs(mine[:, rows] * turns - theirs[:, columns]) ** 2).sum(axis=0)) ** 0.5
    return columns.tolist(), float(gaps.max())
