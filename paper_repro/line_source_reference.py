"""The line source by plain NumPy: P_n matrices by quadrature, all moments, collocation in σ_s.

Nothing here comes from the library: harmonics are SciPy's Legendre functions, the matrices are
integrals over the sphere, differences are shifted arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import scipy.special

from paper_repro.common import Array, spread

HALF_WIDTH, WIDTH, FLOOR = 1.5, 0.03, 1e-4


def even_moments(degree: int) -> list[int]:
    """Where the moments with orders k >= 0 are among all: the others stay zero."""
    return [n * n + n + k for n in range(degree + 1) for k in range(n + 1)]


def harmonics(degree: int, height: Array, angle: Array) -> Array:
    """Real, orthonormal spherical harmonics at directions, one row per moment."""
    rows = []
    for n in range(degree + 1):
        for k in range(-n, n + 1):
            m = abs(k)
            square = (2 * n + 1) / (4.0 * math.pi) * math.factorial(n - m) / math.factorial(n + m)
            value = (-1.0) ** m * math.sqrt(square) * scipy.special.lpmv(m, n, height)
            if k != 0:
                value = value * math.sqrt(2.0) * (np.cos if k > 0 else np.sin)(m * angle)
            rows.append(value)
    return np.array(rows)


def angular_matrices(degree: int) -> tuple[Array, Array]:
    """∫ Ω_x Y Y' dΩ and ∫ Ω_z Y Y' dΩ by a quadrature that is exact for these polynomials."""
    heights, weights = np.polynomial.legendre.leggauss(degree + 2)
    count = 2 * degree + 4
    angles = 2.0 * np.pi * np.arange(count) / count
    z, phi = (a.ravel() for a in np.meshgrid(heights, angles, indexing="ij"))
    Y = harmonics(degree, z, phi)
    weighted = Y * np.repeat(weights * 2.0 * np.pi / count, count)
    x = np.sqrt(1.0 - z**2) * np.cos(phi)
    return (weighted * x) @ Y.T, (weighted * z) @ Y.T


def upwind_matrices(degree: int) -> list[Any]:
    """A_x, |A_x|, A_z, |A_z| of the even moments, as sparse matrices."""
    kept = np.ix_(even_moments(degree), even_moments(degree))
    made = []
    for matrix in angular_matrices(degree):
        values, vectors = np.linalg.eigh(matrix[kept])
        for part in (matrix[kept], (vectors * np.abs(values)) @ vectors.T):
            made.append(scipy.sparse.csr_array(np.where(np.abs(part) > 1e-13, part, 0.0)))
    return made


def full_rank(
    cells: int, degree: int, scattering: float, absorption: float, steps: int, saves: int = 1
) -> Array:
    """All even moments at `saves` equal times up to T = 1 by classical Runge–Kutta steps.

    Returns
    -------
    array, shape (saves, moments, cells, cells)
    """
    flow_x, viscosity_x, flow_z, viscosity_z = upwind_matrices(degree)
    x = np.linspace(-HALF_WIDTH, HALF_WIDTH, cells)
    spacing = x[1] - x[0]
    squares = x[:, None] ** 2 + x[None, :] ** 2
    bump = np.exp(-squares / (4.0 * WIDTH**2)) / (4.0 * np.pi * WIDTH**2)
    u = np.zeros((flow_x.shape[0], cells, cells))
    u[0] = np.maximum(FLOOR, bump) / (4.0 * np.pi)
    loss = np.full((len(u), 1, 1), absorption + scattering)
    loss[0] = absorption
    inner = (len(u), cells - 2, cells - 2)

    def slope(u: Array) -> Array:
        made = -loss * u
        here = 2.0 * u[:, 1:-1, 1:-1]
        west, east = u[:, :-2, 1:-1], u[:, 2:, 1:-1]
        south, north = u[:, 1:-1, :-2], u[:, 1:-1, 2:]
        moved = flow_x @ (west - east).reshape(len(u), -1)
        moved += flow_z @ (south - north).reshape(len(u), -1)
        moved += viscosity_x @ (west + east - here).reshape(len(u), -1)
        moved += viscosity_z @ (south + north - here).reshape(len(u), -1)
        made[:, 1:-1, 1:-1] += moved.reshape(inner) / (2.0 * spacing)
        return made

    h, kept = 1.0 / steps, []
    for step in range(1, steps + 1):
        k1 = slope(u)
        k2 = slope(u + 0.5 * h * k1)
        k3 = slope(u + 0.5 * h * k2)
        k4 = slope(u + h * k3)
        u = u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        if step * saves % steps == 0:
            kept.append(u)
    return np.array(kept)


def scattering_nodes(
    points: int, count: int, mean: float, amplitudes: Sequence[float]
) -> tuple[Array, Array]:
    """Gauss nodes and weights for σ_s = mean + a ξ + b η on the tensor grid of (ξ, η).

    They integrate polynomials of σ_s of degree 2 count - 1 as the points² grid points do.
    """
    x, w = np.polynomial.legendre.leggauss(points)
    sigma = (mean + amplitudes[0] * x[:, None] + amplitudes[1] * x[None, :]).ravel()
    rows = [np.sqrt(np.outer(w, w).ravel() / 4.0)]
    diagonal, beside = [], []
    for _ in range(count):
        next_row = sigma * rows[-1]
        diagonal.append(float(next_row @ rows[-1]))
        for _ in range(2):
            next_row = next_row - np.array(rows).T @ (np.array(rows) @ next_row)
        beside.append(float(np.linalg.norm(next_row)))
        rows.append(next_row / beside[-1])
    jacobi = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return nodes, vectors[0] ** 2


def _moment_zero(cells: int, degree: int, scattering: float, steps: int) -> Array:
    return full_rank(cells, degree, scattering, 1.0, steps)[-1, 0]


def collocation(
    cells: int, degree: int, steps: int, points: int, count: int
) -> tuple[Array, Array]:
    """Expectation and variance of moment 0 at T = 1 for σ_s = 1 + ξ + η, σ_a = 1."""
    nodes, weights = scattering_nodes(points, count, 1.0, (1.0, 1.0))
    jobs = [(cells, degree, float(node), steps) for node in nodes]
    solutions = np.array(spread(_moment_zero, jobs))
    mean = np.tensordot(weights, solutions, 1)
    return mean, np.tensordot(weights, (solutions - mean) ** 2, 1)
