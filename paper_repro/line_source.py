"""The line source of arXiv 2412.00858, section 5.3, and of arXiv 2304.05660, section 5.2."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import line_source_figures as figures
from paper_repro.common import Array, main, spread, stopwatch
from paper_repro.line_source_reference import collocation, even_moments, full_rank
from paper_repro.line_source_runs import POINTS, Run, Size, certain, uncertain
from paper_repro.report import Table, Verdicts

TITLE = "Line source with uncertain scattering in two dimensions (arXiv 2412.00858, 2304.05660)"

# the first tolerance of the augmented and of the parallel method is the paper's
SWEEP: dict[str, tuple[float, ...]] = {
    "augmented": (3e-2, 3e-3, 3e-4),
    "parallel": (2e-2, 2e-3, 2e-4),
    "parallel, rejection": (2e-2, 2e-3, 2e-4),
    "parallel, order 2": (2e-2, 2e-3),
}
FULL: dict[str, tuple[float, ...]] = {
    "augmented": (3e-2, 3e-3), "parallel": (2e-2, 2e-3, 5e-4),
}
MATRIX: dict[str, tuple[float, ...]] = {
    "augmented": (5e-2, 2.5e-2, 1e-2),
    "parallel, rejection": (5e-3, 3e-3, 1.5e-3),
}
# of expectation and variance at the smallest tolerance; in first order the step limits them
BOUNDS = {"augmented": (1e-2, 5e-2), "parallel, order 2": (5e-2, 5e-2)}
NODES, SAVES = 5, 10


def relative(found: Array, wanted: Array) -> float:
    """The relative error in the 2-norm."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def run_uncertain(
    output: Path, verdicts: Verdicts, size: Size, sweep: Mapping[str, Sequence[float]]
) -> list[Run]:
    """Part (a): expectation and variance of the scalar flux against collocation."""
    with stopwatch("collocation"):
        mean, variance = collocation(size.cells, size.degree, size.steps, POINTS, NODES)
    with stopwatch("low rank"):
        jobs = [(size, name, rtol) for name, all_ in sweep.items() for rtol in all_]
        runs = spread(uncertain, jobs)
    table = Table(
        f"σ_s = 1 + ξ + η, σ_a = 1: {size.cells}² cells, P_{size.degree}, {POINTS}² points, "
        f"{size.steps} steps to T = 1; scalar flux against collocation, relative 2-norm",
        [("method", ""), ("rtol", ".0e"), ("expectation", ".1e"), ("variance", ".1e"),
         ("deviation", ".1e"), ("mass", ".4f"), ("largest rank", "d"), ("repeated", "d"),
         ("steps cut", "d"), ("CPU s", ".1f"), ("dearest move", ""), ("its share", ".0%")],
    )
    errors: dict[str, list[tuple[float, float]]] = {}
    for made in runs:
        found = relative(made.mean, mean), relative(made.variance, variance)
        errors.setdefault(made.name, []).append(found)
        dearest = max(made.moves, key=lambda move: made.moves[move])
        table.add(made.name, made.rtol, *found,
                  relative(np.sqrt(made.variance), np.sqrt(variance)), made.mass, made.max_rank,
                  made.repeated, made.capped, float(made.seconds.sum()), dearest,
                  made.moves[dearest] / sum(made.moves.values()))
    table.save(output, "uncertain")
    for name, found in errors.items():
        for what, column in zip(("expectation", "variance"), np.array(found).T, strict=True):
            verdicts.at_most(f"(a) {name}: error of the {what} / that at the next larger rtol, any",
                             float(np.max(column[1:] / column[:-1])), 1.0)
    for name, bounds in BOUNDS.items():
        if name in errors:
            for what, error, bound in zip(("expectation", "variance"), errors[name][-1], bounds,
                                          strict=True):
                verdicts.at_most(f"(a) {name}, rtol {sweep[name][-1]:g}: error of the {what}",
                                 error, bound)
    spacing = 3.0 / (size.cells - 1)
    exact = 4.0 * np.pi * float(mean.sum()) * spacing**2
    best = next(r for r in reversed(runs) if r.name == "augmented")
    verdicts.at_most("(a) augmented, smallest rtol: mass, relative to collocation's",
                     abs(best.mass / exact - 1.0), 1e-2)
    figures.draw_maps(output / "maps.png", best, mean, variance)
    figures.draw_cuts(output / "cuts.png", runs, mean, variance)
    figures.draw_ranks(output / "ranks.png", [r for r in runs if r.rtol == sweep[r.name][-1]])
    return runs


def run_certain(output: Path, verdicts: Verdicts, size: Size, saves: int = SAVES) -> None:
    """Part (b): the matrix problem against the solution of full rank at equal times."""
    with stopwatch("full rank"):
        reference = full_rank(size.cells, size.degree, 1.0, 0.0, size.steps, saves)
    rows = even_moments(size.degree)
    table = Table(
        f"σ_s = 1, σ_a = 0, a matrix: {size.cells}² cells, P_{size.degree}, {size.steps} steps "
        "to T = 1; all moments against the full rank, relative 2-norm",
        [("method", ""), ("rtol", ".1e"), (f"t = {1.0 / saves:g}", ".1e"), ("t = 0.5", ".1e"),
         ("t = 1", ".1e"), ("scalar flux, t = 1", ".1e"), ("largest rank", "d"),
         ("repeated", "d"), ("CPU s", ".1f")],
    )
    found: list[tuple[Run, Array]] = []
    with stopwatch("low rank"):
        for name, tolerances in MATRIX.items():
            own = [certain(size, name, rtol, reference, rows) for rtol in tolerances]
            for made, errors in own:
                table.add(name, made.rtol, errors[0], errors[saves // 2 - 1], errors[-1],
                          relative(made.mean, reference[-1, 0]), made.max_rank, made.repeated,
                          float(made.seconds.sum()))
            worst = max(own[i + 1][1][-1] / own[i][1][-1] for i in range(len(own) - 1))
            verdicts.at_most(f"(b) {name}: error at T / that at the next larger rtol, any",
                             worst, 1.0)
            found += own
    table.save(output, "certain")
    figures.draw_matrix(output / "matrix.png", found, reference[-1, 0])


def run(output: Path, full: bool = False) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts = Verdicts()
    run_uncertain(output, verdicts, Size.at(60, 15, 0.5), SWEEP)
    run_certain(output, verdicts, Size.at(80, 15, 0.7, SAVES))
    if full:
        run_uncertain(output / "full", verdicts, Size.at(100, 31, 0.5), FULL)
        # all moments at one time are 0.4 GB
        run_certain(output / "full", verdicts, Size.at(250, 39, 0.7, 2), saves=2)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
