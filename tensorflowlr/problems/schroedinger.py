"""The discrete Schrödinger equation of a matrix of wave values."""

from __future__ import annotations

import math
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import host
from tensorflowlr.checks import whole_number
from tensorflowlr.fields import LinearField
from tensorflowlr.observers import Expectation, Norm
from tensorflowlr.operators import TreeOperator
from tensorflowlr.problems.base import Problem
from tensorflowlr.tensors import LowRankMatrix
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation


def discrete_schroedinger(
    points: int = 100,
    *,
    rank: int = 4,
    rng: Any = 0,
    span: tuple[float, float] = (0.0, 1.0),
) -> Problem:
    """Y' = -i (D Y + Y Dᵀ + V Y Vᵀ), as in arXiv 2104.05247, section 5.

    D = tridiag(-1, 2, -1) / 2, V = diag(1 - cos x_j), x_j = (2π/N)(-N/2 + j). The start is
    U S Vᵀ with U, V from the QR of matrices uniform in [0, 1) and S = diag(10^-i),
    i = 1 … N, of norm one, cut to the given rank.

    Parameters
    ----------
    points
        N, at least 2.
    rank
        Rank of the start.
    rng
        What `numpy.random.default_rng` takes.
    span
        Start and end time.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be.

    Examples
    --------
    >>> from tensorflowlr.problems import discrete_schroedinger
    >>> discrete_schroedinger(16).start.ranks
    {0: 4, 1: 4}
    """
    points = whole_number(points, "points", 2, 1 << 20)
    rank = whole_number(rank, "rank", 1, points)
    tree = Tree.matrix()
    kinetic = arrays.sparse_tridiagonal(-0.5, 1.0, -0.5, points)
    wall = [1.0 - math.cos(2.0 * math.pi * (j / points - 0.5)) for j in range(points)]
    H = TreeOperator.from_terms(
        [(1.0, {0: kinetic}), (1.0, {1: kinetic}), (1.0, {0: wall, 1: wall})],
        tree, (points, points),
    )
    draw = arrays.default_rng(rng)
    bases = [arrays.qr(draw.random((points, points)))[0] for _ in range(2)]
    weights = host.asarray([10.0 ** -(i + 1) for i in range(points)])
    weights = weights / host.linalg.vector_norm(weights)
    start = LowRankMatrix(bases[0], host.diag(weights), bases[1])
    return Problem(
        "discrete_schroedinger",
        LinearField(H, coefficient=-1j),
        start.round(Truncation(max_rank=rank)).astype(complex),
        span,
        {
            "norm": Norm(),
            "energy": Expectation(H),
        },
    )
