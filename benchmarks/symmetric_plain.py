"""The subspace power method in plain NumPy, as it is published: what the benchmark compares with.

One start at a time, one matrix-vector product per step, no compiled code and no Newton steps:
flattening with one row per multiset of indices, eigenvectors or singular vectors, power steps
with the adaptive shift until a step is shorter than 1e-14, reflections as deflation, weights by
least squares at the end (Kileel and Pereira, arXiv 1912.04007). For exact tensors.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

STILL, STEPS, DRAWS, NEAR = 1e-14, 5000, 3, 1e-2


def decompose(T: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Weights (r,) and unit vectors (d, r) of an exact symmetric tensor of order 3 or more."""
    d, m = T.shape[0], T.ndim
    n = (m + 1) // 2
    V, U, C = _subspaces(T, n)
    found, weights = [], []
    while len(V):
        a = _component(V, d, n, rng)
        left = V @ _power(a, n)
        right = left if U is None else U @ _power(a, m - n)
        weights.append(1.0 / (right @ C @ left))
        found.append(a)
        H = _reflection(C.T @ right)
        if U is None:
            V, C = _reflected(V, H), _reflected(_reflected(C, H).T, H).T
        else:
            K = _reflection(C @ left)
            V, U = _reflected(V, H), _reflected(U, K)
            C = _reflected(_reflected(C, K).T, H).T
    A = np.array(found).T
    rows = T.reshape(d**n, -1)
    sides = [_power(a, n) @ rows @ _power(a, m - n) for a in found]
    return np.linalg.solve((A.T @ A) ** m, sides), A


def _subspaces(T: Array, n: int) -> tuple[Array, Array | None, Array]:
    """Rows spanning the range, (r, d^n) and (r, d^(m-n)), and C with M = V' C^-1 U."""
    d, m = T.shape[0], T.ndim
    rows, place, root = _multisets(d, n)
    if m == 2 * n:
        columns, column_place, column_root = rows, place, root
    else:
        columns, column_place, column_root = _multisets(d, m - n)
    flat = T.reshape(d**n, -1)[np.ix_(rows, columns)] * np.outer(root, column_root)
    if m == 2 * n:
        values, V = np.linalg.eigh(flat)
        order = np.argsort(-np.abs(values))
        values, V = values[order], V[:, order]
        r = _rank(values)
        return (V[:, :r].T / root)[:, place], None, np.diag(1.0 / values[:r])
    V, values, Uh = np.linalg.svd(flat, full_matrices=False)
    r = _rank(values)
    return ((V[:, :r].T / root)[:, place], (Uh[:r] / column_root)[:, column_place],
            np.diag(1.0 / values[:r]))


def _rank(values: Array) -> int:
    sizes = np.abs(values)
    return int((sizes > 1e-4 * (sizes**2).mean() / sizes.mean()).sum())


def _multisets(d: int, n: int) -> tuple[Array, Array, Array]:
    """Flat places of sorted multi-indices, where each index goes, square roots of counts."""
    strides = d ** np.arange(n - 1, -1, -1)
    kept = np.array(list(itertools.combinations_with_replacement(range(d), n))) @ strides
    every = np.sort(np.indices((d,) * n).reshape(n, -1), axis=0).T @ strides
    place = np.searchsorted(kept, every)
    return kept, place, np.sqrt(np.bincount(place))


def _power(x: Array, n: int) -> Array:
    made = x
    for _ in range(n - 1):
        made = np.outer(made, x).ravel()
    return made


def _component(V: Array, d: int, n: int, rng: np.random.Generator) -> Array:
    r, shift = len(V), math.sqrt((n - 1) / n)
    flat = V.reshape(r * d, -1)
    best, top = np.zeros(d), -1.0
    draws = 0
    while draws < DRAWS:
        x = rng.standard_normal(d)
        x /= np.linalg.norm(x)
        f = 0.0
        for _ in range(STEPS):
            B = (flat @ _power(x, n - 1)).reshape(r, d)
            g = (B @ x) @ B
            f = min(float(g @ x), 1.0)
            if f < 1e-2 / math.sqrt(d):
                break
            gamma = shift * (math.sqrt(2.0 * f * (1.0 - f)) if f > 2.0 / 3.0 else 1.0 - 0.5 * f)
            moved = g + gamma * x
            moved /= np.linalg.norm(moved)
            short = np.linalg.norm(moved - x) < STILL
            x = moved
            if short:
                break
        if f < 1e-2 / math.sqrt(d):
            continue
        if f > top:
            best, top = x, f
        if 1.0 - f < NEAR:
            break
        draws += 1
    return best


def _reflection(x: Array) -> Array:
    """The unit vector of the reflection that takes x to the last coordinate."""
    h = x / np.linalg.norm(x)
    h[-1] += math.copysign(1.0, h[-1])
    return h / np.linalg.norm(h)


def _reflected(rows: Array, h: Array) -> Array:
    """The rows after the reflection, without the last."""
    return (rows - np.outer(2.0 * h, h @ rows))[:-1]
