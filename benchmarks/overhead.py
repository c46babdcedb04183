"""Overhead of the array door: factorisations, products and contractions on small matrices.

Each pair is timed in turn in one run, best of several, in microseconds per call; `ratio` is
ours over plain NumPy. One JSON line per case.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflowlr import arrays, contraction

REPEATS, CALLS = 9, 2000


def pair(name: str, ours: Callable[[], Any], plain: Callable[[], Any]) -> dict[str, Any]:
    """Best microseconds of two functions, measured in turn."""
    best = [float("inf"), float("inf")]
    for _ in range(REPEATS):
        for i, function in enumerate((ours, plain)):
            best[i] = min(best[i], timeit.timeit(function, number=CALLS) / CALLS * 1e6)
    return {
        "benchmark": "overhead", "case": name, "ours_us": round(best[0], 2),
        "numpy_us": round(best[1], 2), "ratio": round(best[0] / best[1], 3),
    }


def cases() -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Name, our call, the same in plain NumPy."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((16, 8))
    square = rng.standard_normal((8, 8))
    gram = a.T @ a
    core = rng.standard_normal((8, 8, 8))
    factors = [rng.standard_normal((16, 8)) for _ in range(3)]
    planned = contraction.plan("abc,ia,jb,kc->ijk", core.shape, *(f.shape for f in factors))
    two = contraction.plan("abc,bcd->ad", core.shape, core.shape)

    def three_products() -> np.ndarray:
        x = np.tensordot(factors[0], core, axes=(1, 0))
        x = np.moveaxis(np.tensordot(x, factors[1], axes=(1, 1)), 2, 1)
        return np.tensordot(x, factors[2], axes=(2, 1))

    return [
        ("qr 16x8", lambda: arrays.qr(a), lambda: np.linalg.qr(a)),
        ("svd 16x8", lambda: arrays.svd(a), lambda: np.linalg.svd(a, full_matrices=False)),
        ("eigh 8x8", lambda: arrays.eigh(gram), lambda: np.linalg.eigh(gram)),
        ("norm 16x8", lambda: arrays.norm(a), lambda: np.linalg.norm(a)),
        ("adjoint product", lambda: arrays.adjoint(a) @ a, lambda: a.conj().T @ a),
        ("mode product 8x8x8 by 8x8", lambda: arrays.multiply(core, square, 1),
         lambda: np.moveaxis(np.tensordot(square, core, axes=(1, 1)), 0, 1)),
        ("two-axis contraction 8^3", lambda: two(core, core),
         lambda: np.tensordot(core, core, axes=((1, 2), (0, 1)))),
        ("core times three 16x8", lambda: planned(core, *factors), three_products),
    ]


def main() -> None:
    """Print one JSON line per case."""
    for name, ours, plain in cases():
        print(json.dumps(pair(name, ours, plain)), flush=True)


if __name__ == "__main__":
    main()
