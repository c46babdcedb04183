"""Figure 2: small singular values do no harm.

The discrete Schrödinger equation (40 × 40, T = 1, h = 0.02, atol = 1e-6) from starts of rank 4
whose last singular value goes from 1 to 1e-14. The figure is the error over that at 1e-1, at
equal h, at most 2. Beside it classical Runge–Kutta on the projected equations with the inverse
of S (`paper_repro.schroedinger.naive`), over the best that rank 4 can do: it breaks.

    python benchmarks/reliability/small_singular_values.py
"""

from __future__ import annotations

import sys

import numpy as np
from report import report, rounded

# the root of the repository is on the path now
from paper_repro import schroedinger  # isort: skip

POINTS, STEP, RANK = 40, 0.02, 4
SMALLEST = tuple(10.0**-k for k in range(15))
NAMES = ("augmented", "parallel", "parallel, rejection", "parallel, order 2",
         "augmented, order 2")
REFERENCE = 1e-1


def main() -> int:
    """Run all methods over all starts."""
    U, V = schroedinger.bases(POINTS)
    found, broken, best = schroedinger.small_values(U, V, [STEP], SMALLEST, RANK, NAMES)
    print("| smallest singular value | " + " | ".join(NAMES) + " | naive | best of rank 4 |")
    print("|---" * (len(NAMES) + 3) + "|")
    for value in SMALLEST:
        cells = [f"{found[name, value][0]:.2e}" for name in NAMES]
        print(f"| {value:.0e} | " + " | ".join(cells)
              + f" | {broken[value][0]:.2e} | {best[value]:.2e} |")
    worst = {
        name: max(found[name, value][0] / found[name, REFERENCE][0] for value in SMALLEST)
        for name in NAMES
    }
    failed = [v for v in SMALLEST if not broken[v][0] <= 10.0 * best[v]]
    return report(
        "small_singular_values", 2, bound=2.0, value=rounded(max(worst.values())),
        ok=max(worst.values()) <= 2.0 and len(failed) >= 10,
        counts={"starts": len(SMALLEST), "methods": len(NAMES),
                "starts_where_the_naive_method_fails": len(failed)},
        ratios={name: rounded(ratio) for name, ratio in worst.items()},
        naive_fails_below=max(failed, default=None),
        naive_overflows=int(sum(not np.isfinite(broken[v][0]) for v in SMALLEST)),
    )


if __name__ == "__main__":
    sys.exit(main())
