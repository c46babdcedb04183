"""Where power steps end, by the rank of the subspace: figure 4 of arXiv 1912.04007."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro.common import COLOURS, main, new_figure, save_figure, stopwatch
from paper_repro.report import Table, Verdicts
from tensorflowlr.decompositions import power
from tensorflowlr.tensors.multisets import powers

TITLE = "Subspace power method: where power steps end (arXiv 1912.04007, Figure 4)"

Array = NDArray[Any]

SIZE, LEFT = 20, 2
RANKS = (120, 130, 140, 150, 160, 170, 180, 190, 200)
ENDS = ("component", "f = 1, no component", "spurious maximum", "nowhere")
TINTS = ("green", "orange", "vermilion", "grey")
# 1 - f, 1 - |cosine| and the length of a step that count as none
TOP, SAME, STILL = 1e-10, 1e-8, 1e-11


def climb(V: Array, X: Array, limit: int, order: int = LEFT) -> tuple[Array, Array, Array]:
    """Power steps with the constant shift sqrt((n - 1) / n), which never lowers f.

    Returns
    -------
    points, f, still
        Shapes (d, k), (k,) and (k,): where the starts ended, and whether they stood still.
    """
    shift = math.sqrt((order - 1) / order)
    ends, still = X.copy(), np.zeros(X.shape[1], dtype=bool)
    active = np.arange(X.shape[1])
    for _ in range(limit):
        _, g = power.gradient(V, X, order)
        moved = power.normalised(g + shift * X)
        done = np.linalg.norm(moved - X, axis=0) < STILL
        ends[:, active], still[active[done]] = moved, True
        X, active = moved[:, ~done], active[~done]
        if not active.size:
            break
    return ends, np.asarray(power.objective(V, ends, order)), still


def shares(rank: int, number: int, starts: int, limit: int, size: int = SIZE) -> Array:
    """How many starts of one random problem end in each of `ENDS`."""
    rng = np.random.default_rng([4, rank, number])
    A = power.normalised(rng.standard_normal((size, rank)))
    V = np.linalg.qr(powers(A, LEFT))[0]
    X = power.normalised(rng.standard_normal((size, starts)))
    points, f, still = climb(V, X, limit)
    known = np.abs(A.T @ points).max(axis=0) > 1.0 - SAME
    top = 1.0 - f < TOP
    return np.array([np.sum(top & known), np.sum(top & ~known), np.sum(still & ~top),
                     np.sum(~still & ~top)]) / starts


def draw(path: Path, ranks: Array, found: Array, limit: int) -> None:
    """Draw the shares as stacked areas of bars."""
    figure, (panel,) = new_figure(1, 1, (7.5, 4.0))
    width, below = 0.8 * np.diff(ranks).min(), np.zeros(len(ranks))
    for k, (name, tint) in enumerate(zip(ENDS, TINTS, strict=True)):
        panel.bar(ranks, 100.0 * found[:, k], width, below, color=COLOURS[tint], label=name)
        below = below + 100.0 * found[:, k]
    panel.axvline(limit + 0.5 * width + 0.1, color="black", linestyle="--", linewidth=1.0,
                  label=f"largest rank, {limit}")
    panel.set_xticks(ranks)
    panel.set_ylim(0.0, 100.0)
    panel.set_xlabel("rank r")
    panel.set_ylabel("% of starts")
    panel.set_title(f"d = {SIZE}, n = {LEFT}, constant shift", fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    save_figure(figure, path)


def judge(verdicts: Verdicts, ranks: Array, found: Array, limit: int) -> None:
    """What the theory says of the ranks below the limit, and where chance must do."""
    inside, near = ranks <= limit, int(0.95 * limit)
    verdicts.at_most(f"r <= {limit}: largest share at f = 1 without a component",
                     float(found[inside, 1].max()), 0.0)
    verdicts.at_least(f"r = {ranks[0]}: share of starts that end at a component",
                      float(found[0, 0]), 0.95)
    verdicts.at_least(f"r <= {near}: least share of starts that end at a component",
                      float(found[ranks <= near, 0].min()), 0.5)
    verdicts.at_least(f"r = {ranks[-1]}: share at f = 1 without a component",
                      float(found[-1, 1]), 0.05)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write table, figure and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    problems, starts, steps = (100, 100, 50000) if full else (5, 40, 5000)
    ranks = np.array(RANKS)
    limit = math.comb(SIZE + LEFT - 1, LEFT) - SIZE
    verdicts = Verdicts()
    with stopwatch("starts"):
        found = np.array([np.mean([shares(r, k, starts, steps) for k in range(problems)], axis=0)
                          for r in RANKS])
    table = Table(f"Where {problems} x {starts} normal starts end within {steps} power steps",
                  [("r", "d"), *((name, ".3f") for name in ENDS)])
    for r, row in zip(RANKS, found, strict=True):
        table.add(r, *row)
    table.save(output, "success")
    draw(output / "success.png", ranks, found, limit)
    judge(verdicts, ranks, found, limit)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
