"""Seconds of symmetric CP decompositions beside plain NumPy, TensorLy and pyttb.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/symmetric_cp.py [--quick]`` prints
processor seconds, medians over repeats taken in turns, the share of the plain time and the
largest relative error; of alternating least squares, seconds per correct answer (error below
1e-6) over random starts, or a bound from all seconds spent where none was correct.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import plain_spm

import tensorflowlr as tlr

CASES = ((20, 20, 9), (40, 200, 3), (40, 400, 1))
ALS = ((20, 20, 5), (20, 60, 3))
CORRECT = 1e-6


def problem(size: int, rank: int, seed: int) -> np.ndarray:
    """A tensor of order four with signed weights."""
    return tlr.SymmetricCP.random(size, rank, 4, rng=seed).to_dense()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds and result."""
    clock = time.process_time()
    made = work()
    return time.process_time() - clock, made


def plain(T: np.ndarray, seed: int) -> tlr.SymmetricCP:
    """The plain method's components."""
    weights, A = plain_spm.decompose(T, np.random.default_rng(seed))
    return tlr.SymmetricCP(weights, A, 4)


def ours(T: np.ndarray, seed: int) -> tlr.SymmetricCP:
    """The library's components."""
    return tlr.subspace_power_method(T, rng=seed)


def tensorly(T: np.ndarray, rank: int, seed: int) -> np.ndarray:
    """TensorLy's `parafac` from a random start."""
    from tensorly import cp_to_tensor
    from tensorly.decomposition import parafac

    return cp_to_tensor(parafac(T, rank, n_iter_max=100, init="random", tol=1e-12,
                                random_state=seed))


def pyttb(T: np.ndarray, rank: int, seed: int) -> np.ndarray:
    """The `cp_als` of pyttb from a random start."""
    import pyttb as ttb

    np.random.seed(seed)  # noqa: NPY002
    made, _, _ = ttb.cp_als(ttb.tensor(T), rank, maxiters=100, stoptol=1e-12, printitn=0,
                            init="random")
    return made.full().data


def error(made: Any, T: np.ndarray) -> float:
    """Relative."""
    made = made.to_dense() if isinstance(made, tlr.SymmetricCP) else made
    return float(np.linalg.norm(made - T) / np.linalg.norm(T))


def main(quick: bool) -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    ours(problem(6, 5, 0), 0)
    ours(problem(20, 100, 0), 0)
    print(f"{'(m, d, r)':<14}{'plain s':>10}{'ours s':>10}{'share':>8}{'error':>10}")
    for size, rank, repeats in CASES[: 1 if quick else None]:
        rows, worst = [], 0.0
        for seed in range(repeats):
            T = problem(size, rank, seed)
            pair = [("plain", plain), ("ours", ours)]
            seconds = {}
            for name, method in pair if seed % 2 else pair[::-1]:
                seconds[name], made = timed(lambda m=method, T=T, s=seed: m(T, s))
                if name == "ours":
                    worst = max(worst, error(made, T))
            rows.append((seconds["plain"], seconds["ours"]))
        first, second = (statistics.median(r[i] for r in rows) for i in (0, 1))
        print(f"{(4, size, rank)!s:<14}{first:>10.4f}{second:>10.4f}{second / first:>8.2f}"
              f"{worst:>10.1e}", flush=True)
    print(f"{'(m, d, r)':<14}{'method':<10}{'s per correct answer':>22}{'correct':>9}")
    for size, rank, starts in ALS[: 1 if quick else None]:
        T = problem(size, rank, 0)
        methods = {"ours": lambda T, r, s: ours(T, s), "tensorly": tensorly, "pyttb": pyttb}
        for name, method in methods.items():
            spent, right = 0.0, 0
            for seed in range(starts):
                seconds, made = timed(lambda f=method, T=T, r=rank, s=seed: f(T, r, s))
                spent, right = spent + seconds, right + (error(made, T) < CORRECT)
            figure = f"{spent / right:.4f}" if right else f"more than {spent:.3f}"
            print(f"{(4, size, rank)!s:<14}{name:<10}{figure:>22}{right:>5} of {starts}",
                  flush=True)


if __name__ == "__main__":
    main("--quick" in sys.argv)
