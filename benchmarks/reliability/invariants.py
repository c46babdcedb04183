"""Figure 5: norm and energy of Schrödinger equations, per method and tolerance.

The long-range Ising quench of arXiv 2412.00858 with 8 spins to T = 2, exact flows. What is
called conserved stays within 20 tolerances per unit of time; the parallel method promises
neither and is shown beside it.

    python benchmarks/reliability/invariants.py
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from report import report

import tensorflowlr as tlr

END, STEP = 2.0, 0.02
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
FLOW = tlr.Exponential()


def methods(rule: tlr.Truncation) -> dict[str, tlr.ParallelBUG | tlr.AugmentedBUG]:
    """Every method at one tolerance."""
    return {
        "parallel": tlr.ParallelBUG(rule, flow=FLOW),
        "parallel, rejection": tlr.ParallelBUG(rule, reject=10.0, flow=FLOW),
        "parallel, order 2": tlr.ParallelBUG(rule, order=2, flow=FLOW),
        "augmented": tlr.AugmentedBUG(rule, flow=FLOW),
        "augmented, order 2": tlr.AugmentedBUG(rule, order=2, flow=FLOW),
    }


def main() -> int:
    """Run all, print the largest drifts."""
    problem = tlr.problems.long_range_ising(8)
    drifts: dict[str, dict[str, list[float]]] = {}
    print(f"{'method':<22}{'tolerance':>10}{'norm drift':>14}{'energy drift':>14}")
    for atol in TOLERANCES:
        for name, method in methods(tlr.Truncation(atol=atol)).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", tlr.RankCapWarning)
                sol = tlr.integrate(problem.field, problem.start, (0.0, END), step=STEP,
                                    method=method, observe=problem.observe)
            row = drifts.setdefault(name, {"norm": [], "energy": []})
            for key in row:
                values = sol.observables[key]
                row[key].append(float(np.max(np.abs(values / values[0] - 1.0))))
            print(f"{name:<22}{atol:10.0e}{row['norm'][-1]:14.1e}{row['energy'][-1]:14.1e}",
                  flush=True)
    kept = {
        name: all(
            drift <= 20.0 * END * atol + 1e-10
            for key in row for drift, atol in zip(row[key], TOLERANCES, strict=True)
        )
        for name, row in drifts.items()
    }
    return report(
        5, "invariants", kept["augmented"] and kept["augmented, order 2"],
        bound="augmented: relative drift <= 20 tolerances per unit of time",
        conserved_up_to_tolerance=kept, tolerances=TOLERANCES,
        drifts={n: {k: [float(f"{d:.2e}") for d in v] for k, v in row.items()}
                for n, row in drifts.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
