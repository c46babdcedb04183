"""Power steps of several vectors: maxima of f(x) = ‖Vᴴ ⊗_g x_g^{⊗n_g}‖² on spheres.

Wang, Pereira, Kileel and Seigal, arXiv 2510.18627: where the subspace is that of general
products, they are the maxima of value 1. One group after the other takes the shifted step of
the symmetric method; near a maximum, Gauss–Newton steps on all vectors take over.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, host, namespace, to_numpy
from tensorflowlr.decompositions.groups import Side
from tensorflowlr.decompositions.power import (
    SHORT,
    SHORT_ENOUGH,
    looseness,
    normalised,
    pushes,
    shift,
    squares,
    vanishing,
)

# sweeps before a start may be given up, and the rise of f that is none, per missing f
LEAST_SWEEPS, STUCK = 20, 1e-4
# 1 - f from which on Gauss–Newton steps take over
NEAR = 1e-3
# 1 - f that Gauss–Newton steps reach at least
CONVERGED = 1e-7
# Gauss–Newton steps at the end of a climb
NEWTON_STEPS = 8


def sweep(V: Array, side: Side, X: Sequence[Array]) -> tuple[Array, list[Array]]:
    """One shifted power step of every group in turn; f before the last, and the new points."""
    moved = list(X)
    f: Array = 0.0
    for place, order in enumerate(side.orders):
        alpha = adjoint(V) @ side.powers(moved)
        f = squares(alpha)
        g = side.contracted(V @ alpha, [conj(x) for x in moved], place)
        moved[place] = normalised(g + shift(f, order)[None, :] * moved[place])
    return f, moved


def objective(V: Array, side: Side, X: Sequence[Array]) -> Array:
    """The values f of every column, on the host."""
    return to_numpy(squares(adjoint(V) @ side.powers(X)))


def newton_step(V: Array, side: Side, X: Sequence[Array]) -> tuple[list[Array], Any]:
    """Gauss–Newton moves of all vectors towards a maximum of value 1, and how loose it is.

    On the tangent spaces half the Hessian of f is JᴴJ - diag(n_g f) where f = 1, J being the
    derivative of the coordinates Vᴴ ⊗ x_g^{⊗n_g}; it is damped as in `power.newton_step`.

    Returns
    -------
    moves, looseness
        Tangent moves, and on the host how far a push of length about one moves each point.
    """
    xp, columns = namespace(V), int(X[0].shape[1])
    alpha = adjoint(V) @ side.powers(X)
    alpha = alpha.mT[:, :, None]
    slopes, sides = [], []
    for place, (size, order) in enumerate(zip(side.sizes, side.orders, strict=True)):
        x = X[place].mT[:, :, None]
        B = _block(V, side, [conj(y) for y in X], place)
        push = arrays.asarray(pushes(range(place, place + size)), like=V, dtype=V.dtype)
        both = xp.concat([order * (B @ alpha), push[None, :, :] + 0.0 * x], axis=2)
        slopes.append(order * (B - x @ (adjoint(x) @ B)))
        sides.append(both - x @ (adjoint(x) @ both))
    J = xp.concat(slopes, axis=1)
    weights = arrays.asarray([float(n) for d, n in zip(side.sizes, side.orders, strict=True)
                              for _ in range(d)], like=V, dtype=V.dtype)
    total = int(weights.shape[0])
    height = (1.0 + vanishing(total, V)) * weights[:, None] * arrays.eye(total, total, V)
    system = height[None, :, :] - J @ adjoint(J)
    made = arrays.solve(system, xp.concat(sides, axis=1))
    edges = [0, *itertools.accumulate(side.sizes)]
    moves = [xp.reshape(made[:, a:b, 0].mT, (b - a, columns)) for a, b in itertools.pairwise(edges)]
    return moves, looseness(made[:, :, 1:])


def _block(V: Array, side: Side, X: Sequence[Array], place: int) -> Array:
    """The basis times all vectors but one of a group, shape (k, d_g, r)."""
    xp, columns, rank = namespace(V), int(X[0].shape[1]), int(V.shape[1])

    def spread(A: Array, lead: bool) -> Array:
        rows = int(A.shape[0])
        shape = (rows, rank, columns)
        whole = A[:, :, None] if lead else A[:, None, :]
        return xp.reshape(xp.broadcast_to(whole, shape), (rows, rank * columns))

    made = side.contracted(spread(V, True), [spread(x, False) for x in X], place)
    return xp.permute_dims(xp.reshape(made, (-1, rank, columns)), (2, 0, 1))


def polished(
    V: Array, side: Side, X: Sequence[Array], steps: int = NEWTON_STEPS
) -> tuple[list[Array], Any]:
    """The maxima next to some points by Gauss–Newton steps, and how loose they are."""
    X, loose = list(X), host.zeros(int(X[0].shape[1]))
    enough = SHORT_ENOUGH if arrays.epsilon(V) < 1e-10 else 1e-3
    for _ in range(steps):
        moves, loose = newton_step(V, side, X)
        sizes = host.sqrt(sum(to_numpy(squares(m)) for m in moves))
        X = [chosen(sizes < SHORT, normalised(x + m), x) for x, m in zip(X, moves, strict=True)]
        if not (sizes[sizes < SHORT] >= enough).any():
            break
    return X, loose


def chosen(which: Any, first: Array, second: Array) -> Array:
    """Columns of the first matrix where `which` is true, of the second elsewhere."""
    count = int(first.shape[1])
    index = host.arange(count) + host.where(which, 0, count)
    return arrays.take(namespace(first).concat([first, second], axis=1),
                       arrays.integers(index, first), 1)


def climb(
    V: Array, side: Side, X: Sequence[Array], *, limit: int, near: float = NEAR
) -> tuple[list[Array], Any, Any]:
    """Climb from every column to a maximum of f, or to where f rises no more.

    Returns
    -------
    points, heights, iterations
        Unit vectors of each group, and on the host f and the sweeps of each start.
    """
    lanes = int(X[0].shape[1])
    ended: list[list[Array]] = [[x[:, i : i + 1] for i in range(lanes)] for x in X]
    active, before = host.arange(lanes), host.zeros(lanes)
    counts = host.zeros(lanes, dtype=int)
    X = list(X)
    for iteration in range(limit):
        f_there, X = sweep(V, side, X)
        f = to_numpy(f_there)
        counts[active] += 1
        done = 1.0 - f < near
        if iteration >= LEAST_SWEEPS:
            done |= f - before < STUCK * (1.0 - f)
        for i in host.flatnonzero(done):
            for place, x in enumerate(X):
                ended[place][active[i]] = x[:, int(i) : int(i) + 1]
        stay = host.flatnonzero(~done)
        active, before = active[stay], f[stay]
        if not len(stay):
            break
        if len(stay) < len(f):
            X = [arrays.take(x, arrays.integers(stay, x), 1) for x in X]
    for i, lane in enumerate(active):
        for place, x in enumerate(X):
            ended[place][lane] = x[:, i : i + 1]
    points = [namespace(V).concat(columns, axis=1) for columns in ended]
    heights = objective(V, side, points)
    close = host.flatnonzero(1.0 - heights < max(near, NEAR))
    if len(close):
        where = arrays.integers(close, V)
        finer, _ = polished(V, side, [arrays.take(x, where, 1) for x in points])
        finer_heights = objective(V, side, finer)
        better = close[finer_heights > heights[close]]
        points = [_placed(x, arrays.take(y, arrays.integers(host.searchsorted(close, better), y),
                                         1), better) for x, y in zip(points, finer, strict=True)]
        heights[better] = finer_heights[host.searchsorted(close, better)]
    slow = host.flatnonzero((1.0 - heights < near) & (1.0 - heights > CONVERGED))
    if len(slow) and near > CONVERGED:
        # too flat yet for Gauss–Newton steps
        where = arrays.integers(slow, V)
        again = climb(V, side, [arrays.take(x, where, 1) for x in points], limit=limit,
                      near=0.01 * near)
        points = [_placed(x, y, slow) for x, y in zip(points, again[0], strict=True)]
        heights[slow], counts[slow] = again[1], counts[slow] + again[2]
    return points, heights, counts


def _placed(X: Array, columns: Array, places: Any) -> Array:
    """`X` with other columns at some places."""
    index = host.arange(int(X.shape[1]))
    index[places] = len(index) + host.arange(len(places))
    return arrays.take(namespace(X).concat([X, columns], axis=1), arrays.integers(index, X), 1)
