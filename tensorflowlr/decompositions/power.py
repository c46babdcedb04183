"""Power steps: maxima of f(x) = ‖Vᴴ x^{⊗n}‖² on the sphere, from many starts at once.

Kileel and Pereira, arXiv 1912.04007: the global maxima, of value 1, are the components whose
powers the subspace holds. Power steps lead there, with the published shift where they do not
rise without; near a maximum, Gauss–Newton steps take over, which double the number of digits
each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, conj, namespace, to_numpy
from tensorflowlr.decompositions import kernels
from tensorflowlr.tensors.multisets import contracted, expanded, powers

# 1 - f from which on Gauss–Newton steps are tried, and the length up to which they are trusted
NEAR, SHORT = 0.05, 0.3
# a Gauss–Newton step of this length leaves an error of its square
SHORT_ENOUGH = 1e-8
# steps near a maximum after which it is left to Gauss–Newton steps
SLOW = 12
# how far steps go on along the last ones
MOMENTUM = 0.4
# starts whose objective rises by less than this share of what is missing go nowhere
STUCK = 1e-4
# roundings, per entry of a vector, that a squared sine may be made of
FLAT = 64.0
# looseness, times the squared sine that is none, of maxima in a continuum: how much of the push
# lies along it at least
HELD = 0.05
# entries of the rows of V beyond which Gauss–Newton steps go without
MOST_ROWS = 1 << 26


@dataclass(frozen=True)
class Climb:
    """Where starts ended.

    Attributes
    ----------
    points : array, shape (d, k)
        Unit vectors.
    objectives : NumPy array, shape (k,)
        f at the points.
    finished : NumPy array of bool, shape (k,)
        Whether they stand still; the others may go on.
    iterations : NumPy array of int, shape (k,)
        Steps of each start.
    """

    points: Array
    objectives: Array
    finished: Array
    iterations: Array


def normalised(X: Array) -> Array:
    """The columns at length one."""
    xp = namespace(X)
    return X / xp.linalg.vector_norm(X, axis=0, keepdims=True)


def objective(V: Array, X: Array, order: int) -> Array:
    """f(x) = ‖Vᴴ x^{⊗n}‖² of every column, shape (k,)."""
    return squares(arrays.adjoint(V) @ powers(X, order))


def squares(A: Array) -> Array:
    """The squared lengths of the columns, real."""
    xp = namespace(A)
    return xp.sum(xp.abs(A) ** 2, axis=0)


def gradient(V: Array, X: Array, order: int) -> tuple[Array, Array]:
    """The values f of every column and the vectors g with f = gᴴ x, shapes (k,) and (d, k)."""
    alpha = arrays.adjoint(V) @ powers(X, order)
    return squares(alpha), contracted(V @ alpha, conj(X), order)


def shift(f: Array, order: int) -> Array:
    """The adaptive shift: large enough for f to rise at every step, and none at a maximum."""
    xp = namespace(f)
    most = math.sqrt((order - 1) / order)
    f = xp.clip(f, 0.0, 1.0)
    return most * xp.where(f > 2.0 / 3.0, xp.sqrt(2.0 * f * (1.0 - f)), 1.0 - 0.5 * f)


def power_step(V: Array, X: Array, order: int) -> tuple[Array, Array]:
    """One shifted power step of every column; f before it, and the new points."""
    f, g = gradient(V, X, order)
    return f, normalised(g + shift(f, order)[None, :] * X)


def newton_step(rows: Array, X: Array, order: int) -> tuple[Array, Any]:
    """Gauss–Newton steps of all columns towards maxima of value near 1.

    With B = V times x^{⊗(n-1)}, P - n P B Bᴴ P holds on the tangent space the squared sines of
    the angles between the derivatives of x^{⊗n} and the range of V; up to what vanishes where
    f = 1 the Hessian of f is -2n times that. A maximum is isolated where none vanishes. That
    sines are not taken relative to f damps the steps by 1 - f, the squared residual, which is
    what lets them converge to maxima in a continuum too (Yamashita and Fukushima, *On the rate
    of convergence of the Levenberg–Marquardt method*, Computing Suppl. 15, 2001).

    Parameters
    ----------
    rows
        ``expanded(V, d, n)``, shape (N', d, r).
    X
        Points, shape (d, k).
    order
        n.

    Returns
    -------
    moves, looseness
        Tangent moves (d, k), and on the host how far a push of length about one moves each
        point: about one over the smallest squared sine, and over `vanishing` where that vanishes.
    """
    xp = namespace(X)
    count, size, rank = (int(n) for n in rows.shape)
    low = powers(X, order - 1)
    flat = xp.reshape(rows, (count, size * rank))
    B = xp.reshape(conj(low.mT) @ flat, (int(X.shape[1]), size, rank))
    K = B @ arrays.adjoint(B)
    x = X.mT[:, :, None]
    g = K @ x
    f = arrays.adjoint(x) @ g
    # one pass over B: f, its gradient and the projections all follow from B Bᴴ
    gh = arrays.adjoint(g)
    curvature = K - x @ gh - g @ arrays.adjoint(x) + f * (x @ arrays.adjoint(x))
    # a little more than one, so that no system of a maximum in a continuum is singular
    height = (1.0 + vanishing(size, X)) * arrays.eye(size, size, X)
    system = height[None, :, :] - order * curvature
    push = arrays.asarray(pushes(range(size)), like=X, dtype=X.dtype)
    sides = xp.concat([g, push[None, :, :] + 0.0 * x], axis=2)
    made = arrays.solve(system, sides - x @ (arrays.adjoint(x) @ sides))
    return made[:, :, 0].mT, looseness(made[:, :, 1:])


def pushes(places: Iterable[int]) -> list[list[float]]:
    """Two fixed directions: no tangent is orthogonal to both by chance. One row per place."""
    return [[math.sin(1.0 + 2.0 * i * i), math.cos(1.0 + 3.0 * i * i)] for i in places]


def looseness(moved: Array) -> Any:
    """How far both pushes move each point, on the host; shape (k, d, 2) to (k,)."""
    xp = namespace(moved)
    return to_numpy(xp.sum(xp.abs(moved) ** 2, axis=(1, 2))) ** 0.5


def vanishing(size: int, like: Array) -> float:
    """The largest squared sine that may be round-off, for vectors of that size."""
    return FLAT * size * arrays.epsilon(like)


def isolated(loose: Any, error: float, size: int, like: Array) -> Any:
    """Whether maxima stand alone, as far as the precision tells.

    Parameters
    ----------
    loose
        Their looseness, from a Gauss–Newton step.
    error
        The sine of the angle by which round-off turns the range of V: a squared sine of no
        more than its square is none.
    size, like
        The entries of a point, and an array of its precision.
    """
    return loose * (vanishing(size, like) + error**2) < HELD


def climb(
    V: Array, X: Array, order: int, *, limit: int = 5000, least: float = 0.0, share: float = 1.0,
    loose: float = 0.0,
) -> Climb:
    """Climb from every column of `X` to a maximum of f.

    Parameters
    ----------
    V
        An orthonormal basis of compressed symmetric tensors of order n, shape (N, r).
    X
        Starts of length one, shape (d, k).
    order
        n, at least 2.
    limit
        The most steps of one start.
    least
        Starts that are below this value after two steps are given up.
    share
        The share of the starts that must stand still before the others are returned as they
        are, to go on beside new ones.
    loose
        Where positive, power steps alone, which end when they are this short.

    Returns
    -------
    Climb
    """
    if kernels.fits(V, int(X.shape[0])):
        return Climb(*kernels.climb(V, X, order, limit, least, loose or SHORT_ENOUGH, STUCK,
                                    MOMENTUM))
    return _climb_together(V, X, order, limit, least, share, loose)


def _climb_together(
    V: Array, X: Array, order: int, limit: int, least: float, share: float, loose: float = 0.0
) -> Climb:
    """All starts at once, as matrix products; those that stand still leave."""
    host, lanes = arrays.host, int(X.shape[1])
    places: list[Array] = [X[:, i : i + 1] for i in range(lanes)]
    heights, ended = host.zeros(lanes), host.zeros(lanes, dtype=bool)
    active, before, near = host.arange(lanes), host.zeros(lanes), host.full(lanes, NEAR)
    slack = 16.0 * max(arrays.epsilon(X), 1e-13)
    still = loose or max(1e-14, 8.0 * arrays.epsilon(X))
    enough = SHORT_ENOUGH if still < 1e-10 else 1e-3
    steps, rows, close_for = host.zeros(lanes, dtype=int), None, host.zeros(lanes, dtype=int)
    bold, last = host.ones(lanes, dtype=bool), X
    for iteration in range(limit):
        f_there, g = gradient(V, X, order)
        heights[active] = f = to_numpy(f_there)
        steps[active] += 1
        # a step that led down ends the trust in further ones from there
        down = f < before - slack
        bold[active] &= ~down
        near = host.where(down, 0.1 * near, near)
        plain, moved = bold_step(X, last, f_there, g, bold[active], order)
        done = to_numpy(squares(moved - X)) ** 0.5 < still
        close = host.flatnonzero(1.0 - f < near)
        close_for[active[close]] += 1
        if iteration >= 2:
            done |= f < least
        if iteration > 10:
            done |= ~down & (f - before < STUCK * (1.0 - f)) & (1.0 - f >= near)
        if loose:
            done |= (close_for[active] > SLOW) & (1.0 - f < 0.2 * NEAR)
        elif len(close) and math.prod(V.shape) * order <= MOST_ROWS:
            rows = expanded(V, int(X.shape[0]), order) if rows is None else rows
            X, sizes, _ = newton_points(rows, arrays.take(X, arrays.integers(close, X), 1), order)
            steps[active[close]] += 1
            near[close[sizes >= SHORT]] *= 0.1
            trusted = host.flatnonzero(sizes < SHORT)
            moved = replaced(moved, X, close[trusted], trusted)
            plain = replaced(plain, X, close[trusted], trusted)
            done[close[sizes < enough]] = True
        for i in host.flatnonzero(done):
            places[active[i]] = moved[:, int(i) : int(i) + 1]
        ended[active[done]] = True
        stay = host.flatnonzero(~done)
        X, last, active, before, near = moved, plain, active[stay], f[stay], near[stay]
        if len(stay) < len(f):
            kept = arrays.integers(stay, X)
            X, last = arrays.take(X, kept, 1), arrays.take(last, kept, 1)
        if not len(stay) or ended.mean() >= share:
            break
    for i, lane in enumerate(active):
        places[lane] = X[:, i : i + 1]
    return Climb(namespace(X).concat(places, axis=1), heights, ended, steps)


def bold_step(
    X: Array, last: Array, f: Array, g: Array, bold: Any, order: int
) -> tuple[Array, Array]:
    """Power steps, for bold columns without the shift and further along the last two points.

    The shift makes every step rise, but most rise without it, and far more: columns that a
    step led down take the published ones.
    """
    if bold.all():
        plain = normalised(g)
        return plain, normalised((1.0 + MOMENTUM) * plain - MOMENTUM * last)
    free = arrays.asarray(1.0 * bold, like=X, dtype=f.dtype)
    plain = normalised(g + ((1.0 - free) * shift(f, order))[None, :] * X)
    return plain, normalised(plain + (MOMENTUM * free)[None, :] * (plain - last))


def newton_points(rows: Array, X: Array, order: int) -> tuple[Array, Array, Array]:
    """The points after Gauss–Newton steps; on the host, how far they moved and are loose."""
    moves, loose = newton_step(rows, X, order)
    return normalised(X + moves), arrays.host.nan_to_num(
        to_numpy(squares(moves)) ** 0.5, nan=math.inf), loose


def replaced(X: Array, other: Array, columns: Array, sources: Array) -> Array:
    """`X` with some columns from another matrix."""
    index = arrays.host.arange(int(X.shape[1]))
    index[columns] = len(index) + sources
    both = namespace(X).concat([X, other], axis=1)
    return arrays.take(both, arrays.integers(index, X), 1)
