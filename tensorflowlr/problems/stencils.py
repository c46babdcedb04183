"""Pieces of discretised transport problems."""

from __future__ import annotations

from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host


def transport_stencils(cells: int, spacing: float) -> tuple[Any, Any]:
    """Central differences and the upwind viscosity of one space direction, sparse.

    Parameters
    ----------
    cells
        The number of cells; beyond the ends the solution is zero.
    spacing
        The width of a cell.

    Returns
    -------
    first : sparse matrix, shape (cells, cells)
        tridiag(-1, 0, 1) / (2 spacing).
    second : sparse matrix, shape (cells, cells)
        tridiag(1, -2, 1) / (2 spacing).
    """
    unit = 0.5 / spacing
    return (
        arrays.sparse_tridiagonal(-unit, 0.0, unit, cells),
        arrays.sparse_tridiagonal(unit, -2.0 * unit, unit, cells),
    )


def cell_centres(cells: int, half_width: float) -> tuple[Array, float]:
    """Centres of equal cells on [-half_width, half_width], the ends included, and their width."""
    spacing = 2.0 * half_width / (cells - 1)
    return host.linspace(-half_width, half_width, cells), spacing


def legendre_points(count: int) -> tuple[Array, Array]:
    """Points in [-1, 1] and weights of Gauss and Legendre, the weights of sum one.

    Examples
    --------
    >>> from tensorflowlr.problems.stencils import legendre_points
    >>> points, weights = legendre_points(3)
    >>> round(float(weights @ points**4), 12)
    0.2
    """
    points, weights = arrays.gauss_legendre(count)
    return points, 0.5 * weights


def absolute(matrix: Array) -> Array:
    """|A| of a real symmetric matrix: its eigenvalues made positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr.problems.stencils import absolute
    >>> absolute(np.diag([2.0, -3.0])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    values, vectors = arrays.eigh(matrix)
    return (vectors * host.abs(values)) @ vectors.T
