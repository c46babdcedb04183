"""Loops for small problems, compiled by numba when first called and kept on disk."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorflowlr.arrays import Array, host, is_numpy
from tensorflowlr.tensors.multisets import multisets

# entries of V up to which one start at a time, in cache, beats matrix products
MOST_ENTRIES = 1 << 15


def compiles(array: Array) -> bool:
    """Whether an array is one for compiled loops: NumPy, real, double precision, in C order."""
    return is_numpy(array) and array.dtype == host.float64 and array.flags.c_contiguous


def fits(V: Array, size: int) -> bool:
    """Whether a subspace of tensors of that size is one for the compiled steps."""
    return is_numpy(V) and V.dtype == host.float64 and V.size <= MOST_ENTRIES and size > 1


def climb(
    V: Array, X: Array, order: int, limit: int, least: float, still: float, stuck: float,
    momentum: float,
) -> tuple[Array, Array, Array, Array]:
    """What `power.climb` does, start by start and by power steps alone."""
    settings = (limit, least, still, stuck, momentum, -1.0)
    _, _, _, made = search(V, None, host.empty((0, 0)), X, order, settings)
    points, heights, ended, steps = made
    return points, heights, ended > 0, steps


def search(
    V: Array, U: Array | None, C: Array, X: Array, order: int, settings: tuple[Any, ...]
) -> tuple[Array, Array | None, Array, tuple[Array, Array, Array, Array]]:
    """Climb from the columns of `X` in turn, and take every component out when it is found.

    Parameters
    ----------
    V, U, C
        As for `deflation.deflate`; copied.
    X
        Starts, shape (d, k).
    order
        n.
    settings
        Limit of steps, the objective below which starts are given up, the length of the last
        step, the share of the missing objective that a step must gain, the momentum, and the
        largest 1 - f of a component: negative where none is to be taken out.

    Returns
    -------
    V, U, C
        What is left of them.
    made : tuple of arrays
        Points (d, k), objectives, how they ended (0: steps used up or never begun, 1: still,
        2: a component), and steps, for each start.
    """
    V, C, points = host.array(V, order="C"), host.array(C, order="C"), host.array(X.T, order="C")
    other = host.empty((0, 0)) if U is None else host.array(U, order="C")
    heights, ended = host.zeros(len(points)), host.zeros(len(points), dtype=host.int64)
    steps = host.zeros(len(points), dtype=host.int64)
    levels = _levels(X.shape[0], order)
    rank = compiled("_search")(
        V, other, C, points, order, *levels, *settings, heights, ended, steps,
        host.empty((4, max(V.shape[1], 2 * len(levels[1])))))
    made = host.ascontiguousarray(points.T), heights, ended, steps
    if rank == V.shape[1]:
        return V, U, C, made
    left, right = (host.ascontiguousarray(basis[:, :rank]) for basis in (V, other))
    return left, None if U is None else right, host.ascontiguousarray(C[:rank, :rank]), made


def asymmetry(T: Array) -> float:
    """What `tensors.symmetry.unchecked_asymmetry` says of an array that `compiles`."""
    size = T.shape[0]
    gap, largest = compiled("_asymmetry")(T.reshape(-1), size, T.size // size)
    return float(gap / largest) if largest > 0.0 else 0.0


@functools.lru_cache(maxsize=16)
def _levels(size: int, order: int) -> tuple[Array, Array, Array, Array]:
    """Where the monomials of each degree start; their prefixes' places, last indices and roots."""
    tables = [multisets(size, n) for n in range(1, order + 1)]
    starts = host.cumulative_sum(host.asarray([t.count for t in tables]), include_initial=True)
    prefix = host.concat([t.prefix + (starts[i - 1] if i else 0) for i, t in enumerate(tables)])
    last = host.concat([t.last for t in tables])
    return starts, prefix, last, host.concat([t.roots for t in tables])


@functools.cache
def compiled(name: str) -> Callable[..., Any]:
    """A compiled loop; where its cache cannot be written, it is compiled for this process."""
    import numba

    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(globals()[name])
    except RuntimeError:
        return numba.njit(**options)(globals()[name])


def _asymmetry(T: Any, size: int, rest: int) -> tuple[float, float]:
    """The largest gap under the swap of two axes and the cyclic shift, and the largest entry."""
    gap, largest, inner = 0.0, 0.0, rest // size
    for i in range(size):
        for j in range(i + 1):
            first, second = (i * size + j) * inner, (j * size + i) * inner
            for k in range(inner):
                gap = max(gap, abs(T[first + k] - T[second + k]))
    tile = 32
    for low in range(0, rest, tile):
        high = min(low + tile, rest)
        for i in range(size):
            for k in range(low, high):
                gap = max(gap, abs(T[i * rest + k] - T[k * size + i]))
                largest = max(largest, abs(T[i * rest + k]))
    return gap, largest


