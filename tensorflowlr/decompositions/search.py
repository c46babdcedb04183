"""All components of a subspace: climb from many starts, keep what is new, deflate, again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.decompositions import kernels, power
from tensorflowlr.decompositions.deflation import coordinates, deflate
from tensorflowlr.decompositions.extraction import Subspace

# 1 - |⟨a, b⟩| below which two points are the same component
SAME = 1e-7
# 1 - f of a component: of exact tensors, and of noisy ones
EXACT, NOISY = 1e-8, 1e-2
# starts without a component before the best is taken
PATIENCE_EXACT, PATIENCE_NOISY = 400, 3
# starts at once where they are matrix products, and how many must stand still
MOST_LANES, SHARE = 64, 0.75


@dataclass
class Found:
    """Components in the order in which they were found.

    Attributes
    ----------
    points : list of array
        Blocks of unit vectors, (d, k) each.
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


def find_components(
    space: Subspace, order: int, size: int, *, rng: Any, tol: float | None = None,
    limit: int = 5000, patience: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Found:
    """Find the vectors whose powers span a subspace, and take each out.

    Parameters
    ----------
    space
        The leading subspaces of the flattening of a symmetric tensor.
    order, size
        m and d.
    rng
        A generator.
    tol
        The largest 1 - f of a component; by default 1e-8 for exact tensors, else 1e-2.
    limit
        The most steps of one start.
    patience
        How many starts may fail before the best of them is taken.
    report
        Is told how many were found.
    """
    found, left = Found(), (order + 1) // 2
    V, U, C = space.left, space.right, space.inverse
    # deflation reuses memory
    V, U, C = V + 0.0, None if U is None else U + 0.0, C + 0.0
    tol = (EXACT if space.exact else NOISY) if tol is None else tol
    patience = patience or (PATIENCE_EXACT if space.exact else PATIENCE_NOISY)
    best: tuple[float, Array | None, int] = (-1.0, None, 0)
    failed, waiting = 0, None
    while V.shape[1]:
        clock = time.process_time()
        starts = _starts(V, waiting, size, rng)
        made = power.climb(V, starts, left, limit=limit, least=1e-2 / math.sqrt(size),
                           share=SHARE)
        heights = made.objectives
        good = made.finished & (1.0 - heights < tol)
        new = _distinct(made.points, host.flatnonzero(good), int(V.shape[1]))
        found.restarts += int(made.finished.sum()) - len(new)
        if not len(new):
            failed += int(made.finished.sum())
            top = int(host.argmax(heights))
            if heights[top] > best[0]:
                best = (float(heights[top]), made.points[:, top : top + 1],
                        int(made.iterations[top]))
        points = arrays.take(made.points, arrays.integers(new, made.points), 1)
        waiting = arrays.take(made.points, arrays.integers(
            host.flatnonzero(~made.finished), made.points), 1)
        found.seconds["power"] += time.process_time() - clock
        if len(new):
            found.objectives += heights[new].tolist()
            found.iterations += made.iterations[new].tolist()
        elif failed >= patience and best[1] is not None:
            points = best[1]
            found.objectives.append(best[0])
            found.iterations.append(best[2])
            found.missed += 1
        else:
            continue
        failed, best = 0, (-1.0, None, 0)
        found.points.append(points)
        clock = time.process_time()
        V, U, C = deflate(V, U, C, coordinates(V, points, left),
                          None if U is None else coordinates(U, points, order - left))
        found.seconds["deflation"] += time.process_time() - clock
        if report is not None:
            report(int(points.shape[1]))
    return found


def _starts(V: Array, waiting: Array | None, size: int, rng: Any) -> Array:
    """Normalised normal starts, beside those that were not done."""
    rest = int(V.shape[1])
    compiled = kernels.fits(V, V)
    lanes = max(1, rest // 4) if compiled else min(max(8, rest // 2), MOST_LANES)
    have = 0 if waiting is None else int(waiting.shape[1])
    fresh = power.normalised(arrays.normal(
        rng, (size, max(lanes - have, 1)), arrays.dtype_name(V), V))
    return fresh if not have else namespace(V).concat([waiting, fresh], axis=1)


def _distinct(points: Array, good: Any, most: int) -> Any:
    """The first of each group of equal points, at most so many."""
    if not len(good):
        return good
    chosen = arrays.take(points, arrays.integers(good, points), 1)
    near = host.abs(to_numpy(adjoint(chosen) @ chosen)) > 1.0 - SAME
    first = host.argmax(near, axis=1) == host.arange(len(good))
    return good[first][:most]
