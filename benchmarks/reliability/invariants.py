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
from report import report, rounded

import tensorflowlr as tlr

END, STEP = 2.0, 0.02
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
FLOW = tlr.Exponential()
# relative drift of norm and energy, in tolerances per unit of time
BOUND = 20.0


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
    print("| method | tolerance | norm drift | energy drift |\n|---|---|---|---|")
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
            print(f"| {name} | {atol:.0e} | {row['norm'][-1]:.1e} | {row['energy'][-1]:.1e} |",
                  flush=True)
    shares = {
        name: max(
            drift / (atol * END) for row in (drifts[name],) for key in row
            for drift, atol in zip(row[key], TOLERANCES, strict=True)
        )
        for name in drifts
    }
    conserved = [shares["augmented"], shares["augmented, order 2"]]
    return report(
        "invariants", 5, bound=BOUND, value=rounded(max(conserved)), ok=max(conserved) <= BOUND,
        counts={"methods": len(drifts), "tolerances": len(TOLERANCES),
                "steps": round(END / STEP)},
        unit="tolerances per unit of time, augmented method",
        shares={name: rounded(share) for name, share in shares.items()},
        drifts={n: {k: [rounded(d) for d in v] for k, v in row.items()}
                for n, row in drifts.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
