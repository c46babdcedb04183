"""Figure 9: one code on all array libraries, and the same bits on all executors.

NumPy, array-api-strict, PyTorch and, where a device answers, CuPy take the same steps at the
same ranks to states within 1e-12; threads and processes give the bits of the serial run.

    python benchmarks/reliability/agreement.py
"""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from report import report, rounded

import tensorflowlr as tlr
from tensorflowlr.arrays import to_numpy
from tensorflowlr.integrators import workers

# the folder of the tests is on the path now
from conftest import BACKENDS  # isort: skip

RULE = tlr.Truncation(atol=1e-8, max_rank=24)
METHODS = {
    "parallel": tlr.ParallelBUG(RULE, flow=tlr.Exponential()),
    "parallel, order 2": tlr.ParallelBUG(RULE, order=2, flow=tlr.Krylov()),
    "augmented": tlr.AugmentedBUG(RULE),
    "augmented, order 2": tlr.AugmentedBUG(RULE, order=2, flow=tlr.Exponential()),
}
PROBLEMS = {
    "balanced": tlr.problems.long_range_ising(8),
    "comb": tlr.problems.nearest_neighbour_ising(8, tree=tlr.Tree.train(8, root=4)),
    "matrix": tlr.problems.discrete_schroedinger(40),
    "slab": tlr.problems.radiation_slab(41, 20, points=10, half_width=1.0, width=0.1),
}


def warm(problem: Any) -> tlr.TreeTensor:
    """A state a little later: exact zeros at a start leave directions to round-off."""
    method = tlr.AugmentedBUG(tlr.Truncation(rtol=1e-6, max_rank=12), order=2)
    return tlr.integrate(problem.field, problem.start, (0.0, 0.05), step=0.01, method=method).final


def run(problem: Any, method: Any, start: tlr.TreeTensor, executor: Any = None) -> tlr.Solution:
    """Ten steps of one hundredth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.integrate(problem.field, start, (0.0, 0.1), step=0.01, method=method,
                             executor=executor)


def gap(one: tlr.Solution, two: tlr.Solution) -> float:
    """The relative distance of the final states; infinite where steps or ranks differ."""
    if len(one.times) != len(two.times) or any(
        not np.array_equal(one.ranks[k], two.ranks[k]) for k in one.ranks
    ):
        return float("inf")
    there = tlr.TreeTensor(two.final.tree, [to_numpy(c) for c in two.final.cores])
    return (one.final - there).norm() / one.final.norm()


def main() -> int:
    """Compare all, print the table."""
    worst, cases, equal = 0.0, 0, 0
    # so that flows of these small problems travel
    workers.THRESHOLD = 1e4
    pools: dict[str, Executor] = {
        "threads": ThreadPoolExecutor(2),
        "processes": ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    }
    libraries = [repr(backend) for backend in BACKENDS[1:]]
    print("| problem | method | " + " | ".join(libraries) + " | executors bit-equal |")
    print("|---" * (len(libraries) + 3) + "|")
    for problem_name, problem in PROBLEMS.items():
        start = warm(problem)
        for name, method in METHODS.items():
            reference = run(problem, method, start)
            gaps = {}
            for backend in BACKENDS[1:]:
                other = run(problem, method, backend.tensor(start))
                gaps[repr(backend)] = gap(reference, other)
            worst, cases = max(worst, *gaps.values()), cases + len(gaps)
            same = 0
            for pool in pools.values():
                other = run(problem, method, start, pool)
                pairs = zip(reference.final.cores, other.final.cores, strict=True)
                same += all(np.array_equal(a, b) for a, b in pairs)
            equal += same
            row = " | ".join(f"{gaps[library]:.1e}" for library in libraries)
            print(f"| {problem_name} | {name} | {row} | {same} of {len(pools)} |", flush=True)
    for pool in pools.values():
        pool.shutdown()
    wanted = len(PROBLEMS) * len(METHODS) * len(pools)
    return report(
        "agreement", 9, bound=1e-12, value=rounded(worst), ok=worst <= 1e-12 and equal == wanted,
        counts={"compared_with_numpy": cases, "executor_runs": wanted,
                "executor_runs_bit_equal": equal},
        libraries=[repr(backend) for backend in BACKENDS],
    )


if __name__ == "__main__":
    sys.exit(main())
