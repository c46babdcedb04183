"""All products of a subspace: climb from many starts, keep what is new, deflate, again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.decompositions import joint
from tensorflowlr.decompositions.deflation import deflate
from tensorflowlr.decompositions.extraction import Subspace
from tensorflowlr.decompositions.groups import Side
from tensorflowlr.decompositions.power import normalised
from tensorflowlr.decompositions.search import (
    EXACT,
    MOST_LANES,
    NOISY,
    PATIENCE_EXACT,
    PATIENCE_NOISY,
    SAME,
)

# lanes at least, and rounds without a component that patience is for
LEAST_LANES = 8


@dataclass
class Found:
    """Products in the order in which they were found; the attributes of `search.Found`.

    Attributes
    ----------
    points : list of array
        For each group of the left side its vectors, (d_g, k).
    objectives, iterations : list
        f and the steps of each component.
    restarts : int
        Starts that led to no new component.
    missed : int
        Components taken although their objective is not that of one.
    seconds : dict
        Processor seconds of power steps and deflation.
    """

    points: list[Array] = field(default_factory=list)
    objectives: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)
    restarts: int = 0
    missed: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"power": 0.0, "deflation": 0.0})

    def add(self, points: list[Array], heights: Any, steps: Any) -> None:
        """Append components."""
        self.points = points if not self.points else [
            namespace(a).concat([a, b], axis=1) for a, b in zip(self.points, points, strict=True)]
        self.objectives += heights.tolist()
        self.iterations += steps.tolist()


def find_products(
    space: Subspace, left: Side, right: Side, *, rng: Any, limit: int = 5000,
    patience: int | None = None, doubtful: bool = False,
    report: Callable[[int], None] | None = None,
) -> Found:
    """Find the products of vectors that span the left subspace.

    Parameters
    ----------
    space
        The leading subspaces of the flattening.
    left, right
        Its sides.
    rng
        A generator.
    limit
        The most sweeps of one start.
    patience
        How many starts may fail before the best of them is taken.
    doubtful
        Whether the subspace may be none of products: then the first miss ends the search.
    report
        Is told how many were found.
    """
    found, follows = Found(), set(right.groups) <= set(left.groups)
    V, U, C = space.left + 0.0, space.right, space.inverse + 0.0
    U = None if U is None else U + 0.0
    tol, usual = (EXACT, PATIENCE_EXACT) if space.exact else (NOISY, PATIENCE_NOISY)
    patience, tol = patience or usual, max(tol, 64.0 * arrays.epsilon(V))
    failed, best = 0, (-1.0, 0, [])  # type: tuple[int, tuple[float, int, list[Array]]]
    while V.shape[1]:
        clock = time.process_time()
        lanes = min(max(LEAST_LANES, int(V.shape[1]) // 2), MOST_LANES)
        # all starts from what is orthogonal to those found may lead back to them
        basis = space.left if not follows and failed // lanes % 2 else V
        points, heights, steps = _climbed(basis, None if follows else space.left, left, found,
                                          lanes, limit, rng)
        fresh = _new(points, found.points, left)
        good = fresh[1.0 - heights[fresh] < tol][: int(V.shape[1])]
        found.restarts += lanes - len(good)
        if len(good):
            new = good
            found.add(_columns(points, new), heights[new], steps[new])
        else:
            failed += lanes
            if len(fresh):
                top = int(fresh[host.argmax(heights[fresh])])
                if heights[top] > best[0]:
                    best = (float(heights[top]), int(steps[top]), _columns(points, [top]))
            if failed < patience or not best[2]:
                found.seconds["power"] += time.process_time() - clock
                if failed > 10 * patience:
                    # every start leads to what is known
                    best = (0.0, 0, _random(left, 1, V, rng))
                continue
            found.add(best[2], host.asarray([best[0]]), host.asarray([best[1]]))
            found.missed += 1
            if doubtful:
                return found
        count = len(good) or 1
        failed, best = 0, (-1.0, 0, [])
        found.seconds["power"] += time.process_time() - clock
        clock = time.process_time()
        if follows:
            V, U, C = _deflated(V, U, C, found, left, right, count)
        else:
            V = arrays.rotate_out(space.left + 0.0, adjoint(space.left) @ left.powers(
                found.points))
        found.seconds["deflation"] += time.process_time() - clock
        if report is not None:
            report(count)
    return found


def _climbed(
    V: Array, whole: Array | None, side: Side, found: Found, lanes: int, limit: int, rng: Any
) -> tuple[list[Array], Any, Any]:
    """Where normal starts end; by way of what is orthogonal to those found, if `whole` is given."""
    points, heights, steps = joint.climb(V, side, _random(side, lanes, V, rng), limit=limit)
    if whole is not None and found.points:
        points, heights, more = joint.climb(whole, side, points, limit=limit)
        steps = steps + more
    return points, heights, steps


def _deflated(
    V: Array, U: Array | None, C: Array, found: Found, left: Side, right: Side, count: int
) -> tuple[Array, Array | None, Array]:
    last = [x[:, int(x.shape[1]) - count :] for x in found.points]
    known = dict(zip(left.groups, last, strict=True))
    alpha = adjoint(V) @ left.powers(last)
    beta = None if U is None else adjoint(U) @ right.powers([known[g] for g in right.groups])
    return deflate(V, U, C, alpha, beta)


def _random(side: Side, lanes: int, like: Array, rng: Any) -> list[Array]:
    return [normalised(arrays.normal(rng, (d, lanes), arrays.dtype_name(like), like))
            for d in side.sizes]


def _columns(points: list[Array], which: Any) -> list[Array]:
    return [arrays.take(x, arrays.integers(which, x), 1) for x in points]


def _new(points: list[Array], known: list[Array], side: Side) -> Any:
    """The first of each group of equal products, none of them known."""
    near = _overlaps(points, points, side) > 1.0 - SAME
    first = host.argmax(near, axis=1) == host.arange(len(near))
    if known:
        first &= ~(_overlaps(points, known, side) > 1.0 - SAME).any(axis=1)
    return host.flatnonzero(first)


def _overlaps(X: list[Array], Y: list[Array], side: Side) -> Any:
    made: Any = 1.0
    for x, y, n in zip(X, Y, side.orders, strict=True):
        made = made * host.abs(to_numpy(adjoint(x) @ y)) ** n
    return made
