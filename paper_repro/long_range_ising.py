"""The long-range Ising chain of arXiv 2412.00858, section 5.1: convergence and dynamics."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro import ising_figures
from paper_repro.common import Array, above_printed, exact_states, main, slope, stopwatch
from paper_repro.ising import (
    ATOL,
    EXACT,
    Flow,
    chain,
    integrate,
    methods,
    padded_start,
    quench,
)
from paper_repro.ising_dynamics import run_dynamics
from paper_repro.report import Table, Verdicts

TITLE = "Long-range Ising chain: parallel BUG on trees (arXiv 2412.00858, section 5.1)"

# d = 4, parallel BUG without rejection, leaves full, one Runge–Kutta step per flow
KNOWN_ERRORS = {3: "5.5e-1", 4: "4.8e-2", 5: "3.2e-3", 6: "3.8e-4", 7: "8.7e-5", 8: "2.2e-5",
                9: "9.4e-6", 10: "1.3e-5"}


def convergence(
    powers: Sequence[int], flow: Flow, Y0: tlr.TreeTensor,
    names: Sequence[str],
) -> dict[str, list[float]]:
    """State errors at T = 1 for steps 2^-power, d = 4, atol 1e-8, ranks 2 … 30."""
    problem = quench(Y0.tree)
    exact = exact_states(chain(4)[0], np.eye(16)[0], 1.0, 1)[-1]
    chosen = methods(tlr.Truncation(atol=ATOL, min_rank=2, max_rank=30), flow)
    return {
        name: [
            float(np.linalg.norm(
                integrate(problem, Y0, 1.0, 2.0**-k, chosen[name]).final.to_dense().ravel()
                - exact
            ))
            for k in powers
        ]
        for name in names
    }


def run_convergence(output: Path, verdicts: Verdicts, full: bool) -> None:
    """Part (a): tables, a figure and verdicts of the convergence run.

    The smallest step takes as long as all others: it is run once, unless `full`.
    """
    powers = list(KNOWN_ERRORS)
    names = list(methods(tlr.Truncation(), EXACT))
    up = quench(tlr.Tree.balanced(4)).start
    steps = [2.0**-k for k in powers]
    short = powers if full else powers[:-1]
    like = convergence(powers, tlr.RungeKutta4(), padded_start(), names[:1])
    like |= convergence(short, tlr.RungeKutta4(), padded_start(), names[1:4])
    product = convergence(short, tlr.RungeKutta4(), up, names[:1])["parallel"]
    exact = convergence(short, EXACT, up, names)

    known = [float(KNOWN_ERRORS[k]) for k in powers]
    columns = [("h", ".3e"), ("known", ".1e"), ("parallel", ".2e"), ("rank-1 start", ".2e")]
    paper = Table(
        "State error at T = 1, d = 4, Runge–Kutta flows, start carried at rank 2",
        [*columns, *((name, ".2e") for name in names[1:4])],
    )
    for i, h in enumerate(steps):
        others = [product, *(like[name] for name in names[1:4])]
        paper.add(h, known[i], like["parallel"][i],
                  *(errors[i] if i < len(short) else None for errors in others))
    paper.save(output, "convergence_runge_kutta")
    flows = Table(
        "State error at T = 1, d = 4, exact flows, start of rank 1",
        [("h", ".3e"), *((name, ".2e") for name in names)],
    )
    for i, h in enumerate(steps[: len(short)]):
        flows.add(h, *(exact[name][i] for name in names))
    flows.save(output, "convergence_exact_flows")
    ising_figures.draw_convergence(output / "convergence.png", steps, known, like, exact)

    worst = max(
        above_printed(e, KNOWN_ERRORS[k], 1.2)
        for k, e in zip(powers, like["parallel"], strict=True)
    )
    verdicts.at_most("(a) parallel error / (1.2 x known error), any h", worst, 1.0)
    first = [i for i, k in enumerate(short) if k <= 8]
    for name, order in (("parallel", 1), ("augmented", 1), ("parallel, order 2", 2)):
        fitted = slope([steps[i] for i in first], [exact[name][i] for i in first])
        verdicts.at_least(f"(a) {name}: fitted order, exact flows, h >= 2^-8", fitted,
                          order - 0.1)
    ratio = max(np.divide(exact["parallel, rejection"], exact["parallel"]))
    verdicts.at_most("(a) rejection: error / error without, any h", ratio, 1.0)
    ratio = max(np.divide(exact["parallel, order 2"], exact["parallel"]))
    verdicts.at_most("(a) order 2: error / error of order 1, any h", ratio, 0.1)
    share = max(e * h / ATOL for e, h in zip(exact["augmented, order 2"], steps, strict=False))
    verdicts.at_most("(a) augmented, order 2: error / (steps x atol), any h", share, 1.0)


def run_trees(output: Path, verdicts: Verdicts) -> None:
    """The longer part: tensor train against balanced tree, d = 8, dt = 0.005."""
    d, h, end = 8, 0.005, 1.0
    exact = exact_states(chain(d)[0], np.eye(1, 1 << d)[0], end, 1)[-1]
    rule = tlr.Truncation(atol=ATOL, min_rank=1, max_rank=150)
    table = Table(
        "d = 8, dt = 0.005, atol 1e-8, max_rank 150: tensor train and balanced tree",
        [("tree", ""), ("method", ""), ("state error", ".1e"), ("max rank", "d"),
         ("entries at T", "d"), ("CPU s", ".1f")],
    )
    curves: dict[str, tuple[Array, Array, Array]] = {}
    for shape, tree in (("tensor train", tlr.Tree.train(d)), ("balanced", tlr.Tree.balanced(d))):
        for name in ("parallel", "augmented"):
            problem = quench(tree)
            made = integrate(problem, problem.start, end, h, methods(rule, EXACT)[name],
                             {"entries": lambda t, Y: sum(c.size for c in Y.cores)})
            error = float(np.linalg.norm(made.final.to_dense().ravel() - exact))
            entries = made.observables["entries"]
            table.add(shape, name, error, int(made.max_ranks.max()), int(entries[-1]),
                      made.stats["cpu_seconds"])
            curves[f"{shape}, {name}"] = (made.times, made.max_ranks, entries)
            verdicts.at_most(f"(c) {shape}, {name}: state error, of order h", error, 10.0 * h)
    table.save(output, "trees")
    ising_figures.draw_trees(output / "trees.png", curves)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts = Verdicts()
    with stopwatch("convergence"):
        run_convergence(output, verdicts, full)
    with stopwatch("dynamics"):
        run_dynamics(output, verdicts, full)
    if full:
        with stopwatch("trees"):
            run_trees(output, verdicts)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
