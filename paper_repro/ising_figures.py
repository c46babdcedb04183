"""Figures of the long-range Ising chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro.common import COLOURS, STYLES, Array, legend_below, new_figure, save_figure


def draw_convergence(
    path: Path, steps: Sequence[float], known: Sequence[float],
    runge_kutta: Mapping[str, Sequence[float]], exact: Mapping[str, Sequence[float]],
) -> None:
    """State error over step, log-log, with guide lines h and h²."""
    figure, (left, right) = new_figure(1, 2, (10.0, 4.4))
    h = np.asarray(steps)
    for panel, curves in ((left, runge_kutta), (right, exact)):
        for name, errors in curves.items():
            panel.loglog(h[: len(errors)], errors, label=name, linewidth=1.4, **STYLES[name])
        for power, style in ((1, ":"), (2, "--")):
            panel.loglog(h, 1.2 * (h / h[0]) ** power, style, color=COLOURS["grey"],
                         linewidth=1.0, label="slope h" + "²" * (power == 2))
        panel.set_xscale("log", base=2)
        panel.set_xlabel("time step h  (1/Ω)")
        panel.set_ylabel("state error at T = 1")
    left.loglog(h, known, "x", color=COLOURS["black"], markersize=7, label="parallel, known values",
                zorder=3)
    left.set_xscale("log", base=2)
    left.set_title("one Runge–Kutta step per flow, start carried at rank 2", fontsize=10)
    right.set_title("exact flows, start of rank 1", fontsize=10)
    left.set_ylim(1e-8, 2.0)
    legend_below(figure, left, right)
    figure.suptitle("Long-range Ising chain, d = 4, atol $10^{-8}$", fontsize=11)
    save_figure(figure, path)


def draw_dynamics(path: Path, times: Array, exact: Array, runs: Mapping[str, Any]) -> None:
    """Magnetisation, its error, drift of norm and energy, and rank over time."""
    figure, (top, error, drift, rank) = new_figure(2, 2, (10.0, 7.2))
    top.plot(times, exact, color=COLOURS["black"], linewidth=2.2, label="exact")
    for offset, (name, run) in enumerate(runs.items()):
        made, style = run.solution, STYLES[name]
        t = made.times
        seen = slice(round(0.03 * offset / run.step), None, round(0.12 / run.step))
        label = f"{name}, h = {run.step:g}"
        top.plot(t[seen], made.observables["magnetisation"][seen], linestyle="none",
                 label=label, **style)
        every = {"markevery": (seen.start, seen.step), "linewidth": 1.2, **style}
        error.semilogy(run.error_times[1:], run.errors[1:], **every)
        norm, energy = (made.observables[what] for what in ("norm", "energy"))
        drift.semilogy(t[1:], np.abs(norm / norm[0] - 1.0)[1:], **every)
        drift.semilogy(t[1:], np.abs(energy / energy[0] - 1.0)[1:], "--", color=style["color"],
                       linewidth=1.0)
        rank.plot(t, made.max_ranks, **every)
    drift.plot([], [], "-", color=COLOURS["grey"], label="norm")
    drift.plot([], [], "--", color=COLOURS["grey"], label="energy, relative")
    drift.legend(fontsize=8, frameon=False, loc="center right")
    for panel, label in (
        (top, "magnetisation  (1/d) Σ ⟨σz⟩"), (error, "error of the magnetisation"),
        (drift, "drift of norm and energy"), (rank, "largest rank"),
    ):
        panel.set_xlabel("time  (1/Ω)")
        panel.set_ylabel(label)
    drift.set_ylim(1e-16, None)
    legend_below(figure, top)
    figure.suptitle("Long-range Ising chain, d = 16, atol $10^{-8}$, ranks 2 … 40, exact flows",
                    fontsize=11)
    save_figure(figure, path)


def draw_trees(path: Path, curves: Mapping[str, tuple[Array, Array, Array]]) -> None:
    """Largest rank and stored entries over time."""
    figure, (rank, memory) = new_figure(1, 2, (10.0, 4.2))
    for name, (times, ranks, entries) in curves.items():
        style: dict[str, Any] = {
            "color": COLOURS["vermilion" if "parallel" in name else "green"],
            "linestyle": "--" if "train" in name else "-", "linewidth": 1.6,
        }
        rank.plot(times, ranks, label=name, **style)
        memory.plot(times, entries, label=name, **style)
    for panel, label in ((rank, "largest rank"), (memory, "numbers stored")):
        panel.set_xlabel("time  (1/Ω)")
        panel.set_ylabel(label)
        panel.legend(fontsize=8, frameon=False)
    figure.suptitle("Tensor train and balanced tree, d = 8, h = 0.005", fontsize=11)
    save_figure(figure, path)
