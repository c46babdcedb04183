"""The subspace power method in plain NumPy, step by step as published: the time to beat.

One start at a time, no compilation, every iteration one contraction of the whole basis; the
compressed flattening, its full spectrum, Householder deflation of one component at a time and
the least-squares refit of the weights at the end (arXiv 1912.04007).
"""

from __future__ import annotations

import itertools
import math

import numpy as np


def flatten(T: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The compressed flattening of even order, multi-indices of a half, and their root counts."""
    size, half = T.shape[0], T.ndim // 2
    index = np.array(list(itertools.combinations_with_replacement(range(size), half)))
    counts = np.array([
        math.factorial(half) / math.prod(math.factorial(n) for n in np.unique(
            row, return_counts=True)[1]) for row in index
    ])
    flat = index @ size ** np.arange(half - 1, -1, -1)
    roots = np.sqrt(counts)
    matrix = T.reshape(size**half, -1)[np.ix_(flat, flat)] * np.outer(roots, roots)
    return matrix, index, roots


def expand(V: np.ndarray, index: np.ndarray, roots: np.ndarray, size: int) -> np.ndarray:
    """The basis with all d^n rows."""
    half = index.shape[1]
    full = np.empty((size**half, V.shape[1]))
    for order in itertools.permutations(range(half)):
        rows = index[:, order] @ size ** np.arange(half - 1, -1, -1)
        full[rows] = V / roots[:, None]
    return full


def power(x: np.ndarray) -> np.ndarray:
    """Outer product with itself, flat."""
    return np.multiply.outer(x, x).ravel()


def decompose(T: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights and factors of a symmetric tensor of order four."""
    size, half = T.shape[0], 2
    matrix, index, roots = flatten(T)
    values, vectors = np.linalg.eigh(matrix)
    order = np.argsort(-np.abs(values))
    sizes = np.abs(values)
    rank = int((sizes > 1e-4 * (sizes**2).mean() / sizes.mean()).sum())
    V = expand(vectors[:, order[:rank]], index, roots, size)
    C = np.diag(1.0 / values[order[:rank]])
    most = math.sqrt((half - 1) / half)
    found = []
    while V.shape[1]:
        block = V.reshape(size, size * V.shape[1])
        best, top = None, -1.0
        for _ in range(3):
            x = start(size, block, rng)
            for _ in range(5000):
                B = (x @ block).reshape(size, -1)
                g = B @ (B.T @ x)
                f = min(float(g @ x), 1.0)
                shift = most * (math.sqrt(2 * f * (1 - f)) if f > 2 / 3 else 1 - f / 2)
                moved = g + shift * x
                moved /= np.linalg.norm(moved)
                step, x = np.linalg.norm(moved - x), moved
                if step < 1e-14:
                    break
            if f > top:
                best, top = x, f
            if 1.0 - f < 1e-8:
                break
        alpha = V.T @ power(best)
        z = C @ alpha
        found.append(best)
        h = z / np.linalg.norm(z)
        h[-1] += math.copysign(1.0, h[-1])
        h *= math.sqrt(2.0) / np.linalg.norm(h)
        V = (V - np.outer(V @ h, h))[:, :-1]
        C = C - np.outer(h, h @ C)
        C = (C - np.outer(C @ h, h))[:-1, :-1]
        V, C = np.ascontiguousarray(V), np.ascontiguousarray(C)
    A = np.array(found).T
    heights = np.array([power(a) @ T.reshape(size * size, -1) @ power(a) for a in A.T])
    return np.linalg.solve((A.T @ A) ** 4, heights), A


def start(size: int, block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random unit vector whose objective is not hopeless."""
    while True:
        x = rng.standard_normal(size)
        x /= np.linalg.norm(x)
        if np.linalg.norm((x @ block).reshape(size, -1).T @ x) ** 2 >= 1e-2 / math.sqrt(size):
            return x
