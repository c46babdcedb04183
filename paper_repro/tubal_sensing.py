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
# iterations of the phases and of the others, and how often errors are looked at
LONG, SHORT, EVERY = 10_000, 4000, 50
# final test errors of five other problems
KNOWN_PHASES, KNOWN_WIDTH = (2e-5, 1e-4), (3.7e-7, 1.2e-5)
KNOWN_SCALES = ((5.8e-3, 9.8e-3), (3.8e-4, 1.5e-3), (4.3e-6, 5.3e-5), (2.5e-7, 4.8e-6))
COLUMNS = [("least", ".1e"), ("median", ".1e"), ("largest", ".1e"), ("known", ""),
           ("below", "d"), ("inside", "d"), ("above", "d")]


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
    """The median over repeats, and between which values the middle half of them lies."""
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    panel.fill_between(t, low, high, color=colour, alpha=0.2, lw=0)
    panel.semilogy(t, np.median(values, axis=0), color=colour, label=label, lw=1.6)


def cells(values: Array, known: tuple[float, float]) -> tuple[object, ...]:
    """What a table says of single problems beside a known range."""
    low, high = known
    below, above = int(np.sum(values < low)), int(np.sum(values > high))
    return (values.min(), np.median(values), values.max(), f"{low:.1e} … {high:.1e}",
            below, len(values) - below - above, above)


def within(verdicts: Verdicts, name: str, values: Array, known: tuple[float, float]) -> None:
    """Whether the median over problems lies in a known range."""
    median = float(np.median(values))
    verdicts.at_least(f"{name}, median", median, known[0])
    verdicts.at_most(f"{name}, median", median, known[1])


def phases(output: Path, verdicts: Verdicts, problems: int) -> None:
    """N = 10, k = 4, r = 2, R = 100, m = 254, α = 1e-7, 10 000 iterations."""
    A, X = problem(2, 1.2, symmetric=False, problems=problems, seed=10)
    trace = sensing.gradient_descent(
        A, X, [start(100, 1e-7, problems, 12)], rank=2, rate=RATE, iterations=LONG, every=EVERY
    )
    t, measured = trace.iterations, trace.angle_measured[:, 0]
    truth, test = trace.angle_truth[:, 0], trace.test[:, 0]
    figure, (panel,) = new_figure(1, 1, (7.5, 4.5))
    band(panel, t, measured, "angle to the measured subspace", COLOURS["blue"])
    band(panel, t, truth, "angle to the true subspace", COLOURS["vermilion"])
    band(panel, t, test, "test error", COLOURS["green"])
    band(panel, t, trace.train[:, 0], "train error", COLOURS["purple"])
    panel.set(xlabel="iteration",
              title=f"Two phases: median and middle half of {problems} problems")
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
    half = test[:, t.tolist().index(LONG // 2)]
    verdicts.at_most(f"phases: median test error at {LONG // 2}, twice the known 2.5e-2",
                     float(np.median(half)), 5e-2)
    within(verdicts, f"phases: test error at {LONG}", test[:, -1], KNOWN_PHASES)
    table = Table("Final test error of the phases", COLUMNS)
    table.add(*cells(test[:, -1], KNOWN_PHASES))
    table.save(output, "phases")


def width(output: Path, verdicts: Verdicts, problems: int) -> None:
    """R = 3, m = 285, G + Gᵀ, R from 10 to 400, 4000 iterations."""
    A, X = problem(3, 0.9, symmetric=True, problems=problems, seed=20)
    trace = sensing.gradient_descent(
        A, X, [start(R, 1e-7, problems, 22) for R in WIDTHS], rank=3, rate=RATE,
        iterations=SHORT, every=EVERY,
    )
    table = Table("Final test error over the width R", [("R", "d"), *COLUMNS])
    figure, (panel,) = new_figure(1, 1, (7.5, 4.5))
    every = trace.test.reshape(-1, len(trace.iterations))
    panel.fill_between(trace.iterations, every.min(axis=0), every.max(axis=0),
                       color=COLOURS["grey"], alpha=0.25, lw=0, label="all problems and R")
    dashes = ("-", "--", "-.", ":", (0, (1, 3)))
    for i, (R, colour) in enumerate(zip(WIDTHS, list(COLOURS.values())[1:], strict=False)):
        table.add(R, *cells(trace.test[:, i, -1], KNOWN_WIDTH))
        panel.semilogy(trace.iterations, np.median(trace.test[:, i], axis=0), color=colour,
                       label=f"R = {R}, median", linestyle=dashes[i], lw=1.8)
    panel.set(xlabel="iteration", ylabel="test error", title="Over-parametrisation")
    panel.legend(frameon=False, fontsize=9)
    save_figure(figure, output / "width.png")
    table.save(output, "width")
    last = trace.test[:, :, -1]
    medians = np.median(last, axis=0)
    verdicts.at_least("width: least median of the final test error", float(medians.min()),
                      KNOWN_WIDTH[0])
    verdicts.at_most("width: largest median of the final test error", float(medians.max()),
                     KNOWN_WIDTH[1])
    verdicts.at_most("width: medians of R >= 50, largest over least",
                     float(medians[1:].max() / medians[1:].min()), 3.0)


def scale(output: Path, verdicts: Verdicts, problems: int) -> None:
    """As before at R = 200, with α from 1e-2 to 1e-8."""
    A, X = problem(3, 0.9, symmetric=True, problems=problems, seed=20)
    trace = sensing.gradient_descent(
        A, X, [start(200, a, problems, 32) for a in SCALES], rank=3, rate=RATE,
        iterations=SHORT, every=EVERY,
    )
    table = Table("Final test error over the scale of the start", [("α", ".0e"), *COLUMNS])
    last = trace.test[:, :, -1]
    for i, (alpha, known) in enumerate(zip(SCALES, KNOWN_SCALES, strict=True)):
        table.add(alpha, *cells(last[:, i], known))
        within(verdicts, f"scale: test error at α = {alpha:.0e}", last[:, i], known)
    figure, (panel,) = new_figure(1, 1, (6.0, 4.5))
    x = np.asarray(SCALES)
    low, high = np.transpose(KNOWN_SCALES)
    panel.vlines(x, low, high, color=COLOURS["orange"], alpha=0.5, lw=9, label="known range")
    panel.loglog(np.repeat(x, problems), last.T.ravel(), ".", color=COLOURS["black"],
                 label="single problems")
    panel.loglog(x, np.median(last, axis=0), "o-", color=COLOURS["blue"], label="median")
    panel.loglog(x, np.median(last[:, 0]) * (x / x[0]) ** (21 / 16), "--", label="α^(21/16)",
                 color=COLOURS["vermilion"])
    panel.set(xlabel="scale α of the start", ylabel="test error", ylim=(last.min() / 3, None))
    panel.legend(frameon=False)
    save_figure(figure, output / "scale.png")
    table.save(output, "scale")
    # the known ranges themselves have a slope of about 0.66; the bound of the theory is 21/16
    verdicts.at_least("scale: fitted slope of medians", slope(x, np.median(last, axis=0)), 0.5)


def run(output: Path, full: bool = False) -> int:
    """Draw the figures, write tables and verdicts; return 0 if all verdicts pass."""
    verdicts, problems = Verdicts(), MANY if full else PROBLEMS
    for part, count in ((phases, MANY), (width, problems), (scale, problems)):
        with stopwatch(part.__name__):
            part(output, verdicts, count)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
