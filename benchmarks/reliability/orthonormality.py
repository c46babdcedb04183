"""Figure 3: orthonormal factors after 10 000 steps, on a matrix, a balanced tree and a comb.

‖UᴴU - 1‖ in the Frobenius norm of every core but the root's, at every hundredth step and after
the last one, at most 50 machine epsilons. h = 1e-3, atol = 1e-8, ranks of 4 at most.

    python benchmarks/reliability/orthonormality.py [--steps 10000]
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np
from report import report, rounded

import tensorflowlr as tlr

EPS = 2.0**-52
RULE = tlr.Truncation(atol=1e-8, max_rank=4)
METHODS = {
    "parallel": tlr.ParallelBUG(RULE),
    "parallel, order 2": tlr.ParallelBUG(RULE, order=2),
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    count = parser.parse_args().steps
    worst = 0.0
    print("| problem | method | largest ‖Uᴴ U - 1‖ in machine epsilons |\n|---|---|---|")
    for problem_name, problem in PROBLEMS.items():
        for name, method in METHODS.items():
            run = tlr.steps(problem.field, problem.start, (0.0, 1e-3 * count), step=1e-3,
                            method=method)
            seen = max(gap(info.y) for info in itertools.islice(run, 0, None, 100))
            worst = max(worst, seen)
            print(f"| {problem_name} | {name} | {seen / EPS:.1f} |", flush=True)
    return report(
        "orthonormality", 3, bound=50.0, value=rounded(worst / EPS), ok=worst <= 50 * EPS,
        counts={"steps": count, "runs": len(PROBLEMS) * len(METHODS)}, unit="machine epsilons",
    )


if __name__ == "__main__":
    sys.exit(main())
