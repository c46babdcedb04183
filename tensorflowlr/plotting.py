"""A picture of a solution."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorflowlr.arrays import host, to_numpy
from tensorflowlr.integrators import Solution
from tensorflowlr.io import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by colour-blind readers; the dashes help in print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
CONSERVED = ("norm", "energy")
# a component each gets its own line up to this many
MAX_LINES = 64
LARGEST = 1e100


def plot_solution(
    solution: Solution, path: str | os.PathLike[str], *, title: str | None = None
) -> None:
    """Draw the observables, the ranks and the drift of norm and energy of a solution.

    Parameters
    ----------
    solution
        What `integrate` returned. Observables called ``norm`` and ``energy`` are drawn as
        their drift from the start; panels with nothing to show are left out. Entries of
        arrays share a colour, imaginary parts are dotted.
    path
        The PNG file; it appears whole or not at all.
    title
        A line above the picture.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `solution` is no `Solution`.
    OSError
        If the file cannot be written.
    """
    if not isinstance(solution, Solution):
        raise TypeError(f"solution must be a Solution, not {type(solution).__name__}")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install 'tensorflowlr[plot]'", name="matplotlib"
        ) from error
    values = {name: _columns(solution, v) for name, v in solution.observables.items()}
    seen = {name: v for name, v in values.items() if name not in CONSERVED and v.size}
    kept = {name: v for name, v in values.items() if name in CONSERVED and v.size}
    times = to_numpy(solution.times)
    drawn: list[Callable[[Axes], None]] = []
    if seen:
        drawn.append(lambda panel: _observables(panel, times, seen))
    drawn.append(lambda panel: _ranks(panel, times, solution.ranks))
    if kept:
        drawn.append(lambda panel: _drift(panel, times, kept))
    figure = Figure(figsize=(7.0, 1.0 + 2.2 * len(drawn)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for panel, draw in zip(panels, drawn, strict=True):
        panel.grid(True, which="major", color="0.88", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        draw(panel)
    panels[-1].set_xlabel("time t")
    if len(times) > 1:
        panels[-1].set_xlim(times.min(), times.max())
    figure.align_ylabels()
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _columns(solution: Solution, values: Any) -> Any:
    """Observed values as (times, entries), what is not finite or beyond drawing left blank."""
    array = to_numpy(values)
    array = array.reshape((len(to_numpy(solution.times)), -1))
    array = array * 1.0
    good = host.isfinite(array)
    # squares and margins of larger numbers overflow
    good = good & (host.abs(host.where(good, array, 0.0)) < LARGEST)
    return host.where(good, array, float("nan"))


def _observables(panel: Axes, times: Any, seen: dict[str, Any]) -> None:
    marker = "o" if len(times) == 1 else ""
    for i, (name, values) in enumerate(seen.items()):
        # matplotlib leaves labels that start with an underscore out of the legend
        name = f" {name}" if name.startswith("_") else name
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": marker}
        several = values.shape[1] > 1
        style |= {"linewidth": 0.8, "alpha": 0.7} if several else {"linewidth": 1.6}
        dash = DASHES[i % 3]
        imaginary = values.dtype.kind == "c" and bool(host.any(values.imag != 0.0))
        for j, column in enumerate(values.T[:MAX_LINES]):
            label = name if not j else "_"
            if several and not j:
                label += f" ({values.shape[1]} entries)"
            panel.plot(times, column.real, dash, label=label, **style)
            if imaginary:
                label = f"{name}, imaginary part" if not j else "_"
                panel.plot(times, column.imag, ":", label=label, **style)
    handles, _ = panel.get_legend_handles_labels()
    if len(handles) == 1:
        panel.set_ylabel(str(handles[0].get_label()), parse_math=False)
    else:
        panel.set_ylabel("observables")
        _legend(panel)


def _ranks(panel: Axes, times: Any, history: dict[int, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    ranks = host.stack([to_numpy(column) for column in history.values()])
    ordered = host.sort(ranks, axis=0)
    count = ranks.shape[0]
    median = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
    where: dict[str, Any] = {"drawstyle": "steps-pre", "linewidth": 1.6}
    where["marker"] = "o" if len(times) == 1 else ""
    panel.plot(times, ordered[-1], "-", color=COLOURS[0], label="largest", **where)
    panel.plot(times, median, "--", color=COLOURS[1], label="median", **where)
    panel.set_ylabel("ranks of the edges")
    panel.set_ylim(0.0, None)
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(panel)


def _drift(panel: Axes, times: Any, kept: dict[str, Any]) -> None:
    """Change since the start; on a logarithmic scale zeros are left blank."""
    drifts = {name: host.abs(values - values[:1]).max(axis=1) for name, values in kept.items()}
    logarithmic = any(bool(host.any(drift > 0.0)) for drift in drifts.values())
    for i, (name, drift) in enumerate(drifts.items()):
        label = name
        if bool(host.all(drift == 0.0)):
            label += " (exactly kept)"
        if logarithmic:
            drift = host.where(drift > 0.0, drift, float("nan"))
        panel.plot(times, drift, DASHES[i], color=COLOURS[i], label=label, linewidth=1.4,
                   marker="." if len(times) < 30 else "")
    if logarithmic:
        panel.set_yscale("log")
    panel.set_ylabel("|change since t₀|")
    _legend(panel)


def _legend(panel: Axes) -> None:
    if panel.get_legend_handles_labels()[0]:
        legend = panel.legend(fontsize=9, frameon=False, ncols=2, loc="best")
        for text in legend.get_texts():
            text.set_parse_math(False)
