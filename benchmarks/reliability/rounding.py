"""Figure 4: rounding stays within its tolerance and keeps no more than it must.

10 000 generated cases: random trees of two to five modes (as in tests/generated_cases.py), sizes
2 … 6, ranks 2 … 6, real and complex, singular values falling by a factor 0.1 … 1 each,
norms 1e-6 … 1e6, tolerances 1e-10 … 0.3 of the norm, absolute and relative; `round` and
`from_dense` take turns. The true error is that of the dense tensors. Where the tolerance is
below every singular value nothing can be dropped, so the share of the tolerance that is used
is taken over the cases that dropped something.

    python benchmarks/reliability/rounding.py [--cases 10000]
"""

from __future__ import annotations

import argparse
import sys

from report import report, rounded

import numpy as np
from conftest import decaying_tensor
from generated_cases import random_tree

import tensorflowlr as tlr


def case(number: int) -> tuple[float, bool]:
    """True error over tolerance, and whether anything was dropped."""
    rng = np.random.default_rng([4, number])
    tree = random_tree(rng, int(rng.integers(2, 6)))
    shape = tuple(rng.integers(2, 7, tree.modes).tolist())
    scale, tolerance = 10.0 ** rng.uniform(-6, 6), 10.0 ** rng.uniform(-10, np.log10(0.3))
    Y = decaying_tensor(
        tree, shape, int(rng.integers(2, 7)), 10.0 ** rng.uniform(-1, 0), scale,
        [float, complex][rng.integers(2)], number,
    )
    x = Y.to_dense()
    rule = (tlr.Truncation(rtol=tolerance) if rng.random() < 0.5
            else tlr.Truncation(atol=tolerance * scale))
    made = Y.round(rule) if number % 2 else tlr.TreeTensor.from_dense(x, tree, rule)
    exact = tlr.TreeTensor.from_dense(x, tree)
    dropped = any(made.ranks[n] < exact.ranks[n] for n in tree.edges)
    return float(np.linalg.norm(made.to_dense() - x)) / (tolerance * scale), dropped


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    count = parser.parse_args().cases
    found = [case(number) for number in range(count)]
    shares = np.array([share for share, _ in found])
    active = shares[[dropped for _, dropped in found]]
    # 1e-10 of the norm is the smallest tolerance: round-off may reach 1e-5 of it
    outside = int(np.sum(shares > 1.0 + 1e-5))
    quartiles = np.quantile(active, [0.05, 0.25, 0.5, 0.75, 0.95])
    print("| cases | that dropped something | outside the tolerance | largest error / tolerance |")
    print("|---|---|---|---|")
    print(f"| {count} | {len(active)} | {outside} | {shares.max():.3f} |\n")
    print("| error / tolerance, quantile | 5 % | 25 % | 50 % | 75 % | 95 % |")
    print("|---|---|---|---|---|---|")
    print("| where something was dropped | " + " | ".join(f"{q:.2f}" for q in quartiles) + " |")
    return report(
        "rounding", 4, bound={"largest": 1.0, "median_at_least": 0.1},
        value={"largest": rounded(shares.max()), "median": rounded(quartiles[2])},
        ok=outside == 0 and quartiles[2] >= 0.1,
        counts={"cases": count, "dropped": len(active), "outside": outside},
        median_of_all_cases=rounded(np.median(shares)),
    )


if __name__ == "__main__":
    sys.exit(main())
