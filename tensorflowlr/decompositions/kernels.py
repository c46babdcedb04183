"""Power steps for small problems, compiled by numba when first called and kept on disk."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorflowlr.arrays import Array, host, is_numpy
from tensorflowlr.tensors.multisets import multisets

# entries of V up to which one start at a time, in cache, beats matrix products
MOST_ENTRIES = 1 << 15


def fits(V: Array, X: Array) -> bool:
    """Whether a problem is one for the compiled steps: NumPy, real double precision, small."""
    return (is_numpy(V) and V.dtype == host.float64 and V.size <= MOST_ENTRIES
            and X.shape[0] > 1)


def climb(
    V: Array, X: Array, order: int, limit: int, least: float, still: float, stuck: float
) -> tuple[Array, Array, Array, Array]:
    """What `power.climb` does, start by start and by power steps alone."""
    levels = _levels(X.shape[0], order)
    points = host.ascontiguousarray(X.T)
    heights = host.zeros(len(points))
    finished = host.zeros(len(points), dtype=host.bool_)
    steps = host.zeros(len(points), dtype=host.int64)
    compiled()(host.ascontiguousarray(V), points, order, *levels, limit, least, still, stuck,
               heights, finished, steps, host.empty(2 * len(levels[1]) + V.shape[1]))
    return host.ascontiguousarray(points.T), heights, finished, steps


@functools.lru_cache(maxsize=16)
def _levels(size: int, order: int) -> tuple[Array, Array, Array, Array]:
    """Where the monomials of each degree start; for each the place of its prefix, and its last."""
    tables = [multisets(size, n) for n in range(1, order + 1)]
    starts = host.cumulative_sum(host.asarray([t.count for t in tables]), include_initial=True)
    prefix = host.concat([t.prefix + (starts[i - 1] if i else 0) for i, t in enumerate(tables)])
    last = host.concat([t.last for t in tables])
    return starts, prefix, last, tables[-1].roots


@functools.cache
def compiled() -> Callable[..., Any]:
    """The compiled loop; where its cache cannot be written, it is compiled for this process."""
    import numba

    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(_climb)
    except RuntimeError:
        return numba.njit(**options)(_climb)


def _climb(
    V: Any, points: Any, order: int, starts: Any, prefix: Any, last: Any, roots: Any,
    limit: int, least: float, still: float, stuck: float, heights: Any, finished: Any,
    steps: Any, space: Any,
) -> None:
    size, rank = points.shape[1], V.shape[1]
    total, top = starts[order], starts[order - 1]
    monomials, adjoint, alpha = space[:total], space[total : 2 * total], space[2 * total :]
    most = ((order - 1.0) / order) ** 0.5
    for lane in range(points.shape[0]):
        x = points[lane]
        before = 0.0
        for iteration in range(limit):
            steps[lane] += 1
            monomials[:size] = x
            for i in range(size, total):
                monomials[i] = monomials[prefix[i]] * x[last[i]]
            alpha[:] = 0.0
            for i in range(total - top):
                s = roots[i] * monomials[top + i]
                for j in range(rank):
                    alpha[j] += s * V[i, j]
            f = 0.0
            for j in range(rank):
                f += alpha[j] * alpha[j]
            heights[lane] = f
            if iteration == 2 and f < least:
                finished[lane] = True
                break
            if iteration > 10 and f - before < stuck * (1.0 - f) and f < 0.95:
                finished[lane] = True
                break
            before = f
            # backwards through the products: the derivatives of Σ w_I x^I, n times the gradient
            adjoint[:top] = 0.0
            for i in range(total - top):
                w = 0.0
                for j in range(rank):
                    w += V[i, j] * alpha[j]
                adjoint[top + i] = roots[i] * w
            g = adjoint[:size]
            for i in range(total - 1, size - 1, -1):
                adjoint[prefix[i]] += adjoint[i] * x[last[i]]
                g[last[i]] += adjoint[i] * monomials[prefix[i]]
            f = min(f, 1.0)
            gamma = most * ((2.0 * f * (1.0 - f)) ** 0.5 if f > 2.0 / 3.0 else 1.0 - 0.5 * f)
            length = 0.0
            for a in range(size):
                g[a] = g[a] / order + gamma * x[a]
                length += g[a] * g[a]
            length = length ** 0.5
            change = 0.0
            for a in range(size):
                moved = g[a] / length
                change += (moved - x[a]) ** 2
                x[a] = moved
            if change < still * still:
                finished[lane] = True
                break
