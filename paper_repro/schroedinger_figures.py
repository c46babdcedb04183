"""Figures of the discrete Schrödinger equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paper_repro.common import COLOURS, STYLES, legend_below, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def label_steps(panel: Axes, steps: Sequence[float]) -> None:
    """Ticks at the steps themselves."""
    panel.set_xscale("log")
    panel.set_xticks(list(steps), [f"{h:g}" for h in steps])
    panel.set_xticks([], minor=True)


def draw_errors(
    path: Path, steps: Sequence[float],
    curves: Mapping[tuple[int, float], Mapping[str, Sequence[float]]],
) -> None:
    """Error over step, one panel per start rank and tolerance."""
    figure, panels = new_figure(2, 2, (10.0, 8.0))
    for panel, ((rank, atol), found) in zip(panels, curves.items(), strict=True):
        h = np.asarray(steps[: len(next(iter(found.values())))])
        for name, errors in found.items():
            panel.loglog(h, errors, label=name, linewidth=1.4, **STYLES[name])
        panel.loglog(h, h, ":", color=COLOURS["grey"], linewidth=1.0, label="slope h")
        panel.loglog(h, 0.4 * h**2, "--", color=COLOURS["grey"], linewidth=1.0, label="slope h²")
        panel.loglog(h, atol / h, "-.", color=COLOURS["grey"], linewidth=1.0,
                     label="steps × atol")
        panel.axhline({4: 1e-4, 8: 1e-8}[rank], color=COLOURS["black"], linewidth=1.0,
                      label="error of the cut start")
        panel.set_ylim(1e-7, 0.2)
        label_steps(panel, steps)
        panel.set_xlabel("time step h")
        panel.set_ylabel("Frobenius error at T = 1")
        panel.set_title(f"start of rank {rank}, atol $10^{{{round(np.log10(atol))}}}$", fontsize=10)
    legend_below(figure, panels[0])
    figure.suptitle("Discrete Schrödinger equation, N = 100, ranks up to 30", fontsize=11)
    save_figure(figure, path)


def draw_small_values(
    path: Path, steps: Sequence[float], found: Mapping[tuple[str, float], Sequence[float]],
    broken: Mapping[float, Sequence[float]], best: Mapping[float, float],
) -> None:
    """Error over step for all starts, and over the smallest singular value at the last step."""
    figure, (left, right) = new_figure(1, 2, (10.0, 4.8))
    names = list(dict.fromkeys(name for name, _ in found))
    values = np.asarray(list(broken))
    naive = {"color": COLOURS["black"], "marker": "x", "linewidth": 1.2}
    ceiling = 10.0
    for name in names:
        for value in values:
            left.loglog(steps, found[name, value], linewidth=0.9, **STYLES[name])
        right.loglog(values, [found[name, value][-1] for value in values], label=name,
                     linewidth=1.4, **STYLES[name])
    for value in values:
        shown = np.nan_to_num(np.asarray(broken[value]), nan=ceiling)
        left.loglog(steps, np.minimum(shown, ceiling), **naive)
    shown = np.nan_to_num(np.asarray([broken[value][-1] for value in values]), nan=ceiling)
    right.loglog(values, np.minimum(shown, ceiling), label="naive, with the inverse of S", **naive)
    right.loglog(values, [best[value] for value in values], "--", color=COLOURS["grey"],
                 linewidth=1.2, label="best approximation of rank 4")
    right.invert_xaxis()
    label_steps(left, steps)
    left.set_xlabel("time step h")
    right.set_xlabel("smallest singular value of the start")
    left.set_title("all starts in one colour per method", fontsize=10)
    right.set_title(f"h = {steps[-1]:g}", fontsize=10)
    for panel in (left, right):
        panel.set_ylabel("Frobenius error at T = 1")
        panel.set_ylim(1e-5, 2.0 * ceiling)
        panel.axhline(ceiling, color=COLOURS["grey"], linewidth=0.8, linestyle=":")
    right.annotate("overflow", (values[-1], ceiling), xytext=(0, 4), ha="right",
                   textcoords="offset points", fontsize=8, color=COLOURS["grey"])
    legend_below(figure, right)
    figure.suptitle("Small singular values: start of rank 4, norm one, atol $10^{-6}$",
                    fontsize=11)
    save_figure(figure, path)
