"""The quench of 16 spins against the exact state, over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tensorflowlr as tlr
from paper_repro import ising_figures
from paper_repro.common import Array, exact_states, spread, stopwatch
from paper_repro.ising import ATOL, EXACT, Method, chain, integrate, methods, quench
from paper_repro.report import Table, Verdicts

# d = 16, (1/d) Σ <σz> at t = 1/4, 1/2, 3/4, 1
KNOWN_MAGNETISATION = (0.932918205487, 0.971753732291, 0.964062236582, 0.959058713290)
KNOWN_ENERGY = 92.183328


@dataclass(frozen=True)
class Run:
    """One run of the dynamics, with what is compared with the exact state."""

    name: str
    step: float
    solution: tlr.Solution
    error_times: Array
    errors: Array

    def worst(self, what: str) -> float:
        """The largest deviation over all times: magnetisation, norm, or relative energy."""
        if what == "magnetisation":
            return float(self.errors.max())
        values = self.solution.observables[what]
        return float(np.abs(values / values[0] - 1.0).max())


def dynamics(
    d: int, end: float, step: float, method: Method, name: str, exact: Array
) -> Run:
    """One run from all spins up; `exact` is the magnetisation at equal times of the span."""
    problem = quench(tlr.Tree.balanced(d))
    solution = integrate(problem, problem.start, end, step, method, problem.observe)
    steps, known = len(solution.times) - 1, len(exact) - 1
    shared = math.gcd(steps, known)
    here, there = slice(None, None, steps // shared), slice(None, None, known // shared)
    errors = np.abs(solution.observables["magnetisation"][here] - exact[there])
    return Run(name, step, solution, solution.times[here], errors)


def runge_kutta_norm(energy: float, step: float, count: int) -> float:
    """The norm that Runge–Kutta steps leave of a state of sharp energy: |R(-i h E)|^n."""
    z = -1j * step * energy
    return float(abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** count)


def run_dynamics(output: Path, verdicts: Verdicts, full: bool) -> None:
    """Part (b): d = 16, T = 1, dt = 0.01, ranks 2 … 40.

    Order 2 takes twice the step, unless `full`: it is the dearest run.
    """
    d, end, h, fine = 16, 1.0, 0.01, 100
    matrix, sz = chain(d)
    with stopwatch("exact states of 16 spins"):
        exact = np.abs(exact_states(matrix, np.eye(1, 1 << d)[0], end, fine)) ** 2 @ sz
    known = float(np.abs(exact[fine // 4 :: fine // 4] - KNOWN_MAGNETISATION).max())
    verdicts.at_most("(b) reference against known magnetisation", known, 1e-10)
    verdicts.at_most("(b) energy of the start against the known one",
                     abs(float(matrix[0, 0]) - KNOWN_ENERGY), 1e-6)

    rule = tlr.Truncation(atol=ATOL, min_rank=2, max_rank=40)
    chosen = methods(rule, EXACT)
    wanted = [("parallel", h), ("parallel, rejection", h), ("parallel, order 2", 2 * h),
              ("augmented", h)]
    if full:
        wanted += [("parallel, order 2", h), ("augmented, order 2", h), ("parallel", h / 2),
                   ("parallel, rejection", h / 2), ("augmented", h / 2)]
    # the loss is that of the flows and does not depend on the rank
    small = tlr.Truncation(atol=ATOL, min_rank=2, max_rank=10)
    explicit = methods(small, tlr.RungeKutta4())["augmented"]
    jobs = [(d, end, step, chosen[name], name, exact) for name, step in wanted]
    *runs, runge_kutta = spread(
        dynamics, [*jobs, (d, end, h, explicit, "augmented, RK4 flows", exact)]
    )

    table = Table(
        "d = 16, T = 1, atol 1e-8, ranks 2 … 40: largest deviations over all times",
        [("method", ""), ("dt", ".3f"), ("magnetisation", ".1e"), ("norm", ".1e"),
         ("energy (rel.)", ".1e"), ("max rank", "d"), ("steps cut", "d"), ("repeated", "d"),
         ("CPU s", ".1f")],
    )
    for made in [*runs, runge_kutta]:
        stats = made.solution.stats
        table.add(made.name, made.step, made.worst("magnetisation"), made.worst("norm"),
                  made.worst("energy"), int(made.solution.max_ranks.max()),
                  stats["rank_capped"], stats["rejected"], stats["cpu_seconds"])
    table.save(output, "dynamics")
    shown = {made.name: made for made in runs[:4]}
    times = np.linspace(0.0, end, fine + 1)
    ising_figures.draw_dynamics(output / "dynamics.png", times, exact, shown)
    judge_dynamics(verdicts, runs)
    predicted = runge_kutta_norm(float(matrix[0, 0]), h, round(end / h))
    left = float(runge_kutta.solution.observables["norm"][-1])
    verdicts.at_most(f"(b) RK4 flows: final norm {left:.4f} against |R(-ihE)|^n = "
                     f"{predicted:.4f}, difference", abs(left - predicted), 0.01)


def judge_dynamics(verdicts: Verdicts, runs: Sequence[Run]) -> None:
    """What should hold: conservation to the tolerance, and errors of the right power of h."""
    plain = {made.step: made for made in runs if made.name == "parallel"}
    for made in runs:
        claim = f"(b) {made.name}, h = {made.step:g}"
        order = 2 if "order 2" in made.name or "augmented" in made.name else 1
        verdicts.at_most(f"{claim}: magnetisation, bound h^{order}", made.worst("magnetisation"),
                         made.step**order)
        for what in ("norm", "energy"):
            if "augmented" in made.name:
                bound, name = 2.0 * len(made.solution.times) * ATOL, "2 x steps x atol"
            else:
                bound, name = made.step**order, f"h^{order}"
            verdicts.at_most(f"{claim}: {what}, bound {name}", made.worst(what), bound)
        if made.name == "parallel, rejection":
            verdicts.at_most(f"{claim}: magnetisation, bound 0.1 x that without",
                             made.worst("magnetisation"),
                             0.1 * plain[made.step].worst("magnetisation"))
