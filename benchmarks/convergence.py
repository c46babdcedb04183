"""Errors and fitted orders of every method on five trees, as Markdown tables.

An XXZ chain with random fields, H = Σ (X X + Y Y + Z Z / 2) + Σ w_i Z_i with w_i uniform in
[-1, 1], from a random product state (seed 0), T = 0.4, atol = 1e-10, exact flows: the error of
the state in the 2-norm against the exponential of the dense matrix. Six spins 1/2; for Tucker,
where those are complete after one step, three spins 9/2 (X = S_x / S and so on). The order is
the slope of a straight line through the logarithms; none is given where a basis became
complete, so that the method is exact from then on.

A second table has the quench of the transverse-field Ising chain, J = g = 1, all spins up, with
one Runge–Kutta step per flow and atol = 1e-8, beside the values known for the parallel method.

    python benchmarks/convergence.py
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import scipy.linalg

import tensorflowlr as tlr
from tensorflowlr.problems import nearest_neighbour_ising

END = 0.4
STEPS = (0.1, 0.05, 0.025, 0.0125, 0.00625)
# a tree and the number of levels of each spin
TREES = {
    "balanced": (tlr.Tree.balanced(6), 2),
    "comb": (tlr.Tree.train(6), 2),
    "comb, middle root": (tlr.Tree.train(6, root=3), 2),
    "Tucker": (tlr.Tree.tucker(3), 10),
    "irregular ternary": (tlr.Tree(((0, 1, 2), 3, (4, 5))), 2),
}
# errors below this show complete bases, not the method
EXACT = 1e-9


def methods() -> dict[str, Any]:
    """Every method and order."""
    rule, flow = tlr.Truncation(atol=1e-10), tlr.Exponential()
    return {
        "parallel, order 1": tlr.ParallelBUG(rule, flow=flow),
        "parallel, order 1, c = 10": tlr.ParallelBUG(rule, flow=flow, reject=10.0),
        "parallel, order 2, tangent": tlr.ParallelBUG(rule, order=2, flow=flow, enrich="tangent"),
        "parallel, order 2": tlr.ParallelBUG(rule, order=2, flow=flow),
        "augmented, order 1": tlr.AugmentedBUG(rule, flow=flow),
        "augmented, order 2": tlr.AugmentedBUG(rule, order=2, flow=flow),
    }


def chain(tree: tlr.Tree, levels: int, rng: np.random.Generator) -> tlr.TreeOperator:
    """The XXZ chain with random fields."""
    spin = (levels - 1) / 2
    z = np.arange(spin, -spin - 1, -1)
    up = np.diag(np.sqrt(spin * (spin + 1) - z[1:] * (z[1:] + 1)), 1)
    x, y, z = (up + up.T) / (2 * spin), (up - up.T) / (2j * spin), z / spin
    terms: list[Any] = [
        (c, {i: m, i + 1: m})
        for i in range(tree.modes - 1) for c, m in ((1, x), (1, y), (0.5, z))
    ]
    terms += [(w, {i: z}) for i, w in enumerate(rng.uniform(-1, 1, tree.modes))]
    return tlr.TreeOperator.from_terms(terms, tree, (levels,) * tree.modes)


def errors(tree: tlr.Tree, levels: int, method: Any) -> list[float]:
    """The error of the state for each step size."""
    rng = np.random.default_rng(0)
    H = chain(tree, levels, rng)
    spins = [
        rng.standard_normal(levels) + 1j * rng.standard_normal(levels) for _ in range(tree.modes)
    ]
    start = tlr.TreeTensor.product([s / np.linalg.norm(s) for s in spins], tree)
    exact = scipy.linalg.expm(-1j * END * H.to_dense()) @ start.to_dense().reshape(-1)
    found = []
    for h in STEPS:
        solution = tlr.integrate(
            tlr.LinearField(H, coefficient=-1j), start, (0.0, END), step=h, method=method
        )
        found.append(float(np.linalg.norm(solution.final.to_dense().reshape(-1) - exact)))
    return found


# tree, T, order, and the known errors for h = 0.1, 0.05, 0.025 (and 0.0125)
QUENCHES = (
    ("balanced", tlr.Tree.balanced(8), 0.5, 1, (7.6e-2, 1.7e-2, 4.2e-3, 1.0e-3)),
    ("comb", tlr.Tree.train(8), 0.5, 1, (1.4e-1, 5.9e-2, 3.0e-2, 1.6e-2)),
    ("balanced", tlr.Tree.balanced(8), 0.4, 2, (1.6e-2, 1.0e-3, 6.5e-5)),
    ("comb", tlr.Tree.train(8), 0.4, 2, (1.9e-2, 4.3e-3, 1.1e-3)),
    ("Tucker", tlr.Tree.tucker(6), 0.4, 2, (3.9e-3, 2.4e-4, 1.5e-5)),
)


def quench_errors(tree: tlr.Tree, end: float, method: Any, count: int) -> list[float]:
    """The error of the state after a quench, for `count` halvings of h = 0.1."""
    problem = nearest_neighbour_ising(tree.modes, tree=tree)
    H = problem.field.operators[0].to_dense()
    exact = scipy.linalg.expm(-1j * end * H)[:, 0]
    found = []
    for k in range(count):
        solution = tlr.integrate(
            problem.field, problem.start, (0.0, end), step=0.1 / 2**k, method=method
        )
        found.append(float(np.linalg.norm(solution.final.to_dense().reshape(-1) - exact)))
    return found


def print_quenches() -> None:
    """Print the second table."""
    rule = tlr.Truncation(atol=1e-8)
    print("| tree | spins | T | method | h = 0.1 | h = 0.05 | h = 0.025 | h = 0.0125 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, tree, end, order, known in QUENCHES:
        for label, found in (
            ("known", known),
            ("parallel", quench_errors(
                tree, end, tlr.ParallelBUG(rule, order=order), len(known))),
            ("augmented", quench_errors(
                tree, end, tlr.AugmentedBUG(rule, order=order), len(known))),
        ):
            cells = [f"{e:.1e}" if label == "known" else f"{e:.2e}" for e in found]
            cells += ["–"] * (4 - len(cells))
            print(f"| {name} | {tree.modes} | {end} | {label}, order {order} | "
                  + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print the tables."""
    begin = time.process_time()
    print("| tree | method |" + "".join(f" h = {h:g} |" for h in STEPS) + " order |")
    print("|---|---|" + "---|" * (len(STEPS) + 1))
    for tree_name, (tree, levels) in TREES.items():
        for name, method in methods().items():
            found = errors(tree, levels, method)
            slope = f"{np.polyfit(np.log(STEPS), np.log(found), 1)[0]:.2f}"
            order = slope if min(found) > EXACT else "–"
            cells = "".join(f" {e:.1e} |" for e in found)
            print(f"| {tree_name} | {name} |{cells} {order} |", flush=True)
    print()
    print_quenches()
    print(f"\n{time.process_time() - begin:.0f} CPU seconds")


if __name__ == "__main__":
    main()
