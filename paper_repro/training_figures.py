"""Figures of the training experiments."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paper_repro.common import COLOURS, legend_below, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from paper_repro.training_methods import Outcome

STYLES: dict[str, dict[str, Any]] = {
    "augmented": {"color": COLOURS["green"], "marker": "D", "linestyle": "-"},
    "parallel": {"color": COLOURS["vermilion"], "marker": "o", "linestyle": "-"},
    "vanilla": {"color": COLOURS["blue"], "marker": "^", "linestyle": "--"},
    "vanilla, half the rate": {"color": COLOURS["orange"], "marker": ">", "linestyle": "--"},
    "vanilla, 0.3 of the rate": {"color": COLOURS["grey"], "marker": "<", "linestyle": ":"},
    "tensorly-torch": {"color": COLOURS["sky"], "marker": "v", "linestyle": ":"},
    "truncated afterwards": {"color": COLOURS["purple"], "marker": "s", "linestyle": "-."},
    "dense": {"color": COLOURS["black"], "marker": "", "linestyle": "-"},
}
# points of accuracy below the best that only failures lie below
FAILED = 20.0
SHADES = ("black", "blue", "sky", "green", "orange", "vermilion", "purple")


def band(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, smallest and largest."""
    return statistics.fmean(values), min(values), max(values)


def draw_compression(
    path: Path, dense: Sequence[Outcome], curves: Mapping[str, Sequence[Sequence[Outcome]]]
) -> None:
    """Accuracy over the weights kept, a curve per method, bands from least to largest.

    Each entry of a curve holds the runs that differ in the seed alone. Left everything, right
    what lies near the dense network.
    """
    figure, (all_, near) = new_figure(1, 2, (10.4, 4.4))
    mean, low, high = band([run.accuracy for run in dense])
    for panel in (all_, near):
        panel.axhspan(low, high, color="0.85", linewidth=0.0)
        panel.axhline(mean, color="black", linewidth=1.2, label="dense")
        for name, groups in curves.items():
            kept = [statistics.fmean(100.0 - run.compression for run in runs) for runs in groups]
            bands = [band([run.accuracy for run in runs]) for runs in groups]
            centre, lower, upper = (np.array(part) for part in zip(*bands, strict=True))
            style = STYLES[name]
            panel.plot(kept, centre, label=name, markersize=5, linewidth=1.5, **style)
            panel.fill_between(kept, lower, upper, color=style["color"], alpha=0.15, linewidth=0.0)
        panel.set_xscale("log")
        panel.invert_xaxis()
        runs = [run for groups in curves.values() for group in groups for run in group]
        _percent_ticks(panel, [100.0 - run.compression for run in runs])
        panel.set_xlabel("weights kept in the factorised layers (%)")
        panel.set_ylabel("accuracy (%)")
    near.set_ylim(mean - 3.0, high + 0.3)
    all_.set_title("all", fontsize=10)
    near.set_title("near the dense network", fontsize=10)
    legend_below(figure, all_)
    save_figure(figure, path)


