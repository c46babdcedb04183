"""The library on a GPU: its whole test suite, and the cost of steps at ranks 32, 128 and 512.

    python benchmarks/gpu.py

runs all tests of the CuPy backend, then a long-range spin chain and the radiation slab with the
ranks held fixed, on CuPy and on NumPy: seconds per step, and the arithmetic of the flows as a
share of what one large matrix product reaches on the same device. One JSON line at the end.
Where no device answers it says so. ``--library numpy`` runs everything on NumPy alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import tensorflowlr as tlr
from tensorflowlr import arrays
from tensorflowlr.integrators import workers

ROOT = Path(__file__).resolve().parents[1]
# above this rank a step on a processor takes minutes
CPU_RANK = 128


class Counter:
    """Counts the arithmetic of all flows."""

    def __init__(self) -> None:
        self.flops, self._solve = 0.0, workers.solve

    def __call__(self, flow: Any, local: Any, t0: float, t1: float, start: Any) -> Any:
        """A flow, its multiplications and additions counted."""
        end, calls = self._solve(flow, local, t0, t1, start)
        factor = 4.0 if arrays.is_complex(start) else 1.0
        self.flops += factor * calls * sum(part.flops for part in local.parts)
        return end, calls


def answering() -> Any:
    """CuPy where a device answers, else None."""
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    try:
        cupy.zeros(1)
    except cupy.cuda.runtime.CUDARuntimeError:
        return None
    return cupy


def finish(value: Any) -> None:
    """Wait until everything before has been computed."""
    float(arrays.norm(value))


def gemm_rate(xp: Any, dtype: str, size: int) -> float:
    """Operations per second of one large matrix product."""
    a = xp.ones((size, size), dtype=dtype)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        finish(a @ a)
        best = min(best, time.perf_counter() - start)
    return (8.0 if "complex" in dtype else 2.0) * size**3 / best


def problems(rank: int) -> dict[str, tuple[tlr.LinearField, tlr.TreeTensor]]:
    """A spin chain and a radiation slab at a rank, from random states."""
    spins = max(2 * (rank - 1).bit_length() + 4, 8)
    chain = tlr.problems.long_range_ising(spins)
    size = 2 * rank
    slab = tlr.problems.radiation_slab(size + 1, size, points=size, half_width=1.0, width=0.2)
    return {
        name: (problem.field, tlr.TreeTensor.random(
            problem.start.tree, problem.start.shape, rank, rng=0, dtype=kind))
        for name, problem, kind in (("chain", chain, complex), ("slab", slab, float))
    }


def step_cost(F: tlr.LinearField, Y: tlr.TreeTensor, rank: int, steps: int) -> tuple[float, float]:
    """Seconds and counted operations of one step at a fixed rank, the first one left out."""
    method = tlr.ParallelBUG(tlr.Truncation(max_rank=rank, min_rank=rank))
    counter = Counter()
    workers.solve = counter
    try:
        taken = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tlr.RankCapWarning)
            run = tlr.steps(F, Y, (0.0, 1e-4 * (steps + 1)), step=1e-4, method=method)
            next(run)
            for _ in range(steps + 1):
                counter.flops, start = 0.0, time.perf_counter()
                finish(next(run).y.cores[-1])
                taken.append(time.perf_counter() - start)
    finally:
        workers.solve = counter._solve
    return min(taken[1:]), counter.flops


def main() -> int:
    """Test, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=("cupy", "numpy"), default="cupy")
    parser.add_argument("--ranks", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--gemm", type=int, default=4096, help="size of the matrix product")
    parser.add_argument("--no-tests", action="store_true", help="measure alone")
    options = parser.parse_args()
    cupy = answering() if options.library == "cupy" else None
    if options.library == "cupy" and cupy is None:
        print("no GPU: CuPy is not installed, or no device answers; nothing was run")
        return 0
    libraries = {"numpy": np} if cupy is None else {"cupy": cupy, "numpy": np}
    result: dict[str, Any] = {"benchmark": "gpu", "library": options.library, "rows": []}
    if not options.no_tests:
        wanted = ["-k", "cupy"] if cupy is not None else ["-k", "numpy"]
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests", *wanted], cwd=ROOT,
                              check=False)
        result["tests"] = "passed" if done.returncode == 0 else f"exit code {done.returncode}"
    rates = {(name, kind): gemm_rate(xp, kind, options.gemm)
             for name, xp in libraries.items() for kind in ("float64", "complex128")}
    print(f"{'problem':<8}{'rank':>6}{'library':>9}{'s / step':>12}{'flow GFlop':>12}"
          f"{'share of GEMM':>15}")
    for rank in options.ranks:
        for problem, (F, Y) in problems(rank).items():
            for name, xp in libraries.items():
                if name == "numpy" and cupy is not None and rank > CPU_RANK:
                    continue
                placed = Y if name == "numpy" else Y.to(like=xp.zeros(1))
                seconds, flops = step_cost(F, placed, rank, options.steps)
                kind = "complex128" if arrays.is_complex(Y.cores[-1]) else "float64"
                share = flops / seconds / rates[name, kind]
                print(f"{problem:<8}{rank:6d}{name:>9}{seconds:12.4f}{flops / 1e9:12.3f}"
                      f"{share:15.3f}", flush=True)
                result["rows"].append({
                    "problem": problem, "rank": rank, "library": name,
                    "seconds": round(seconds, 5), "flow_gflop": round(flops / 1e9, 4),
                    "gemm_share": round(share, 4)})
    result["gemm_gflops"] = {f"{n} {k}": round(r / 1e9, 1) for (n, k), r in rates.items()}
    print(json.dumps(result))
    return 0 if result.get("tests", "passed") == "passed" else 1


if __name__ == "__main__":
    sys.exit(main())
