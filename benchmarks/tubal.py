"""t-products and t-SVDs beside NumPy written plainly and mprod-package, on one thread.

Medians of paired runs in alternating order, in CPU seconds of one process; with two threads
on an executor in seconds of the clock.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/tubal.py
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import tensorflowlr as tlr
from tensorflowlr import tubal

Clock = Callable[[], float]


def plain_product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The t-product as one writes it down: the full spectrum, a batched product."""
    a = np.fft.fft(A, axis=2).transpose(2, 0, 1)
    b = np.fft.fft(B, axis=2).transpose(2, 0, 1)
    return np.fft.ifft((a @ b).transpose(1, 2, 0), axis=2).real


def plain_svd(A: np.ndarray) -> tuple[np.ndarray, ...]:
    """The t-SVD as one writes it down: a batched SVD of the full spectrum."""
    a = np.fft.fft(A, axis=2).transpose(2, 0, 1)
    return tuple(np.linalg.svd(a, full_matrices=False))


def medians(
    functions: dict[str, Callable[[], Any]], repeats: int, clock: Clock = time.process_time
) -> dict[str, float]:
    """The median seconds of each, run in turns."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats):
        names = list(functions)
        for name in names if turn % 2 == 0 else names[::-1]:
            start = clock()
            functions[name]()
            found[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def decaying(n: int, k: int, rank: int, noise: float) -> np.ndarray:
    """A tensor of low tubal rank with noise."""
    rng = np.random.default_rng(1)
    low = tubal.t_product(rng.standard_normal((n, rank, k)), rng.standard_normal((rank, n, k)))
    level = noise * np.linalg.norm(low) / (n * np.sqrt(k))
    return low + level * rng.standard_normal(low.shape)


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--tube", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    n, k, repeats = options.size, options.tube, options.repeats
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, n, n, k))
    low = decaying(n, k, 10, 1e-3)
    ten = tlr.Truncation(max_rank=10)
    print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, one thread; "
          f"{n} x {n} x {k}, CPU seconds\n")
    products: dict[str, Callable[[], Any]] = {
        "tubal.t_product": lambda: tubal.t_product(A, B),
        "plain NumPy": lambda: plain_product(A, B),
    }
    svds: dict[str, Callable[[], Any]] = {
        "tubal.t_svd": lambda: tubal.t_svd(A), "plain NumPy": lambda: plain_svd(A),
    }
    try:
        import scipy.fft
        from mprod import m_prod
        from mprod.decompositions import svdm
    except ImportError:
        pass
    else:
        def there(x: np.ndarray) -> np.ndarray:
            return scipy.fft.dct(x, type=2, n=x.shape[-1], axis=-1, norm="ortho")

        def back(x: np.ndarray) -> np.ndarray:
            return scipy.fft.idct(x, type=2, n=x.shape[-1], axis=-1, norm="ortho")

        products["tubal.t_product, dct"] = lambda: tubal.t_product(A, B, transform="dct")
        products["mprod-package, dct"] = lambda: m_prod(A, B, there, back)
        svds["tubal.t_svd, dct"] = lambda: tubal.t_svd(A, transform="dct")
        svds["mprod-package, dct"] = lambda: svdm(A, there, back)
    found: dict[str, dict[str, float]] = {
        "t-product": medians(products, 2 * repeats + 1),
        "t-SVD": medians(svds, repeats),
        "t-SVD of tubal rank 10, low rank and noise": medians({
            "full, then cut": lambda: tubal.t_svd(low, ten, method="svd"),
            "auto (randomized)": lambda: tubal.t_svd(low, ten),
            "gram": lambda: tubal.t_svd(low, ten, method="gram"),
        }, repeats),
        "t-SVD of tubal rank 10, Gaussian": medians({
            "full, then cut": lambda: tubal.t_svd(A, ten, method="svd"),
            "auto": lambda: tubal.t_svd(A, ten),
            "gram": lambda: tubal.t_svd(A, ten, method="gram"),
        }, repeats),
    }
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        found["t-SVD on an executor, seconds of the clock"] = medians({
            "1 thread": lambda: tubal.t_svd(A, executor=one),
            "2 threads": lambda: tubal.t_svd(A, executor=two),
        }, repeats, time.perf_counter)
    for title, rows in found.items():
        first = next(iter(rows.values()))
        print(title)
        for name, seconds in rows.items():
            print(f"  {name:<24}{seconds:9.3f}   {first / seconds:6.2f} of the first's speed")
        print()
    print(json.dumps({"benchmark": "tubal", **vars(options), **found}))


if __name__ == "__main__":
    main()
