"""Pieces shared by the reproductions: exact references, figures, the command line."""

from __future__ import annotations

import argparse
import concurrent.futures
import inspect
import io
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from paper_repro.report import write
from tensorflowlr.arrays import limited_blas_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

# seconds that a process which shall end has to write what it has
GRACE = 3.0

# Okabe and Ito's palette, told apart by colour-blind readers; the markers help in print
COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#8C8C8C",
}
HOLLOW = {"markersize": 9, "fillstyle": "none"}
STYLES: dict[str, dict[str, Any]] = {
    "parallel": {"color": COLOURS["vermilion"], "marker": "o", **HOLLOW},
    "parallel, rejection": {"color": COLOURS["orange"], "marker": "s", "markersize": 4},
    "parallel, order 2": {"color": COLOURS["blue"], "marker": "^", **HOLLOW},
    "augmented": {"color": COLOURS["green"], "marker": "D", "markersize": 4},
    "augmented, order 2": {"color": COLOURS["purple"], "marker": "v", "markersize": 5},
}


def slope(steps: Sequence[float] | Array, errors: Sequence[float] | Array) -> float:
    """The order of convergence: the slope of a straight line through log(error)."""
    x, y = np.log(np.asarray(steps)), np.log(np.asarray(errors))
    return float(np.polyfit(x, y, 1)[0])


def above_printed(value: float, printed: str, factor: float) -> float:
    """How a value compares with a printed one: 1 is `factor` times the largest it may mean.

    A figure printed as 2.3e-4 may be anything up to 2.35e-4.

    Examples
    --------
    >>> round(above_printed(2.35e-4, "2.3e-4", 1.0), 12)
    1.0
    """
    digits, exponent = printed.split("e")
    places = len(digits.partition(".")[2])
    largest = (float(digits) + 0.5 * 10.0**-places) * 10.0 ** int(exponent)
    return value / (factor * largest)


def spin_chain(
    d: int, *, omega: float, delta: float, nu: float, alpha: float
) -> tuple[Any, Array]:
    """The long-range Ising chain as a sparse matrix, from bit patterns alone.

    H = Ω Σ σx_i + Δ Σ n_i + ν Σ_{i<j} n_i n_j / |i-j|^α with n the projector on "up". Spin 0
    is the highest bit, a bit 0 is "up".

    Returns
    -------
    matrix : sparse array, shape (2^d, 2^d)
    magnetisation : array, shape (2^d,)
        (1/d) Σ σz_i of every basis state.
    """
    states = np.arange(1 << d)
    bits = (states[:, None] >> np.arange(d - 1, -1, -1)) & 1
    up = 1.0 - bits
    i, j = np.triu_indices(d, 1)
    diagonal = delta * up.sum(axis=1) + nu * (up[:, i] * up[:, j]) @ (1.0 / (j - i) ** alpha)
    flipped = np.concatenate([states ^ (1 << b) for b in range(d)])
    flips = scipy.sparse.csr_array(
        (np.full(flipped.size, omega), (flipped, np.tile(states, d))), shape=(1 << d, 1 << d)
    )
    return flips + scipy.sparse.diags_array(diagonal), (1.0 - 2.0 * bits).mean(axis=1)


def exact_states(matrix: Any, start: Array, end: float, steps: int) -> Array:
    """exp(-i t H) start at `steps` + 1 equal times from 0 to `end`, by scipy alone."""
    generator = scipy.sparse.csr_array(-1j * matrix)
    states = scipy.sparse.linalg.expm_multiply(
        generator, start.astype(complex), start=0.0, stop=end, num=steps + 1, endpoint=True,
        traceA=generator.trace(),
    )
    return np.asarray(states)


def new_figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure without any window system, and its axes row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    axes = [panel for row in panels for panel in row]
    for panel in axes:
        panel.grid(True, which="major", color="0.88", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_below(figure: Figure, *panels: Axes) -> None:
    """One legend for the whole figure, below it, each label once."""
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(list(entries.values()), list(entries), loc="outside lower center",
                  ncols=5 if len(entries) == 5 else 4, fontsize=9, frameon=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    write(path, stream.getvalue())


@contextmanager
def stopwatch(label: str) -> Iterator[None]:
    """Print the CPU seconds of a part, those of finished child processes included."""
    start = _cpu_seconds()
    yield
    print(f"({label}: {_cpu_seconds() - start:.1f} CPU seconds)\n", flush=True)


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def spread(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], progress: str | None = None
) -> list[Any]:
    """The results of independent jobs, in order, over as many processes as there are cores.

    `progress` names a bar that counts the jobs done.
    """
    from tqdm.auto import tqdm

    workers = min(os.cpu_count() or 1, len(jobs))
    with tqdm(total=len(jobs), desc=progress, unit="run", disable=progress is None) as bar:
        if workers < 2:
            return [_counted(bar, function(*job)) for job in jobs]
        with concurrent.futures.ProcessPoolExecutor(workers) as pool:
            try:
                made = pool.map(function, *zip(*jobs, strict=True))
                return [_counted(bar, result) for result in made]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                _end(multiprocessing.active_children())
                raise


def _end(workers: Sequence[Any]) -> None:
    """End processes that may have minutes to go, after a while to write what they have."""
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + GRACE
    for worker in workers:
        # a worker takes the signal for its job's end, and the next job from its queue
        worker.join(max(end - time.monotonic(), 0.0))
        worker.kill()


def _counted(bar: Any, result: Any) -> Any:
    bar.update(1)
    return result


def main(title: str, run: Callable[..., int]) -> int:
    """The command line of a reproduction; with ``--data`` where `run` takes data."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--output", type=Path, required=True, help="folder for tables, figures")
    parser.add_argument("--full", action="store_true", help="also the longer runs")
    taken = "data" in inspect.signature(run).parameters
    if taken:
        parser.add_argument("--data", type=Path, help="images: a folder or file; see the README")
    options = parser.parse_args()
    given = {"data": options.data} if taken else {}
    # schedulers ask before they kill: end as after Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # what the command line does too: more threads only slow small tensors down
        with limited_blas_threads(1):
            return run(options.output, full=options.full, **given)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        if not taken:
            raise
        parser.error(str(error))
