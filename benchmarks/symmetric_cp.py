"""Symmetric CP of exact tensors: processor seconds beside plain NumPy, TensorLy and pyttb.

Every pair is timed in turn in one process with one BLAS thread, medians of several rounds, each
with other starts. `ratio` is ours over the plain NumPy of `symmetric_plain.py`; for alternating
least squares, seconds are those per correct answer (relative error below 1e-6): all of them over
the number of correct ones, or a lower bound where there was none. One JSON line per case.

    python benchmarks/symmetric_cp.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import symmetric_plain
import threadpoolctl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro.symmetric import compile_steps, factor_gap, random_tensor, tensor_gap, timed
from paper_repro.symmetric_baselines import pyttb_als, tensorly_als

threadpoolctl.threadpool_limits(1)

# order, size, rank, and what ours over plain NumPy may be at most
PLAIN = ((3, 20, 20, None), (4, 20, 20, 0.4), (4, 20, 60, None), (4, 40, 200, 0.25),
         (4, 40, 400, 0.25), (5, 10, 40, None), (6, 11, 150, None))
ALTERNATING = ((3, 20, 20), (4, 20, 20), (4, 20, 60))
CORRECT, LEAST = 1e-6, 10.0
LIMIT = 100


def ours(T: Any, rng: Any) -> tlr.SymmetricCP:
    """The library's answer."""
    return tlr.subspace_power_method(T, rng=rng)


def plain(T: Any, rng: Any) -> tlr.SymmetricCP:
    """Plain NumPy's answer."""
    weights, factors = symmetric_plain.decompose(T, rng)
    return tlr.SymmetricCP(weights, factors, T.ndim)


def measure(
    solvers: dict[str, Callable[..., Any]], true: tlr.SymmetricCP, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """Seconds, errors of the tensor and of the factors of each solver, in turn."""
    T = true.to_dense()
    seconds: dict[str, list[float]] = {name: [] for name in solvers}
    errors: dict[str, list[float]] = {name: [] for name in solvers}
    gaps: dict[str, list[float]] = {name: [] for name in solvers}
    for k in range(rounds):
        names = list(solvers) if k % 2 else list(reversed(solvers))
        for name in names:
            made, spent = timed(solvers[name], T, np.random.default_rng([k, 1]))
            seconds[name].append(spent)
            errors[name].append(tensor_gap(made, T))
            if isinstance(made, tlr.SymmetricCP):
                gaps[name].append(factor_gap(made, true))
    return seconds, errors, gaps


def beside_plain(m: int, d: int, r: int, bound: float | None, rounds: int) -> dict[str, Any]:
    """Ours and plain NumPy."""
    true = random_tensor(m, d, r, np.random.default_rng([m, d, r]))
    seconds, errors, gaps = measure({"ours": ours, "plain": plain}, true, rounds)
    ratio = float(np.median(seconds["ours"]) / np.median(seconds["plain"]))
    return {
        "benchmark": "symmetric_cp", "case": [m, d, r],
        "ours_s": digits(np.median(seconds["ours"])),
        "plain_s": digits(np.median(seconds["plain"])), "ratio": digits(ratio), "bound": bound,
        "ok": bound is None or ratio <= bound,
        "error": digits(max(errors["ours"])), "plain_error": digits(max(errors["plain"])),
        "factors": digits(max(gaps["ours"])), "plain_factors": digits(max(gaps["plain"])),
    }


def beside_alternating(m: int, d: int, r: int, rounds: int) -> dict[str, Any]:
    """Ours, TensorLy's parafac and pyttb's cp_als, per correct answer."""
    true = random_tensor(m, d, r, np.random.default_rng([m, d, r]))
    solvers = {
        "ours": ours,
        "tensorly": lambda T, rng: tensorly_als(T, r, rng, LIMIT),
        "pyttb": lambda T, rng: pyttb_als(T, r, rng, LIMIT),
    }
    seconds, errors, _ = measure(solvers, true, rounds)
    line: dict[str, Any] = {"benchmark": "symmetric_cp_als", "case": [m, d, r]}
    costs = {}
    for name in solvers:
        right = sum(e < CORRECT for e in errors[name])
        costs[name] = sum(seconds[name]) / max(right, 1)
        line[name] = {"s": digits(np.median(seconds[name])), "correct": f"{right} of {rounds}",
                      "s_per_correct": digits(costs[name]), "lower_bound": right == 0,
                      "error": digits(np.median(errors[name]))}
    gain = min(costs["tensorly"], costs["pyttb"]) / costs["ours"]
    return {**line, "gain": digits(gain), "bound": LEAST if m == 4 else None,
            "ok": m != 4 or gain >= LEAST}


def digits(value: Any) -> float:
    """Three digits."""
    return float(f"{float(value):.3g}")


def main() -> int:
    """Print the machine and one JSON line per case; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(json.dumps({"machine": platform.machine(), "python": platform.python_version(),
                      "numpy": np.__version__, "threads": 1, "rounds": rounds}))
    # compiled and imported once, before any clock
    compile_steps()
    for als in (tensorly_als, pyttb_als):
        als(np.ones((2, 2, 2)), 1, np.random.default_rng(0), 2)
    good = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in PLAIN:
            line = beside_plain(*case, rounds)
            good &= line["ok"]
            print(json.dumps(line), flush=True)
        for m, d, r in ALTERNATING:
            line = beside_alternating(m, d, r, rounds)
            good &= line["ok"]
            print(json.dumps(line), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
