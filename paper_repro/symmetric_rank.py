"""Which ranks can be decomposed: the rank study of arXiv 1912.04007."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro.common import COLOURS, main, new_figure, save_figure, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.symmetric import attempt, compile_steps, random_tensor, tensor_gap, timed

TITLE = "Subspace power method: which ranks it decomposes (arXiv 1912.04007, section 5)"

Array = NDArray[Any]

ORDER = 4
DEFAULT, FULL = (10, 15, 20, 25), (10, 15, 20, 25, 30, 40)
RANKS = (8, 12, 18, 27, 41, 62, 94, 142, 215, 325, 490, 800)
# beside them, shares of the limit
SHARES = (0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.05)
# the largest share by size: close to the limit, power steps become very slow
DEAREST = ((10, 1.05), (15, 0.98), (10**9, 0.9))
DEAREST_FULL = ((15, 1.05), (20, 0.98), (10**9, 0.9))
RIGHT = 1e-6
TINTS = ("vermilion", "orange", "green", "sky", "blue", "purple", "black")
MARKS = "osD^vP*"


def limit(d: int) -> int:
    """C(d + 1, 2) - d, beyond which the range holds powers that are no component's."""
    return d * (d + 1) // 2 - d


def ranks(d: int, full: bool = False) -> list[int]:
    """Those of one size."""
    most = next(share for size, share in (DEAREST_FULL if full else DEAREST) if d <= size)
    near = {round(share * limit(d)) for share in SHARES if share <= most}
    return sorted({r for r in RANKS if r <= min(most, 1.0) * limit(d)} | near)


def tried(d: int, r: int, number: int) -> tuple[bool, float, float]:
    """Whether a random tensor was decomposed, its error, and the processor seconds."""
    true = random_tensor(ORDER, d, r, np.random.default_rng([2, d, r, number]))
    T = true.to_dense()
    made, spent = timed(lambda: attempt(T, rng=number))
    error = float("inf") if made is None else tensor_gap(made, T)
    return error < RIGHT, error, spent


def study(
    sizes: Sequence[int], problems: int, full: bool = False
) -> list[tuple[int, int, float, float, float]]:
    """Size, rank, share of successes, median error and median seconds."""
    rows = []
    for d in sizes:
        for r in ranks(d, full):
            made = [tried(d, r, k) for k in range(problems)]
            rows.append((d, r, float(np.mean([x[0] for x in made])),
                         float(np.median([x[1] for x in made])),
                         float(np.median([x[2] for x in made]))))
    return rows


def draw(path: Path, rows: Array) -> None:
    """Successes over the share of the limit, and seconds over the rank."""
    figure, (left, right) = new_figure(1, 2, (10.5, 4.2))
    for d, tint, mark in zip(np.unique(rows[:, 0]), TINTS, MARKS, strict=False):
        own = rows[rows[:, 0] == d]
        look = {"color": COLOURS[tint], "marker": mark, "markersize": 4.5, "linewidth": 1.2}
        left.plot(own[:, 1] / limit(int(d)), 100.0 * own[:, 2], label=f"d = {d:.0f}", **look)
        inside = own[own[:, 1] <= limit(int(d))]
        right.loglog(inside[:, 1], inside[:, 4], label=f"d = {d:.0f}", **look)
    left.axvline(1.0, color="0.3", linestyle="--", linewidth=1.0)
    left.annotate("limit", (1.0, 50.0), (-4, 0), textcoords="offset points", ha="right",
                  fontsize=9, color="0.3")
    left.set_xlabel("rank / (d (d - 1) / 2)")
    left.set_ylabel(f"% with error below {RIGHT:g}")
    left.set_ylim(-4.0, 104.0)
    right.set_xlabel("rank")
    right.set_ylabel("CPU seconds, median")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center",
                  ncols=7, frameon=False, fontsize=9)
    save_figure(figure, path)


def judge(verdicts: Verdicts, rows: Array) -> None:
    """All up to 0.95 of the limit; none beyond it; most in between."""
    share = np.array([r / limit(int(d)) for d, r in rows[:, :2]])
    verdicts.at_least("up to 0.95 of the limit: least share of successes",
                      float(rows[share <= 0.951, 2].min()), 1.0)
    verdicts.at_most("up to 0.95 of the limit: largest median error",
                     float(rows[share <= 0.951, 3].max()), 1e-12)
    verdicts.at_least("from 0.95 of the limit to it: share of successes",
                      float(rows[(share > 0.951) & (share <= 1.0), 2].mean()), 0.5)
    verdicts.at_most("beyond the limit: share of successes",
                     float(rows[share > 1.0, 2].max()), 0.0)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write table, figure and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts, problems = Verdicts(), 10 if full else 3
    compile_steps()
    with stopwatch("ranks"):
        made = study(FULL if full else DEFAULT, problems, full)
    table = Table(f"Order {ORDER}, {problems} random tensors each, the rank not given",
                  [("d", "d"), ("r", "d"), ("r / limit", ".3f"), ("successes", ".2f"),
                   ("error", ".1e"), ("CPU s", ".3f")])
    for d, r, good, error, seconds in made:
        table.add(d, r, r / limit(d), good, None if math.isinf(error) else error, seconds)
    table.save(output, "rank")
    rows = np.array(made)
    draw(output / "rank.png", rows)
    judge(verdicts, rows)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
