"""Implicit regularisation of tubal gradient descent (arXiv 2410.16247): three figures.

Every repeat has its own problem and its own start; all repeats of a figure are one batch.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro.common import COLOURS, Array, main, new_figure, save_figure, slope, stopwatch
from paper_repro.report import Table, Verdicts
from tensorflowlr.tubal import sensing

TITLE = "Tubal gradient descent: phases, over-parametrisation, scale (arXiv 2410.16247)"
SIZE, TUBE, RATE = 10, 4, 1e-5
# phases need more problems than the others for a steady median
PROBLEMS, MANY = 5, 20
WIDTHS = (10, 50, 100, 200, 400)
SCALES = (1e-2, 1e-4, 1e-6, 1e-8)


def problem(
    rank: int, factor: float, *, symmetric: bool, problems: int, seed: int
) -> tuple[sensing.Measurements, Array]:
    """Measurements and truths; m = ⌈factor (n + 1) r k ln(n + 1)⌉."""
    count = math.ceil(factor * (SIZE + 1) * rank * TUBE * math.log(SIZE + 1))
    truth = sensing.random_truth(problems, SIZE, TUBE, rank, rng=seed)
    return sensing.Measurements.gaussian(
        problems, count, SIZE, TUBE, symmetric=symmetric, rng=seed + 1
    ), truth


def start(width: int, scale: float, problems: int, seed: int) -> Array:
    """α N(0, 1) / √R, independent for every problem."""
    rng = np.random.default_rng((seed, width))
    return scale * rng.standard_normal((problems, SIZE, width, TUBE)) / math.sqrt(width)


def band(panel, t: Array, values: Array, label: str, colour: str) -> None:
    """The median over repeats in the middle of the range of all."""
    panel.fill_between(t, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, lw=0)
    panel.semilogy(t, np.median(values, axis=0), color=colour, label=label, lw=1.6)


def phases(output: Path, verdicts: Verdicts, problems: int) -> None:
    """N = 10, k = 4, r = 2, R = 100, m = 254, α = 1e-7, 10 000 iterations."""
    A, X = problem(2, 1.2, symmetric=False, problems=problems, seed=10)
    trace = sensing.gradient_descent(
        A, X, [start(100, 1e-7, problems, 12)], rank=2, rate=RATE, iterations=10_000, every=50
    )
    t, measured = trace.iterations, trace.angle_measured[:, 0]
    truth, test = trace.angle_truth[:, 0], trace.test[:, 0]
    figure, (panel,) = new_figure(1, 1, (7.5, 4.5))
    band(panel, t, measured, "angle to the measured subspace", COLOURS["blue"])
    band(panel, t, truth, "angle to the true subspace", COLOURS["vermilion"])
    band(panel, t, test, "test error", COLOURS["green"])
    band(panel, t, trace.train[:, 0], "train error", COLOURS["purple"])
    panel.set(xlabel="iteration", title="Two phases of gradient descent")
    panel.legend(frameon=False, fontsize=9)
    save_figure(figure, output / "phases.png")
    low = measured.min(axis=1)
    verdicts.at_most("phases: median least angle to the measured subspace",
                     float(np.median(low)), 3e-2)
    when = t[np.argmin(np.median(measured, axis=0))]
    verdicts.at_least("phases: iteration of the least angle", float(when), 1000)
    verdicts.at_most("phases: iteration of the least angle", float(when), 3000)
    verdicts.at_least("phases: median final angle to the measured subspace",
                      float(np.median(measured[:, -1])), 0.5)
    verdicts.at_most("phases: largest final angle to the truth", float(truth[:, -1].max()), 1e-3)
    middle = float(np.median(test[:, t.tolist().index(5000)]))
    verdicts.at_most("phases: median test error at 5000", middle, 5e-2)
    verdicts.at_most("phases: median test error at 10 000", float(np.median(test[:, -1])), 1e-4)


def width(output: Path, verdicts: Verdicts, problems: int) -> None:
    """R = 3, m = 285, G + Gᵀ, R from 10 to 400, 4000 iterations."""
    A, X = problem(3, 0.9, symmetric=True, problems=problems, seed=20)
    trace = sensing.gradient_descent(
        A, X, [start(R, 1e-7, problems, 22) for R in WIDTHS], rank=3, rate=RATE,
        iterations=4000, every=50,
    )
    table = Table("Final test error over the width R", [
        ("R", "d"), ("least", ".1e"), ("median", ".1e"), ("largest", ".1e")])
    figure, (panel,) = new_figure(1, 1, (7.5, 4.5))
    for i, (R, colour) in enumerate(zip(WIDTHS, list(COLOURS.values())[1:], strict=False)):
        last = trace.test[:, i, -1]
        table.add(R, last.min(), np.median(last), last.max())
        band(panel, trace.iterations, trace.test[:, i], f"R = {R}", colour)
    panel.set(xlabel="iteration", ylabel="test error", title="Over-parametrisation")
    panel.legend(frameon=False, fontsize=9)
    save_figure(figure, output / "width.png")
    table.save(output, "width")
    last = trace.test[:, :, -1]
    medians = np.median(last, axis=0)
    verdicts.at_most("width: largest median of the final test error", float(medians.max()), 1.2e-5)
    verdicts.at_most("width: medians of R >= 50, largest over least",
                     float(medians[1:].max() / medians[1:].min()), 3.0)


def scale(output: Path, verdicts: Verdicts, problems: int) -> None:
    """As before at R = 200, with α from 1e-2 to 1e-8."""
    A, X = problem(3, 0.9, symmetric=True, problems=problems, seed=20)
    trace = sensing.gradient_descent(
        A, X, [start(200, a, problems, 32) for a in SCALES], rank=3, rate=RATE,
        iterations=4000, every=50,
    )
    known = ("5.8e-3 … 9.8e-3", "3.8e-4 … 1.5e-3", "4.3e-6 … 5.3e-5", "2.5e-7 … 4.8e-6")
    largest = (9.8e-3, 1.5e-3, 5.3e-5, 4.8e-6)
    table = Table("Final test error over the scale of the start", [
        ("α", ".0e"), ("least", ".1e"), ("median", ".1e"), ("largest", ".1e"), ("known", "")])
    last = trace.test[:, :, -1]
    for i, alpha in enumerate(SCALES):
        table.add(alpha, last[:, i].min(), np.median(last[:, i]), last[:, i].max(), known[i])
        verdicts.at_most(f"scale: median test error at α = {alpha:.0e}",
                         float(np.median(last[:, i])), largest[i])
    figure, (panel,) = new_figure(1, 1, (6.0, 4.5))
    x = np.asarray(SCALES)
    panel.loglog(np.tile(x, (problems, 1)).T, last.T, ".", color=COLOURS["grey"])
    panel.loglog(x, np.median(last, axis=0), "o-", color=COLOURS["blue"], label="median")
    panel.loglog(x, np.median(last[:, 0]) * (x / x[0]) ** (21 / 16), "--", label="α^(21/16)",
                 color=COLOURS["vermilion"])
    panel.set(xlabel="scale α of the start", ylabel="test error", ylim=(last.min() / 3, None))
    panel.legend(frameon=False)
    save_figure(figure, output / "scale.png")
    table.save(output, "scale")
    verdicts.at_least("scale: fitted slope", slope(x, np.median(last, axis=0)), 0.4)


def run(output: Path, full: bool = False) -> int:
    """Draw the figures, write tables and verdicts; return 0 if all verdicts pass."""
    verdicts, problems = Verdicts(), MANY if full else PROBLEMS
    for part, count in ((phases, MANY), (width, problems), (scale, problems)):
        with stopwatch(part.__name__):
            part(output, verdicts, count)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
