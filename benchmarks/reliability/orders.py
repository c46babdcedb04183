"""Figure 1: observed orders of convergence, six problems per method.

Fitted slopes over four halvings (the slope of a straight line through the logarithms) from
starts whose singular values are all above 1e-2, with a truncation far below the smallest error.

    python benchmarks/reliability/orders.py
"""

from __future__ import annotations

import sys

import numpy as np
import scipy.linalg
from report import report

import tensorflowlr as tlr

# the folder of the tests is on the path now
from conftest import dense_terms  # isort: skip
from helpers import errors, halvings, random_pairs, slope  # isort: skip

END, RANK = 0.2, 2
TREES = {
    "matrix": (tlr.Tree.matrix(), (24, 20)),
    "balanced": (tlr.Tree.balanced(4), (5,) * 4),
    "comb": (tlr.Tree.train(4), (5,) * 4),
    "Tucker": (tlr.Tree.tucker(3), (10, 9, 8)),
    "irregular": (tlr.Tree(((3, 0, 1), (2, 4))), (4,) * 5),
}
# coefficient of H: -i for a Schrödinger equation, -1 for a dissipative one
PROBLEMS = {name: (name, -1j) for name in TREES} | {"balanced, dissipative": ("balanced", -1.0)}
FLOW = tlr.Exponential()
METHODS = {
    "parallel, order 1": (tlr.ParallelBUG(tlr.Truncation(atol=1e-8), flow=FLOW), 1, 0.05),
    "augmented, order 1": (tlr.AugmentedBUG(tlr.Truncation(atol=1e-8), flow=FLOW), 1, 0.05),
    "parallel, order 2": (tlr.ParallelBUG(tlr.Truncation(atol=1e-11), order=2, flow=FLOW), 2, 0.05),
    "augmented, order 2": (
        tlr.AugmentedBUG(tlr.Truncation(atol=1e-11), order=2, flow=FLOW), 2, 0.1),
}


def main() -> int:
    """Fit all slopes, print the table."""
    cases = {}
    for name, (tree_name, c) in PROBLEMS.items():
        tree, shape = TREES[tree_name]
        terms = random_pairs(shape)
        Y0 = tlr.TreeTensor.random(tree, shape, RANK, rng=0, dtype=complex)
        least = min(float(v[-1]) for v in tlr.measures.singular_values(Y0).values())
        assert least > 1e-2, least
        end = scipy.linalg.expm(c * END * dense_terms(terms, shape)) @ Y0.to_dense().reshape(-1)
        H = tlr.TreeOperator.from_terms(terms, tree, shape)
        cases[name] = tlr.LinearField(H, coefficient=c), Y0, end
    print(f"{'':<22}" + "".join(f"{name:>24}" for name in METHODS))
    slopes: dict[str, list[float]] = {name: [] for name in METHODS}
    for problem, (F, Y0, end) in cases.items():
        row = f"{problem:<22}"
        for name, (method, _, first) in METHODS.items():
            steps = halvings(first, 5)
            found = errors(method, F, Y0, END, steps, end)
            slopes[name].append(slope(steps, found))
            row += f"{slopes[name][-1]:10.2f} ({found[-1]:.1e})  "
        print(row, flush=True)
    orders = {name: order for name, (_, order, _) in METHODS.items()}
    gaps = {name: [s - orders[name] for s in found] for name, found in slopes.items()}
    never_below = all(gap >= -0.1 for found in gaps.values() for gap in found)
    return report(
        1, "observed orders", never_below,
        bound="slope >= order - 0.1",
        slopes={name: [round(s, 3) for s in found] for name, found in slopes.items()},
        within_a_tenth=sum(abs(g) <= 0.1 for found in gaps.values() for g in found),
        better=sum(g > 0.1 for found in gaps.values() for g in found),
        cases=sum(len(found) for found in gaps.values()),
        lowest_gap=round(float(np.min([g for found in gaps.values() for g in found])), 3),
    )


if __name__ == "__main__":
    sys.exit(main())
