"""Figure 4: rounding stays within its tolerance and keeps no more than it must.

10 000 generated cases: random trees of two to five modes (as in tests/generated_cases.py), sizes
2 … 6, ranks 2 … 6, real and complex, singular values falling by a factor 0.1 … 1 each,
norms 1e-6 … 1e6, absolute and relative tolerances; `round` and `from_dense` take turns. The true
error is that of the dense tensors. Where a tolerance lies below all singular values nothing can be
dropped and no share of it used; therefore three in four tolerances are drawn between the
smallest singular value of any edge, times the root of the number of edges, and half the norm;
the others are 1e-10 … 0.3 of the norm, whatever the singular values. The median is over all.

    python benchmarks/reliability/rounding.py [--cases 10000]
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from report import report, rounded

import tensorflowlr as tlr

# the folder of the tests is on the path now
from conftest import decaying_tensor  # isort: skip
from generated_cases import random_tree  # isort: skip
from helpers import matricised  # isort: skip


def smallest(x: np.ndarray, tree: tlr.Tree, edge: int) -> float:
    """The smallest singular value of an edge that is not round-off."""
    s = np.linalg.svd(matricised(x, tree.leaves_below[edge]), compute_uv=False)
    return float(s[s > 1e-13 * s[0]][-1])


def case(number: int) -> tuple[float, bool]:
    """True error over tolerance, and whether anything was dropped."""
    rng = np.random.default_rng([4, number])
    tree = random_tree(rng, int(rng.integers(2, 6)))
    shape = tuple(rng.integers(2, 7, tree.modes).tolist())
    scale = 10.0 ** rng.uniform(-6, 6)
    Y = decaying_tensor(
        tree, shape, int(rng.integers(2, 7)), 10.0 ** rng.uniform(-1, 0), scale,
        [float, complex][rng.integers(2)], number,
    )
    x = Y.to_dense()
    low, high = 1e-10, 0.3
    if rng.random() < 0.75:
        low = min(smallest(x, tree, edge) for edge in tree.edges) / scale
        low, high = min(low * np.sqrt(tree.rounding_edges), 0.5), 0.5
    tolerance = 10.0 ** rng.uniform(np.log10(max(low, 1e-10)), np.log10(high))
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
    points = [0.05, 0.25, 0.5, 0.75, 0.95]
    quartiles, of_active = np.quantile(shares, points), np.quantile(active, points)
    print("| cases | that dropped something | outside the tolerance | largest error / tolerance |")
    print("|---|---|---|---|")
    print(f"| {count} | {len(active)} | {outside} | {shares.max():.3f} |\n")
    print("| error / tolerance, quantile | 5 % | 25 % | 50 % | 75 % | 95 % |")
    print("|---|---|---|---|---|---|")
    for name, row in (("all cases", quartiles), ("where something was dropped", of_active)):
        print(f"| {name} | " + " | ".join(f"{q:.2f}" for q in row) + " |")
    print()
    return report(
        "rounding", 4, bound={"largest": 1.0, "median_at_least": 0.1},
        value={"largest": rounded(shares.max()), "median": rounded(quartiles[2])},
        ok=outside == 0 and quartiles[2] >= 0.1,
        counts={"cases": count, "dropped": len(active), "outside": outside},
        median_where_something_was_dropped=rounded(of_active[2]),
    )


if __name__ == "__main__":
    sys.exit(main())
