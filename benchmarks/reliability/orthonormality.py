"""Figure 3: orthonormal factors after 10 000 steps, on a matrix, a balanced tree and a comb.

python benchmarks/reliability/orthonormality.py [--steps 10000]
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np
from report import report

import tensorflowlr as tlr

EPS = 2.0**-52
RULE = tlr.Truncation(atol=1e-8, max_rank=8)
METHODS = {
    "parallel": tlr.ParallelBUG(RULE),
    "augmented": tlr.AugmentedBUG(RULE),
    "augmented, order 2": tlr.AugmentedBUG(RULE, order=2),
}
PROBLEMS = {
    "matrix": tlr.problems.discrete_schroedinger(24),
    "balanced": tlr.problems.long_range_ising(6),
    "comb": tlr.problems.nearest_neighbour_ising(6, tree=tlr.Tree.train(6)),
}


def gap(Y: tlr.TreeTensor) -> float:
    """The largest ‖Uᴴ U - 1‖ of all cores but the root's, in the Frobenius norm."""
    gaps = []
    for core in Y.cores[:-1]:
        columns = core.reshape(-1, core.shape[-1])
        gaps.append(np.linalg.norm(columns.conj().T @ columns - np.eye(core.shape[-1])))
    return float(max(gaps))


def main() -> int:
    """Run, look at every hundredth step, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    count = parser.parse_args().steps
    worst = 0.0
    for problem_name, problem in PROBLEMS.items():
        for name, method in METHODS.items():
            run = tlr.steps(problem.field, problem.start, (0.0, 1e-3 * count), step=1e-3,
                            method=method)
            seen = max(gap(info.y) for info in itertools.islice(run, 0, None, 100))
            worst = max(worst, seen)
            print(f"{problem_name:<12}{name:<22}{seen / EPS:8.1f} eps", flush=True)
    return report(3, "orthonormality", worst <= 50 * EPS, bound_eps=50,
                  worst_eps=round(worst / EPS, 2), steps=count,
                  cases=len(PROBLEMS) * len(METHODS))


if __name__ == "__main__":
    sys.exit(main())
