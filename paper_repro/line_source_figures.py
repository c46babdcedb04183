"""Figures of the line source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro.common import COLOURS, STYLES, Array, legend_below, new_figure, save_figure
from paper_repro.line_source_reference import HALF_WIDTH
from paper_repro.line_source_runs import EDGES, Run

FLUX = 4.0 * np.pi
EDGE_COLOURS = dict(zip(EDGES, ("blue", "vermilion", "green", "purple", "black"), strict=True))
SHADES = ("-", "--", ":")


def draw_maps(path: Path, made: Run, mean: Array, variance: Array) -> None:
    """Expectation, deviation and their errors over the square."""
    figure, panels = new_figure(2, 3, (11.5, 6.4))
    for row, (what, found, wanted) in enumerate((
        ("expectation", made.mean, mean),
        ("standard deviation", np.sqrt(made.variance), np.sqrt(variance)),
    )):
        top = FLUX * float(wanted.max())
        size = FLUX * float(np.abs(found - wanted).max())
        for column, (title, values, limits, colours) in enumerate((
            (what, found, (0.0, top), "magma"),
            (f"{what}, collocation", wanted, (0.0, top), "magma"),
            ("difference", found - wanted, (-size, size), "RdBu_r"),
        )):
            panel = panels[3 * row + column]
            _map(figure, panel, FLUX * values, limits, colours)
            panel.set_title(title, fontsize=9)
    figure.suptitle(f"Scalar flux at T = 1: {made.label}, and collocation", fontsize=11)
    save_figure(figure, path)


def _map(figure: Any, panel: Any, values: Array, limits: tuple[float, float], colours: str) -> None:
    square = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)
    image = panel.imshow(values.T, origin="lower", extent=square, vmin=limits[0], vmax=limits[1],
                         cmap=colours, interpolation="nearest")
    figure.colorbar(image, ax=panel, shrink=0.8)
    panel.grid(False)
    panel.set_xlabel("x")
    panel.set_ylabel("z")


def _cut(values: Array, diagonal: bool) -> Array:
    # cells are even in number: the axis lies between the two middle rows
    if diagonal:
        return np.diagonal(values)
    middle = values.shape[1] // 2
    return values[:, middle] if values.shape[1] % 2 else values[:, middle - 1 : middle + 1].mean(1)


def draw_cuts(path: Path, runs: Sequence[Run], mean: Array, variance: Array) -> None:
    """Expectation and deviation along the x axis and the diagonal, by method and tolerance."""
    names = list(dict.fromkeys(r.name for r in runs))
    figure, panels = new_figure(4, len(names), (3.6 * len(names), 11.0))
    x = np.linspace(-HALF_WIDTH, HALF_WIDTH, len(mean))
    for column, name in enumerate(names):
        own = [r for r in runs if r.name == name]
        for row in range(4):
            panel, diagonal, deviation = panels[row * len(names) + column], row % 2 == 1, row > 1
            wanted = FLUX * _cut(np.sqrt(variance) if deviation else mean, diagonal)
            s = x * np.sqrt(2.0) if diagonal else x
            panel.plot(s, wanted, color=COLOURS["grey"], linewidth=4.0, alpha=0.6,
                       label="collocation")
            for made, shade, colour in zip(own, (":", "--", "-"), ("vermilion", "orange", "blue"),
                                           strict=False):
                values = np.sqrt(made.variance) if deviation else made.mean
                panel.plot(s, FLUX * _cut(values, diagonal), shade, color=COLOURS[colour],
                           linewidth=1.4, label=f"rtol {made.rtol:g}")
            top = float(wanted.max())
            panel.set_ylim(-0.25 * top, 1.6 * top)
            panel.set_xlabel("along the diagonal" if diagonal else "x, at z = 0")
            if column == 0:
                panel.set_ylabel("standard deviation" if deviation else "expectation")
            if row == 0:
                panel.set_title(name, fontsize=10)
                panel.legend(fontsize=7, frameon=False, loc="upper left")
    figure.suptitle("Scalar flux at T = 1 against collocation", fontsize=11)
    save_figure(figure, path)


def draw_ranks(path: Path, runs: Sequence[Run]) -> None:
    """Ranks of every edge over time, and the CPU time of each step."""
    columns = (len(runs) + 2) // 2
    figure, panels = new_figure(2, columns, (4.2 * columns, 7.2))
    highest = max(made.max_rank for made in runs)
    for panel, made in zip(panels, runs, strict=False):
        for edge, label in EDGES.items():
            t = np.linspace(0.0, 1.0, len(made.ranks[edge]))
            panel.semilogy(t, made.ranks[edge], color=COLOURS[EDGE_COLOURS[edge]], linewidth=1.5,
                       linestyle="--" if edge in (1, 3) else "-", label=label)
        panel.set_ylim(0.9, 1.2 * highest)
        panel.set_title(made.label, fontsize=9)
        panel.set_xlabel("time")
        panel.set_ylabel("rank")
    for spare in panels[len(runs) : -1]:
        spare.set_visible(False)
    for made in runs:
        t = np.linspace(0.0, 1.0, len(made.seconds) + 1)[1:]
        panels[-1].semilogy(t, 1e3 * made.seconds, color=STYLES[made.name]["color"],
                            label=made.label, linewidth=1.4)
    panels[-1].set_xlabel("time")
    panels[-1].set_ylabel("CPU time of a step  (ms)")
    panels[-1].set_title("cost per step, repetitions included", fontsize=9)
    panels[-1].legend(fontsize=7, frameon=False)
    legend_below(figure, panels[0])
    save_figure(figure, path)


def draw_matrix(path: Path, found: Sequence[tuple[Run, Array]], flux: Array) -> None:
    """Errors and ranks over time, and the scalar flux along the x axis."""
    figure, (error, rank, cut) = new_figure(1, 3, (13.0, 4.4))
    x = np.linspace(-HALF_WIDTH, HALF_WIDTH, len(flux))
    cut.plot(x, FLUX * _cut(flux, False), color=COLOURS["grey"], linewidth=4.0, alpha=0.6,
             label="full rank")
    seen: dict[str, int] = {}
    for made, errors in found:
        number = seen[made.name] = seen.get(made.name, -1) + 1
        style = {"color": STYLES[made.name]["color"], "linestyle": SHADES[number % 3],
                 "linewidth": 1.5}
        error.semilogy(np.arange(1, len(errors) + 1) / len(errors), errors, label=made.label,
                       **style)
        ranks = made.ranks[0]
        rank.plot(np.linspace(0.0, 1.0, len(ranks)), ranks, **style)
        if number == 2:
            cut.plot(x, FLUX * _cut(made.mean, False), **style)
    for panel, label, axis in ((error, "relative error, all moments", "time"),
                               (rank, "rank", "time"), (cut, "scalar flux at z = 0", "x")):
        panel.set_xlabel(axis)
        panel.set_ylabel(label)
    legend_below(figure, error, cut)
    figure.suptitle("Line source without uncertainty, against the full rank", fontsize=11)
    save_figure(figure, path)
