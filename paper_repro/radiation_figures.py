"""Figures of radiation with uncertain scattering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paper_repro.common import COLOURS, STYLES, legend_below, new_figure, save_figure
from paper_repro.radiation import EDGES, Collocation, Run, Slab
from paper_repro.schroedinger_figures import label_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE_STYLES = {
    4: {"color": COLOURS["black"], "linestyle": "-"},
    0: {"color": COLOURS["blue"], "linestyle": "-"},
    1: {"color": COLOURS["vermilion"], "linestyle": "--"},
    2: {"color": COLOURS["green"], "linestyle": "-."},
    3: {"color": COLOURS["purple"], "linestyle": ":"},
}
DASHES = {"augmented": "-", "parallel": "--", "parallel, rejection": "-.",
          "parallel, order 2": ":", "augmented, order 2": ":"}


def draw_moments(
    path: Path, slab: Slab, reference: Collocation, columns: Mapping[str, Sequence[Run]]
) -> None:
    """Expectation ± standard deviation and variance over space, a column per set of runs."""
    figure, panels = new_figure(2, len(columns), (4.6 * len(columns), 7.2))
    x, deviation = slab.centres, np.sqrt(reference.variance)
    for i, (title, runs) in enumerate(columns.items()):
        mean, variance = panels[i], panels[len(columns) + i]
        mean.fill_between(x, reference.mean - deviation, reference.mean + deviation,
                          color="0.88", label="collocation ± one deviation")
        for panel, values in ((mean, reference.mean), (variance, reference.variance)):
            panel.plot(x, values, color=COLOURS["grey"], linewidth=4.0, alpha=0.6,
                       label="collocation")
            panel.set_xlabel("x")
            panel.set_xlim(x[0], x[-1])
        for run in runs:
            style = {"color": STYLES[run.name]["color"], "linestyle": DASHES[run.name],
                     "linewidth": 1.5}
            mean.plot(x, run.mean, label=run.name, **style)
            variance.plot(x, run.variance, label=run.name, **style)
        mean.set_title(title, fontsize=10)
        mean.set_ylabel("expectation of ρ")
        variance.set_ylabel("variance of ρ")
        top = 1.25 * float((reference.mean + deviation).max())
        mean.set_ylim(-0.05 * top, top)
        _cut(variance, 1.5 * float(reference.variance.max()), runs)
    legend_below(figure, *panels)
    save_figure(figure, path)


def _cut(panel: Axes, top: float, runs: Sequence[Run]) -> None:
    """Limits that the reference fills; a note on curves that leave them."""
    panel.set_ylim(-0.05 * top, top)
    outside = [run for run in runs if run.variance.max() > top]
    if outside:
        text = "\n".join(f"{run.name}: to {run.variance.max():.2g}" for run in outside)
        panel.annotate(text, (0.02, 0.98), xycoords="axes fraction", va="top", fontsize=8,
                       color=STYLES[outside[0].name]["color"])


def draw_ranks(path: Path, slab: Slab, runs: Sequence[Run]) -> None:
    """Ranks of every edge over time, one panel per run, and the CPU time of each step.

    The last run, a second one of its method, is grey among the costs.
    """
    figure, panels = new_figure(2, (len(runs) + 2) // 2, (4.6 * ((len(runs) + 2) // 2), 7.2))
    highest = max(run.max_rank for run in runs)
    for panel, run in zip(panels, runs, strict=False):
        for edge, style in EDGE_STYLES.items():
            panel.plot(slab.step * np.arange(len(run.ranks[edge])), run.ranks[edge],
                       label=EDGES[edge], linewidth=1.5, **style)
        panel.set_title(run.label, fontsize=10)
        panel.set_ylim(0, 1.05 * highest)
        panel.set_ylabel("rank")
        _time(panel, slab)
    last = panels[len(runs)]
    for run in runs:
        last.plot(slab.step * np.arange(1, run.seconds.size + 1), 1e3 * run.smooth_seconds(),
                  color=COLOURS["grey"] if run is runs[-1] else STYLES[run.name]["color"],
                  linestyle=DASHES[run.name], linewidth=1.5, label=run.label)
    last.set_ylabel("CPU milliseconds per step")
    last.set_title("cost of a step, median over 25", fontsize=10)
    last.set_ylim(bottom=0.0)
    _time(last, slab)
    last.legend(fontsize=8, frameon=False)
    for panel in panels[len(runs) + 1:]:
        panel.set_visible(False)
    legend_below(figure, panels[0])
    save_figure(figure, path)


def _time(panel: Axes, slab: Slab) -> None:
    panel.set_xlabel("t")
    panel.set_xlim(0.0, slab.end)


def draw_errors(
    path: Path, reference: Collocation, runs: Sequence[Run], bounds: tuple[float, float]
) -> None:
    """Errors of expectation and variance over the tolerance, and over the CPU time."""
    figure, panels = new_figure(1, 3, (13.0, 4.6))
    for name in dict.fromkeys(run.name for run in runs):
        own = sorted((r for r in runs if r.name == name), key=lambda r: r.rtol)
        tolerances = [r.rtol for r in own]
        errors = np.array([r.errors(reference) for r in own])
        style = {"linewidth": 1.4, **STYLES[name]}
        panels[0].loglog(tolerances, errors[:, 0], label=name, **style)
        panels[1].loglog(tolerances, errors[:, 1], label=name, **style)
        panels[2].semilogy([r.seconds.sum() for r in own], errors[:, 1], label=name, **style)
    for panel, bound in zip(panels, (*bounds, bounds[1]), strict=True):
        panel.axhline(bound, color=COLOURS["grey"], linestyle="--", linewidth=1.0,
                      label="bound of the verdicts")
    for panel in panels[:2]:
        panel.invert_xaxis()
        panel.set_xlabel("rtol")
    panels[0].set_ylabel("relative error of the expectation")
    panels[1].set_ylabel("relative error of the variance")
    panels[2].set_ylabel("relative error of the variance")
    panels[2].set_xlabel("CPU seconds of the run")
    panels[2].set_xlim(left=0.0)
    legend_below(figure, panels[0])
    save_figure(figure, path)


def draw_smooth(
    path: Path, steps: Sequence[float], curves: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Errors over the step from a smooth start, expectation and variance."""
    figure, panels = new_figure(1, 2, (10.0, 4.6))
    h = np.asarray(steps)
    for i, (panel, what) in enumerate(zip(panels, ("expectation", "variance"), strict=True)):
        for name, errors in curves.items():
            panel.loglog(h, [e[i] for e in errors], label=name, linewidth=1.4, **STYLES[name])
        for power, line, label in ((1, ":", "slope h"), (2, "--", "slope h²")):
            start = curves["parallel" if power == 1 else "parallel, order 2"][0][i]
            panel.loglog(h, 0.4 * start * (h / h[0]) ** power, line, color=COLOURS["grey"],
                         linewidth=1.0, label=label)
        label_steps(panel, steps)
        panel.set_xlabel("time step h")
        panel.set_ylabel(f"relative error of the {what}")
    legend_below(figure, panels[0])
    save_figure(figure, path)
