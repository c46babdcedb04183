"""Radiation in a slab with uncertain scattering, arXiv 2412.00858, section 5.2."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import radiation_figures
from paper_repro.common import main, slope, spread, stopwatch
from paper_repro.radiation import Collocation, Run, Slab, collocation, peak_memory, solve
from paper_repro.report import Table, Verdicts

TITLE = "Radiative transfer with uncertain scattering: parallel BUG on a tree (arXiv 2412.00858)"

PAPER = 1e-3
SWEEP: dict[str, tuple[float, ...]] = {
    "augmented": (1e-3, 1e-4, 1e-5),
    "parallel": (1e-3, 1e-4, 1e-5, 1e-6),
    "parallel, rejection": (1e-3, 1e-4),
    "parallel, order 2": (1e-3, 1e-4),
}
FULL: dict[str, tuple[float, ...]] = {
    "augmented": (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6),
    "parallel": (1e-3, 1e-4, 1e-5, 1e-6),
    "parallel, rejection": (1e-3, 1e-4, 1e-5),
    "parallel, order 2": (1e-2, 1e-3, 3e-4, 1e-4, 1e-5),
    "augmented, order 2": (1e-3, 1e-4, 1e-5),
}
# at the paper's tolerance, with steps of half a cell instead of a tenth
COARSE = ("augmented", "parallel", "parallel, order 2")
# where each method keeps the bounds on expectation and variance
HOLDS = {"augmented": 1e-4, "parallel": 1e-6, "parallel, rejection": 1e-4,
         "parallel, order 2": 1e-4, "augmented, order 2": 1e-4}
BOUNDS = (1e-2, 5e-2)
MOMENTS = ("expectation", "variance")


def run_moments(
    output: Path, verdicts: Verdicts, slab: Slab, sweep: Mapping[str, Sequence[float]]
) -> None:
    """Part (a): expectation and variance by method and tolerance; ranks and cost over time."""
    reference = collocation(slab)
    jobs = [(slab, name, rtol) for name, all_ in sweep.items() for rtol in all_]
    jobs += [(replace(slab, step=0.5 * slab.spacing), name, PAPER) for name in COARSE]
    runs = solve_all(jobs)
    tabulate(output, "moments", reference, runs)
    fine, coarse = runs[:-len(COARSE)], runs[-len(COARSE):]
    judge(verdicts, reference, fine, coarse)
    held = [r for r in fine if r.rtol == HOLDS[r.name]]
    radiation_figures.draw_moments(output / "moments.png", slab, reference, {
        f"rtol 1e-3, h = {slab.step:g} as in the paper": [r for r in fine if r.rtol == PAPER],
        f"rtol 1e-3, h = {coarse[0].step:g}": coarse,
        f"rtol 1e-4 (plain parallel 1e-6), h = {slab.step:g}": held,
    })
    finest = min((r for r in fine if r.name == "augmented"), key=lambda r: r.rtol)
    radiation_figures.draw_ranks(output / "ranks.png", slab, [*held[:4], finest])
    radiation_figures.draw_errors(output / "errors.png", reference, fine, BOUNDS)


def run_smooth(output: Path, verdicts: Verdicts, slab: Slab, steps: Sequence[float]) -> None:
    """Part (b): errors over the step from a smooth start, truncation out of the way."""
    reference = collocation(slab)
    names = ("parallel", "augmented", "parallel, order 2")
    runs = solve_all([(replace(slab, step=h), name, 1e-8) for name in names for h in steps])
    tabulate(output, "smooth", reference, runs)
    curves = {name: [r.errors(reference) for r in runs if r.name == name] for name in names}
    for name, bound in (("parallel", 0.9), ("parallel, order 2", 1.8)):
        fitted = slope(steps, [error for error, _ in curves[name]])
        verdicts.at_least(f"smooth start, {name}: fitted order of the expectation", fitted, bound)
    radiation_figures.draw_smooth(output / "smooth.png", steps, curves)


def solve_all(jobs: Sequence[tuple[Slab, str, float]]) -> list[Run]:
    """All runs in order, the longest begun first, so that no core waits at the end."""
    order = sorted(range(len(jobs)), key=lambda i: (jobs[i][2], jobs[i][0].step))
    made = spread(solve, [jobs[i] for i in order])
    return [made[order.index(i)] for i in range(len(jobs))]


def tabulate(output: Path, name: str, reference: Collocation, runs: Sequence[Run]) -> None:
    """Write the table of some runs."""
    table = Table(
        "Expectation and variance of the density against collocation, relative 2-norm",
        [("method", ""), ("rtol", ".0e"), ("h", "g"), ("expectation", ".1e"),
         ("variance", ".1e"), ("mass", ".4f"), ("largest rank", "d"), ("repeated", "d"),
         ("steps cut", "d"), ("CPU s", ".1f"), ("ms/step, 1st half", ".2f"), ("2nd half", ".2f")],
    )
    for run in runs:
        half = run.seconds.size // 2
        first, second = (float(np.median(s)) * 1e3 for s in
                         (run.seconds[:half], run.seconds[half:]))
        table.add(run.name, run.rtol, run.step, *run.errors(reference), run.mass, run.max_rank,
                  run.repeated, run.capped, float(run.seconds.sum()), first, second)
    table.save(output, name)


def judge(
    verdicts: Verdicts, reference: Collocation, fine: Sequence[Run], coarse: Sequence[Run]
) -> None:
    """The claims of part (a)."""
    verdicts.at_most("collocation: error of the interpolation and of the time step",
                     reference.error, 1e-6)
    held = [r for r in fine if r.rtol == HOLDS[r.name]]
    for run in [*held, *(r for r in coarse if r.name != "parallel")]:
        for what, error, bound in zip(MOMENTS, run.errors(reference), BOUNDS, strict=True):
            verdicts.at_most(f"{run.label}, h = {run.step:g}: error of the {what}", error, bound)
    for name in dict.fromkeys(r.name for r in fine):
        own = sorted((r for r in fine if r.name == name), key=lambda r: -r.rtol)
        errors = {r.rtol: r.errors(reference) for r in own}
        for i, what in enumerate(MOMENTS):
            verdicts.at_most(f"{name}: error of the {what} at the least rtol / that at {PAPER:g}",
                             errors[own[-1].rtol][i] / errors[PAPER][i], 0.5)
    for run in held:
        quarter = run.seconds.size // 4
        before, last = (float(np.median(s)) for s in
                        (run.seconds[quarter: 2 * quarter], run.seconds[-quarter:]))
        verdicts.at_most(f"{run.label}: cost of a step, last quarter / second quarter",
                         last / before, 3.0)
    verdicts.at_most("peak memory of any process, GB",
                     max(peak_memory(), *(r.memory for r in fine)), 2.0)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts = Verdicts()
    with stopwatch("moments"):
        run_moments(output, verdicts, Slab(), FULL if full else SWEEP)
    with stopwatch("smooth start"):
        run_smooth(output, verdicts, Slab(cells=101, width=0.3, end=1.0),
                   (0.02, 0.01, 0.005, 0.0025) if full else (0.02, 0.01, 0.005))
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