def _search(
    V: Any, U: Any, C: Any, points: Any, order: int, starts: Any, prefix: Any, last: Any,
    roots: Any, limit: int, least: float, still: float, stuck: float, momentum: float,
    tol: float, heights: Any, ended: Any, steps: Any, space: Any,
) -> int:
    size, rank, odd = points.shape[1], V.shape[1], U.shape[0] > 0
    total, top, low = starts[order], starts[order - 1], starts[max(order - 2, 0)]
    monomials, adjoint, alpha = space[0, :total], space[0, total : 2 * total], space[1]
    most = ((order - 1.0) / order) ** 0.5
    for lane in range(points.shape[0]):
        if not rank:
            break
        x, plain, bold, before = points[lane], points[lane].copy(), True, 0.0
        for iteration in range(limit + 1):
            # the last round tells the objective where the steps ended
            over = ended[lane] == 1 or iteration == limit
            monomials[:size] = x
            for i in range(size, total):
                monomials[i] = monomials[prefix[i]] * x[last[i]]
            alpha[:rank] = 0.0
            for i in range(top, total):
                s = roots[i] * monomials[i]
                for j in range(rank):
                    alpha[j] += s * V[i - top, j]
            f = 0.0
            for j in range(rank):
                f += alpha[j] * alpha[j]
            heights[lane] = f
            if over:
                break
            steps[lane] += 1
            down = f < before - 1e-12
            bold = bold and not down
            if (iteration == 2 and f < least) or (
                    iteration > 10 and not down and f - before < stuck * (1.0 - f) and f < 0.95):
                ended[lane] = 1
                break
            before = f
            # backwards through the products: the derivatives of Σ w_I x^I, n times the gradient
            adjoint[:top] = 0.0
            for i in range(top, total):
                w = 0.0
                for j in range(rank):
                    w += V[i - top, j] * alpha[j]
                adjoint[i] = roots[i] * w
            g = adjoint[:size]
            for i in range(total - 1, size - 1, -1):
                adjoint[prefix[i]] += adjoint[i] * x[last[i]]
                g[last[i]] += adjoint[i] * monomials[prefix[i]]
            f, gamma = min(f, 1.0), 0.0
            if not bold:
                gamma = most * ((2.0 * f * (1.0 - f)) ** 0.5 if f > 2.0 / 3.0 else 1.0 - 0.5 * f)
            length = 0.0
            for a in range(size):
                g[a] = g[a] / order + gamma * x[a]
                length += g[a] * g[a]
            ahead, squared = momentum if bold else 0.0, 0.0
            for a in range(size):
                moved = g[a] / length ** 0.5
                g[a] = moved + ahead * (moved - plain[a])
                plain[a] = moved
                squared += g[a] * g[a]
            change = 0.0
            for a in range(size):
                moved = g[a] / squared ** 0.5
                change += (moved - x[a]) ** 2
                x[a] = moved
            if change < still * still:
                ended[lane] = 1
        if not (ended[lane] == 1 and 1.0 - heights[lane] < tol):
            continue
        ended[lane] = 2
        # deflation by two reflections, that of V in C's columns and that of U in C's rows
        first, second = space[2], space[3]
        beta = space[0, total:]
        for j in range(rank):
            beta[j] = alpha[j]
        if odd:
            beta[:rank] = 0.0
            for i in range(low, top):
                s = roots[i] * monomials[i]
                for j in range(rank):
                    beta[j] += s * U[i - low, j]
        for j in range(rank):
            first[j], second[j] = 0.0, 0.0
        for i in range(rank):
            for j in range(rank):
                second[i] += C[i, j] * alpha[j]
                first[j] += C[i, j] * beta[i]
        if not odd:
            # one reflection from both sides keeps C symmetric
            second[:rank] = first[:rank]
        for h in (first, second):
            length = 0.0
            for j in range(rank):
                length += h[j] * h[j]
            length = length ** 0.5
            for j in range(rank):
                h[j] /= length
            # the reflection of the last unit vector to h, at length √2
            sign = 1.0 if h[rank - 1] >= 0.0 else -1.0
            h[rank - 1] += sign
            length = abs(h[rank - 1]) ** 0.5
            for j in range(rank):
                h[j] /= length
        for i in range(V.shape[0]):
            s = 0.0
            for j in range(rank):
                s += V[i, j] * first[j]
            for j in range(rank):
                V[i, j] -= s * first[j]
        for i in range(U.shape[0]):
            s = 0.0
            for j in range(rank):
                s += U[i, j] * second[j]
            for j in range(rank):
                U[i, j] -= s * second[j]
        for i in range(rank):
            s = 0.0
            for j in range(rank):
                s += C[i, j] * first[j]
            for j in range(rank):
                C[i, j] -= s * first[j]
        beta[:rank] = 0.0
        for i in range(rank):
            for j in range(rank):
                beta[j] += second[i] * C[i, j]
        for i in range(rank):
            for j in range(rank):
                C[i, j] -= second[i] * beta[j]
        if not odd:
            for i in range(rank):
                for j in range(i):
                    C[i, j] = 0.5 * (C[i, j] + C[j, i])
                    C[j, i] = C[i, j]
        rank -= 1
    return rank
