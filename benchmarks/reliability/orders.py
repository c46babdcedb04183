"""Figure 1: observed orders of convergence, six problems per method.

Slopes of straight lines through the logarithms of error and step, over four halvings, against
dense exponentials (with time and source: against SciPy's DOP853). All singular values of the
starts are above 1e-2; the floor, steps times the tolerance of the truncation, is at most 1e-3 of
the smallest error. A method may do better than its order, it must not do worse.

    python benchmarks/reliability/orders.py
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import scipy.integrate
import scipy.sparse.linalg
from report import report, rounded

import tensorflowlr as tlr

# the folder of the tests is on the path now
from conftest import dense_terms  # isort: skip
from helpers import errors, halvings, hermitian, ising, random_pairs, slope, xxz  # isort: skip

END, SLACK, LEAST, FLOOR, ROUND_OFF = 0.4, 0.1, 1e-2, 1e-3, 1e-15
FLOW = tlr.Exponential(1e-15)
METHODS = {
    "parallel, order 1": (tlr.ParallelBUG, 1, 1e-9),
    "augmented, order 1": (tlr.AugmentedBUG, 1, 1e-9),
    "parallel, order 2": (tlr.ParallelBUG, 2, 1e-12),
    "augmented, order 2": (tlr.AugmentedBUG, 2, 1e-14),
}
# field, start, exact end, and the flow
Problem = tuple[Any, tlr.TreeTensor, np.ndarray, Any]


def linear(
    terms: Any, tree: tlr.Tree, shape: tuple[int, ...], rank: int, c: complex = -1j,
    kind: Any = complex,
) -> Problem:
    """Y' = c H Y from a random tensor, of a rank at which bases do not become complete."""
    Y0 = tlr.TreeTensor.random(tree, shape, rank, rng=0, dtype=kind)
    dense = c * dense_terms(terms, shape)
    end = scipy.sparse.linalg.expm_multiply(END * dense, Y0.to_dense().reshape(-1) + 0j)
    return tlr.LinearField(tlr.TreeOperator.from_terms(terms, tree, shape), c), Y0, end, FLOW


def diffusion() -> Problem:
    """A real equation: diffusion of a matrix with a reaction that couples rows and columns."""
    shape = (14, 12)
    walls = [np.diag(np.full(n, 2.0)) - np.eye(n, k=1) - np.eye(n, k=-1) for n in shape]
    rate = [np.linspace(0.0, 1.0, n) ** 2 for n in shape]
    terms = [(-1.0, {0: walls[0]}), (-1.0, {1: walls[1]}), (-2.0, {0: rate[0], 1: rate[1]})]
    return linear(terms, tlr.Tree.matrix(), shape, 1, 1.0, float)


def moving() -> Problem:
    """Y' = -i cos(t) H Y + t Z on a Tucker tree."""
    tree, shape, rng = tlr.Tree.tucker(3), (10, 9, 8), np.random.default_rng(3)
    terms = random_pairs(shape, 3) + [(0.5, {0: hermitian(rng, 10)})]
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    Y0 = tlr.TreeTensor.random(tree, shape, 1, rng=0, dtype=complex)
    Z = tlr.TreeTensor.random(tree, shape, 1, rng=1, dtype=complex)
    dense, z = dense_terms(terms, shape), Z.to_dense().reshape(-1)
    end = scipy.integrate.solve_ivp(
        lambda t, y: -1j * np.cos(t) * (dense @ y) + t * z, (0.0, END),
        Y0.to_dense().reshape(-1), method="DOP853", rtol=1e-13, atol=1e-15,
    ).y[:, -1]
    F = tlr.LinearField(H, lambda t: -1j * np.cos(t).item(), lambda t: t * Z)
    return F, Y0, end, tlr.RungeKutta4(4)


PROBLEMS = {
    "matrix Schrödinger": lambda: linear(
        random_pairs((24, 20)), tlr.Tree.matrix(), (24, 20), 2),
    "Ising comb": lambda: linear(ising(8), tlr.Tree.train(8), (2,) * 8, 2),
    "XXZ balanced": lambda: linear(xxz(8), tlr.Tree.balanced(8), (2,) * 8, 1),
    "Tucker": lambda: linear(random_pairs((10, 9, 8)), tlr.Tree.tucker(3), (10, 9, 8), 1),
    "diffusion, real": diffusion,
    "moving, with source": moving,
}


def fitted(problem: Problem, kind: Any, order: int, atol: float) -> tuple[float, float, bool]:
    """Slope, smallest error, and whether the floor is low enough.

    The first step is halved until a fit over four halvings no longer changes by a twentieth,
    as long as the floor allows.
    """
    F, Y0, end, flow = problem
    method = kind(tlr.Truncation(atol=atol), order=order, flow=flow)
    steps = halvings(0.05 * order, 5)
    found = errors(method, F, Y0, END, steps, end)
    best = slope(steps, found)
    for _ in range(2):
        finer = [*steps[1:], steps[-1] / 2]
        more = np.append(found[1:], errors(method, F, Y0, END, finer[-1:], end))
        if not low(more, finer, atol) or abs(slope(finer, more) - best) < 0.05:
            break
        steps, found, best = finer, more, slope(finer, more)
    return best, float(found[-1]), low(found, steps, atol)


def low(found: np.ndarray, steps: list[float], atol: float) -> bool:
    """Whether truncation and round-off are at most 1e-3 of the smallest error."""
    count = END / steps[-1]
    return bool((atol + ROUND_OFF) * count <= FLOOR * found.min())


def main() -> int:
    """Fit all slopes, print the table."""
    slopes: dict[str, list[float]] = {name: [] for name in METHODS}
    floors, least = 0, np.inf
    print("| problem | " + " | ".join(METHODS) + " |")
    print("|---" * (len(METHODS) + 1) + "|")
    for name, make in PROBLEMS.items():
        problem = make()
        values = tlr.measures.singular_values(problem[1]).values()
        least = min(least, *(float(v[-1]) for v in values))
        cells = []
        for method, (kind, order, atol) in METHODS.items():
            found, smallest, fine = fitted(problem, kind, order, atol)
            slopes[method].append(found)
            floors += fine
            cells.append(f"{found:.2f} ({smallest:.1e}{'' if fine else ', floor too near'})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    gaps = [s - METHODS[name][1] for name, found in slopes.items() for s in found]
    as_proven = sum(abs(gap) <= SLACK for gap in gaps)
    print(f"\n{as_proven} of {len(gaps)} within {SLACK} of the order, "
          f"{sum(gap > SLACK for gap in gaps)} above, {sum(gap < -SLACK for gap in gaps)} below")
    return report(
        "orders", 1, bound=-SLACK, value=rounded(min(gaps)),
        ok=min(gaps) >= -SLACK and least >= LEAST,
        counts={"fits": len(gaps), "within_a_tenth": as_proven,
                "above": sum(gap > SLACK for gap in gaps),
                "below": sum(gap < -SLACK for gap in gaps), "floor_low_enough": floors},
        unit="slope minus order, the lowest", smallest_singular_value=rounded(least),
        slopes={name: [rounded(s) for s in found] for name, found in slopes.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
