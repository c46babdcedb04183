"""The discrete Schrödinger equation: dense reference, methods compared, a naive one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

import tensorflowlr as tlr
from paper_repro.common import Array
from tensorflowlr.problems import discrete_schroedinger

POINTS, CAP, REJECT = 100, 30, 10.0
STEPS = (0.1, 0.05, 0.02, 0.01, 0.005)
METHODS = ("augmented", "parallel", "parallel, rejection", "parallel, order 2",
           "augmented, order 2")
Method = tlr.ParallelBUG | tlr.AugmentedBUG


def methods(atol: float) -> dict[str, Method]:
    """The methods compared; the ranks end at 30 as in the published runs."""
    rule = tlr.Truncation(atol=atol, max_rank=CAP)
    return {
        "augmented": tlr.AugmentedBUG(rule),
        "parallel": tlr.ParallelBUG(rule),
        "parallel, rejection": tlr.ParallelBUG(rule, reject=REJECT),
        "parallel, order 2": tlr.ParallelBUG(rule, order=2),
        "augmented, order 2": tlr.AugmentedBUG(rule, order=2),
    }


def bases(points: int, seed: int = 0) -> tuple[Array, Array]:
    """Random orthonormal U and V: QR of two matrices of numbers uniform in [0, 1)."""
    rng = np.random.default_rng(seed)
    left, right = rng.random((points, points)), rng.random((points, points))
    return np.linalg.qr(left)[0], np.linalg.qr(right)[0]


def slope_of(Y: Array) -> Array:
    """-i (D Y + Y Dᵀ + V Y Vᵀ) for stacked dense Y (…, N, N), without the library."""
    n = Y.shape[-1]
    wall = 1.0 - np.cos(2.0 * np.pi / n * np.arange(-n / 2, n / 2))
    value = (2.0 + np.multiply.outer(wall, wall)) * Y
    value[..., 1:, :] -= 0.5 * Y[..., :-1, :]
    value[..., :-1, :] -= 0.5 * Y[..., 1:, :]
    value[..., :, 1:] -= 0.5 * Y[..., :, :-1]
    value[..., :, :-1] -= 0.5 * Y[..., :, 1:]
    return -1j * value


def exact(starts: Array) -> Array:
    """The solutions at T = 1 of stacked dense starts, by SciPy's DOP853."""
    shape = starts.shape
    result = solve_ivp(
        lambda t, y: slope_of(y.reshape(shape)).ravel(), (0.0, 1.0),
        starts.astype(complex).ravel(), method="DOP853", rtol=1e-11, atol=1e-14,
    )
    return np.asarray(result.y[:, -1]).reshape(shape)


def low_rank(U: Array, s: Array, V: Array) -> tlr.LowRankMatrix:
    """The leading columns of U and V with the given singular values."""
    r = s.size
    return tlr.LowRankMatrix(
        U[:, :r].astype(complex), np.diag(s).astype(complex), V[:, :r].astype(complex)
    )


@functools.cache
def right_hand_side(points: int) -> tlr.LinearField:
    """The library's right-hand side."""
    return discrete_schroedinger(points).field


def integrate(Y0: tlr.LowRankMatrix, step: float, method: Method) -> tlr.Solution:
    """One run to T = 1; where `max_rank` cuts is not warned about."""
    field = right_hand_side(Y0.shape[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.integrate(field, Y0, (0.0, 1.0), step=step, method=method)


def errors(
    Y0: tlr.LowRankMatrix, reference: Array, steps: Sequence[float], atol: float,
    names: Sequence[str] = METHODS,
) -> dict[str, list[tuple[float, tlr.Solution]]]:
    """Frobenius errors at T = 1 and solutions, by method and step."""
    chosen = methods(atol)
    found: dict[str, list[tuple[float, tlr.Solution]]] = {}
    for name in names:
        made = [integrate(Y0, h, chosen[name]) for h in steps]
        found[name] = [
            (float(np.linalg.norm(m.final.to_dense() - reference)), m) for m in made
        ]
    return found


def naive(U: Array, s: Array, V: Array, step: float) -> Array:
    """Runge–Kutta for U, S and V of a fixed rank with the inverse of S, as a matrix.

    U' = (1 - U Uᴴ) F V̄ S⁻¹, S' = Uᴴ F V̄, V' likewise: the projected equations that the
    methods of the library are made to avoid. NaN where they overflow.
    """
    def derivative(u: Array, core: Array, v: Array) -> tuple[Array, Array, Array]:
        force = slope_of(u @ core @ v.T)
        right, left, inverse = force @ v.conj(), u.conj().T @ force, np.linalg.inv(core)
        middle = u.conj().T @ right
        return (right - u @ middle) @ inverse, middle, (left - middle @ v.T).T @ inverse.T

    def moved(y: tuple[Array, ...], k: tuple[Array, ...], h: float) -> tuple[Array, ...]:
        return tuple(a + h * b for a, b in zip(y, k, strict=True))

    y: tuple[Array, ...] = (U.astype(complex), np.diag(s).astype(complex), V.astype(complex))
    lost = np.full((U.shape[0], V.shape[0]), np.nan)
    with np.errstate(all="ignore"):
        for _ in range(round(1.0 / step)):
            try:
                k1 = derivative(*y)
                k2 = derivative(*moved(y, k1, step / 2))
                k3 = derivative(*moved(y, k2, step / 2))
                k4 = derivative(*moved(y, k3, step))
            except np.linalg.LinAlgError:
                return lost
            y = tuple(a + step / 6 * (b + 2 * c + 2 * d + e)
                      for a, b, c, d, e in zip(y, k1, k2, k3, k4, strict=True))
            if not all(np.isfinite(a).all() for a in y):
                return lost
    return np.asarray(y[0] @ y[1] @ y[2].T)


def small_values(
    U: Array, V: Array, steps: Sequence[float], smallest: Sequence[float], rank: int,
    names: Sequence[str],
) -> tuple[
    dict[tuple[str, float], list[float]], dict[float, list[float]], dict[float, float]
]:
    """Errors by method and smallest singular value, over the step.

    The other singular values fall evenly from 1 to 1e-1; the start has norm one. The exact
    solutions are combinations of two, the equation being linear.

    Returns
    -------
    tuple
        Errors by (method, smallest value), those of the naive method by smallest value, and
        the least error that any matrix of the start's rank can have.
    """
    head = np.geomspace(1.0, 0.1, rank - 1)
    parts = exact(np.stack([
        (U[:, : rank - 1] * head) @ V[:, : rank - 1].T,
        np.outer(U[:, rank - 1], V[:, rank - 1]),
    ]))
    found: dict[tuple[str, float], list[float]] = {}
    broken: dict[float, list[float]] = {}
    best: dict[float, float] = {}
    for value in smallest:
        s = np.append(head, value)
        size = float(np.linalg.norm(s))
        reference = (parts[0] + value * parts[1]) / size
        best[value] = float(np.linalg.norm(np.linalg.svd(reference, compute_uv=False)[rank:]))
        made = errors(low_rank(U, s / size, V), reference, steps, 1e-6, names)
        for name in names:
            found[name, value] = [e for e, _ in made[name]]
        broken[value] = [
            float(np.linalg.norm(naive(U[:, :rank], s / size, V[:, :rank], h) - reference))
            for h in steps
        ]
    return found, broken, best
