"""A picture of a solution."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tensorflowlr import panels
from tensorflowlr.arrays import host, to_numpy
from tensorflowlr.checks import shown
from tensorflowlr.integrators import Solution
from tensorflowlr.io import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONSERVED = ("norm", "energy")
LARGEST = 1e100

Draw = Callable[["Axes"], None]


def plot_solution(
    solution: Solution, path: str | os.PathLike[str] | None = None, *, title: str | None = None
) -> Figure:
    """Draw the observables, the ranks and the drift of norm and energy of a solution.

    Observables called ``norm`` and ``energy`` are drawn as their drift from the start. Other
    numbers share a panel; imaginary parts are dotted. Vectors of many entries are images over
    time and entry, matrices are images at the last time, smaller arrays are lines; complex
    images show absolute values. Panels with nothing to show are left out.

    Parameters
    ----------
    solution
        What `integrate` returned.
    path
        A PNG file, which appears whole or not at all; by default none is written.
    title
        A line above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Notebooks show it.

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
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a text, not {shown(title)}")
    kind = _picture()
    times = to_numpy(solution.times)
    numbers: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    over_time: list[Draw] = []
    at_end: list[Draw] = []
    for name, found in solution.observables.items():
        values = _drawable(found)
        shape, count = values.shape[1:], values[:1].size
        if not count:
            continue
        flat = values.reshape((len(times), -1))
        if name in CONSERVED:
            kept[name] = flat
        elif not shape:
            numbers[name] = values
        elif count > panels.FEW and len(shape) == 2 and min(shape) > 1:
            at_end.append(partial(panels.matrix, name=name, time=times[-1], values=values[-1]))
        elif count > panels.FEW and len(shape) == 1 and len(times) == 1:
            at_end.append(partial(panels.profile, name=name, time=times[-1], values=values[-1]))
        elif count > panels.FEW and len(shape) == 1:
            over_time.append(partial(panels.image, times=times, name=name, values=values))
        else:
            over_time.append(partial(panels.components, times=times, name=name, values=flat))
    if numbers:
        over_time.insert(0, partial(panels.observables, times=times, seen=numbers))
    over_time.append(partial(panels.ranks, times=times, history=solution.ranks))
    if kept:
        over_time.append(partial(panels.drift, times=times, kept=kept))
    figure = _drawn(kind, times, over_time, at_end)
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
    if path is not None:
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=150)
    return figure


def plot_panels(
    draw: Callable[[Axes, Axes], None], path: str | os.PathLike[str], *, title: str | None = None
) -> Figure:
    """Draw two panels side by side into a PNG file, which appears whole or not at all.

    Parameters
    ----------
    draw
        Draws into the two.
    path
        The file.
    title
        A line above.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `draw` is no function, or `title` no text.
    OSError
        If the file cannot be written.
    """
    if not callable(draw):
        raise TypeError(f"draw must be a function of two panels, not {shown(draw)}")
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a text, not {shown(title)}")
    kind: Any = _picture()
    figure = kind(3.6)
    figure.set_figwidth(9.0)
    left, right = figure.subplots(1, 2)
    for panel in (left, right):
        panels.prepare(panel)
    draw(left, right)
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    return figure


def _picture() -> type[Figure]:
    """Matplotlib's figure on a canvas of its own, which notebooks can show."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install 'tensorflowlr[plot]'", name="matplotlib"
        ) from error

    class Picture(Figure):
        def __init__(self, height: float) -> None:
            super().__init__(figsize=(7.0, height), layout="constrained")
            FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png", dpi=100)
            return stream.getvalue()

    return Picture


def _drawn(
    kind: Any, times: Any, over_time: list[Draw], at_end: list[Draw]
) -> Figure:
    """Panels over time below one another, those of the last time two in a row beneath."""
    rows = [at_end[i : i + 2] for i in range(0, len(at_end), 2)]
    heights = [2.2] * len(over_time) + [3.2] * len(rows)
    figure = kind(1.0 + sum(heights))
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    drawn: list[Axes] = []
    for i, draw in enumerate(over_time):
        panel = figure.add_subplot(grid[i], sharex=drawn[0] if drawn else None)
        panel.tick_params(labelbottom=i == len(over_time) - 1)
        panels.prepare(panel)
        draw(panel)
        drawn.append(panel)
    drawn[-1].set_xlabel("time t")
    if len(times) > 1:
        drawn[-1].set_xlim(times.min(), times.max())
    figure.align_ylabels(drawn)
    for i, row in enumerate(rows):
        inside = grid[len(over_time) + i].subgridspec(1, 2)
        for j, draw in enumerate(row):
            panel = figure.add_subplot(inside[j])
            panels.prepare(panel)
            draw(panel)
    return figure


def _drawable(values: Any) -> Any:
    """Observed values, what is not finite or beyond drawing left blank."""
    array = to_numpy(values) * 1.0
    good = host.isfinite(array)
    # squares and margins of larger numbers overflow
    good = good & (host.abs(host.where(good, array, 0.0)) < LARGEST)
    return host.where(good, array, float("nan"))
