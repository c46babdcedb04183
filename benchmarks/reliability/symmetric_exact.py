"""Exact symmetric tensors: the decomposition is exact too, whatever the scale.

Random problems of orders 3 … 7 with normal weights, scales 1e-9 … 1e9, ranks of 1 … 95 % of the
method's limit, the rank not given. Promised: relative errors below 1e-12, and vectors
matched to 1e-9, without a failure. Beyond 95 % of the limit the share of successes is reported.
Limits are d for order 3, else the number of dimensions that leaves the powers of the components
alone in the range, C(d + n - 1, n) - d, or the rank of the flattening.

    python benchmarks/reliability/symmetric_exact.py [--problems 200] [--near 60]
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings

import numpy as np
from report import report, rounded

import tensorflowlr as tlr

# the root of the repository is on the path now
from paper_repro.symmetric import factor_gap, random_tensor, tensor_gap  # isort: skip

SIZES = {3: (3, 24), 4: (3, 14), 5: (3, 9), 6: (3, 7), 7: (3, 5)}
ERROR, FACTORS, SHARE = 1e-12, 1e-9, 0.95


def limit(m: int, d: int) -> int:
    """The largest rank that can be found in general."""
    n = (m + 1) // 2
    count = math.comb(d + n - 1, n)
    return min(count - d, math.comb(d + m - n - 1, m - n))


def problem(number: int, near: bool) -> tuple[tlr.SymmetricCP, np.ndarray, int]:
    """The tensor, its entries, and the limit of its order and size."""
    rng = np.random.default_rng([7, number, near])
    m = 3 + number % 5
    low, high = SIZES[m]
    d = int(rng.integers(low, high + 1))
    most = limit(m, d)
    inside = max(int(SHARE * most), 1)
    r = int(rng.integers(min(inside + 1, most), most + 1) if near else
            rng.integers(1, inside + 1))
    true = 10.0 ** rng.uniform(-9, 9) * random_tensor(m, d, r, rng)
    return true, true.to_dense(), most


def attempt(number: int, near: bool) -> tuple[int, float, float]:
    """Order, error of the tensor and of the vectors; infinite after a refusal."""
    true, T, _ = problem(number, near)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.DecompositionWarning)
        try:
            found = tlr.subspace_power_method(T, rng=number)
        except ValueError:
            return true.order, float("inf"), float("inf")
    return true.order, tensor_gap(found, T), factor_gap(found, true)


def good(made: tuple[int, float, float]) -> bool:
    """Whether both promises hold."""
    return made[1] < ERROR and made[2] < FACTORS


def main() -> int:
    """Run all problems, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--near", type=int, default=60)
    options = parser.parse_args()
    inside = [attempt(k, False) for k in range(options.problems)]
    near = [attempt(k, True) for k in range(options.near)]
    print("| order | problems | failures | largest error | largest gap of vectors | "
          "within 5 % of the limit: successes |\n|---|---|---|---|---|---|")
    for m in SIZES:
        own = [x for x in inside if x[0] == m]
        last = [x for x in near if x[0] == m]
        print(f"| {m} | {len(own)} | {sum(not good(x) for x in own)} | "
              f"{max((x[1] for x in own), default=0.0):.1e} | "
              f"{max((x[2] for x in own), default=0.0):.1e} | "
              f"{sum(map(good, last))} of {len(last)} |")
    print()
    failed = [k for k, x in enumerate(inside) if not good(x)]
    return report(
        "symmetric_exact", 0, bound=ERROR, value=rounded(max(x[1] for x in inside)),
        ok=not failed, counts={"problems": len(inside), "failures": len(failed)},
        failed=failed, factors=rounded(max(x[2] for x in inside)), factors_bound=FACTORS,
        near_limit={"problems": len(near), "successes": sum(map(good, near))},
    )


if __name__ == "__main__":
    sys.exit(main())