def _percent_ticks(panel: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import NullLocator

    ticks = [t for t in (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100)
             if min(values) / 1.3 <= t <= max(values) * 1.3]
    panel.set_xticks(ticks, [f"{t:g}" for t in ticks])
    panel.xaxis.set_minor_locator(NullLocator())


def _labelled(name: str, group: Sequence[Outcome]) -> str:
    """A name for the legend, and how many of its runs have failed."""
    failed = sum(run.history.diverged for run in group)
    return f"{name}, {failed} of {len(group)} diverged" if failed else name


def draw_epochs(path: Path, runs: Mapping[str, Sequence[Outcome]]) -> None:
    """Accuracy, compression and mean loss over the epochs; bands over the seeds."""
    figure, panels = new_figure(1, 3, (13.0, 4.2))
    keys = (("accuracy", "accuracy (%)"), ("compression", "weights saved (%)"),
            ("loss", "mean loss of the epoch"))
    for i, (name, group) in enumerate(runs.items()):
        colour = COLOURS[SHADES[i % len(SHADES)]]
        for panel, (key, _) in zip(panels, keys, strict=True):
            rows = [[row.get(key, np.nan) for row in run.history.epochs] for run in group]
            _band_over(panel, rows, _labelled(name, group), colour,
                       ("-", "--", "-.", ":")[i % 4])
    for panel, (_, label) in zip(panels, keys, strict=True):
        panel.set(xlabel="epoch", ylabel=label)
        _whole_epochs(panel)
    panels[2].set_yscale("log")
    trained = [run for group in runs.values() for run in group]
    best = max(run.accuracy for run in trained)
    # what has failed would press all others together
    good = [run.history.epochs for run in trained if run.accuracy > best - FAILED]
    accuracies = [row["accuracy"] for rows in good for row in rows[len(rows) // 3 :]]
    losses = [row["loss"] for rows in good for row in rows]
    panels[0].set_ylim(max(min(accuracies) - 1.0, 0.0), 100.0)
    panels[2].set_ylim(0.5 * min(losses), 2.0 * max(losses))
    legend_below(figure, panels[0])
    save_figure(figure, path)


def _band_over(
    panel: Axes, rows: Sequence[Sequence[float]], name: str, colour: str, dash: str
) -> None:
    """Mean and range of curves that may have ended early."""
    length = max(map(len, rows))
    padded = np.array([[*row, *[np.nan] * (length - len(row))] for row in rows], float)
    if np.isnan(padded).all():
        return
    x = np.arange(1, length + 1)
    panel.plot(x, padded.mean(axis=0), dash, color=colour, label=name, linewidth=1.5)
    panel.fill_between(x, padded.min(axis=0), padded.max(axis=0), color=colour, alpha=0.15,
                       linewidth=0.0)


def draw_losses(path: Path, runs: Mapping[str, Mapping[float, Sequence[Outcome]]]) -> None:
    """Loss per epoch, a panel per method and a curve per spread of the first singular values."""
    figure, panels = new_figure(1, len(runs), (4.4 * len(runs), 4.2))
    low, high = np.inf, 0.0
    for panel, (name, group) in zip(panels, runs.items(), strict=True):
        for i, (decades, seeds) in enumerate(group.items()):
            rows = [[row["loss"] for row in run.history.epochs] for run in seeds]
            colour = COLOURS[SHADES[i % len(SHADES)]]
            label = "equal values" if decades == 0 else f"down to $10^{{-{decades:g}}}$"
            _band_over(panel, rows, label, colour, ("-", "--", "-.", ":")[i % 4])
            finite = [x for row in rows for x in row if np.isfinite(x)]
            low, high = min(low, *finite), max(high, *finite)
        panel.set(xlabel="epoch", ylabel="mean loss of the epoch", yscale="log")
        panel.set_title("plain factors (vanilla)" if name == "vanilla" else name, fontsize=10)
    for panel in panels:
        panel.set_ylim(0.8 * low, 1.25 * high)
        _plain_log(panel)
        _whole_epochs(panel)
    legend_below(figure, *panels)
    save_figure(figure, path)


def _plain_log(panel: Axes) -> None:
    """Plain numbers on a logarithmic axis that spans few powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


def _whole_epochs(panel: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_attacks(path: Path, runs: Mapping[str, Sequence[Outcome]]) -> None:
    """Accuracy over the strength of the attack; largest condition number over the epochs."""
    figure, (left, right) = new_figure(1, 2, (10.4, 4.4))
    for i, (name, group) in enumerate(runs.items()):
        label = _labelled(name, group)
        colour, dash = COLOURS[SHADES[i % len(SHADES)]], ("-", "--", "-.", ":")[i % 4]
        strengths = np.array(sorted(group[0].attacked))
        found = np.array([[run.attacked[s] for s in strengths] for run in group])
        left.plot(strengths, found.mean(axis=0), dash, color=colour, label=label, linewidth=1.5,
                  marker=".")
        left.fill_between(strengths, found.min(axis=0), found.max(axis=0), color=colour,
                          alpha=0.15, linewidth=0.0)
        rows = [[row.get("condition", np.nan) for row in run.history.epochs] for run in group]
        _band_over(right, rows, label, colour, dash)
    left.set(xlabel="strength of the attack ε (pixels from 0 to 1)", ylabel="accuracy (%)")
    right.set(xlabel="epoch", ylabel="largest condition number of a core", yscale="log")
    _plain_log(right)
    _whole_epochs(right)
    legend_below(figure, left)
    save_figure(figure, path)
