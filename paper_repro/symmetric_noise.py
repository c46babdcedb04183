"""Noisy tensors: figure 3 of arXiv 1912.04007, with refinement and with the rank left open."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro.common import COLOURS, main, new_figure, save_figure, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.symmetric import attempt, compile_steps, random_tensor, tensor_gap
from paper_repro.symmetric_baselines import least_squares, tensorly_als

TITLE = "Symmetric CP of noisy tensors (arXiv 1912.04007, Figure 3)"

Array = NDArray[Any]

ORDER, SIZE, RANK = 4, 15, 30
# share of a noise's norm that a fit of so many parameters cannot tell from the tensor
FLOOR = math.sqrt(RANK * SIZE / math.comb(SIZE + ORDER - 1, ORDER))
LEVELS = (1e-8, 1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
METHODS: dict[str, Callable[[Array, Any], Any]] = {
    "SPM": lambda T, rng: attempt(T, rank=RANK, refine=False, rng=rng),
    "SPM, refined": lambda T, rng: attempt(T, rank=RANK, refine=True, rng=rng),
    "SPM, rank left open": lambda T, rng: attempt(T, rng=rng),
    "L-BFGS": lambda T, rng: least_squares(T, RANK, rng, 500),
    "ALS (TensorLy)": lambda T, rng: tensorly_als(T, RANK, rng, 100),
}
LOOKS: dict[str, dict[str, Any]] = {
    "SPM": {"color": COLOURS["orange"], "marker": "s"},
    "SPM, refined": {"color": COLOURS["vermilion"], "marker": "o"},
    "SPM, rank left open": {"color": COLOURS["blue"], "marker": "x", "linestyle": ":"},
    "L-BFGS": {"color": COLOURS["green"], "marker": "D"},
    "ALS (TensorLy)": {"color": COLOURS["purple"], "marker": "^"},
}
DEAR = ("L-BFGS", "ALS (TensorLy)")


def noise(rng: np.random.Generator) -> Array:
    """A symmetrised normal tensor of norm one."""
    made = tlr.symmetrize(rng.standard_normal((SIZE,) * ORDER))
    return made / np.linalg.norm(made)


def problem(number: int, level: float) -> tuple[Array, Array]:
    """A tensor of norm one, alone and with noise."""
    rng = np.random.default_rng([3, number])
    T = random_tensor(ORDER, SIZE, RANK, rng, "equal").to_dense()
    T = T / np.linalg.norm(T)
    return T, tlr.symmetrize(T + level * noise(rng))


def errors(
    levels: tuple[float, ...], problems: int
) -> tuple[dict[str, Array], Array]:
    """Errors against the tensor without noise (level, problem), and whether ranks were right."""
    found = {name: np.full((len(levels), problems), np.nan) for name in METHODS}
    right = np.zeros((len(levels), problems))
    for i, level in enumerate(levels):
        for k in range(problems):
            T, noisy = problem(k, level)
            for name, method in METHODS.items():
                # alternatives with one start each, on a share of the problems
                if name in DEAR and k >= max(2, problems // 4):
                    continue
                made = method(noisy, np.random.default_rng([k, 5]))
                found[name][i, k] = np.inf if made is None else tensor_gap(made, T)
                if name == "SPM, rank left open":
                    right[i, k] = made is not None and made.rank == RANK
    return found, right.mean(axis=1)


def draw(path: Path, levels: Array, found: dict[str, Array], right: Array) -> None:
    """Errors over noise, the same over σ where that is of order one, and right ranks."""
    figure, (left, middle, panel) = new_figure(1, 3, (13.0, 4.2))
    for name, values in found.items():
        look = {"label": name, "markersize": 5, "linewidth": 1.3, **LOOKS[name]}
        left.loglog(levels, _typical(values), **look)
        middle.semilogx(levels, _typical(values) / levels, **look)
    for axes, unit in ((left, levels), (middle, np.ones(len(levels)))):
        axes.plot(levels, unit, color="0.3", linestyle="--", linewidth=1.0, label="noise σ")
        axes.plot(levels, FLOOR * unit, color="0.6", linestyle="-.", linewidth=1.0,
                  label=f"floor {FLOOR:.2f} σ")
    left.set_ylabel("relative error, median")
    middle.set_ylim(0.3, 1.05)
    middle.set_ylabel("relative error / σ, median")
    panel.semilogx(levels, 100.0 * right, marker="o", color=COLOURS["blue"])
    panel.set_ylim(-4.0, 104.0)
    panel.set_ylabel("% with the right rank, left open")
    for axes in (left, middle, panel):
        axes.set_xlabel("σ, relative to the tensor")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=7,
                  frameon=False, fontsize=9)
    save_figure(figure, path)


def _typical(values: Array) -> Array:
    """Medians of the problems that were tried; refused ones count as infinite."""
    rows = [row[~np.isnan(row)] for row in values]
    return np.array([np.median(row) if row.size else np.nan for row in rows])


def judge(verdicts: Verdicts, levels: Array, found: dict[str, Array], right: Array) -> None:
    """The rank up to 1e-3, the floor up to 1e-2 and less than the noise up to 1e-1."""
    verdicts.at_least("rank left open: least share of right ranks up to σ = 1e-3",
                      float(right[levels <= 1.001e-3].min()), 1.0)
    refined = found["SPM, refined"] / levels[:, None]
    verdicts.at_most("refined: largest error / σ up to σ = 1e-1",
                     float(refined[levels <= 0.1001].max()), 1.0)
    typical = _typical(found["SPM, refined"]) / levels
    for level, value in zip(levels, typical, strict=True):
        if level <= 0.0101:
            verdicts.at_most(f"refined, σ = {level:g}: median error / ({FLOOR:.3f} σ)",
                             float(value / FLOOR), 1.1)
    low = levels <= 1.001e-2
    verdicts.at_most("refined over unrefined: largest ratio of median errors up to σ = 1e-2",
                     float((typical * levels / _typical(found["SPM"]))[low].max()), 1.0)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write table, figure and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts, levels = Verdicts(), np.array(LEVELS)
    compile_steps()
    with stopwatch("noise"):
        found, right = errors(LEVELS, 40 if full else 4)
    table = Table(
        f"m = {ORDER}, d = {SIZE}, r = {RANK}: median errors against the tensor without noise",
        [("σ", ".0e"), *((name, ".1e") for name in METHODS), ("right ranks", ".2f")])
    medians = {name: _typical(values) for name, values in found.items()}
    for i, level in enumerate(LEVELS):
        shown = [float(medians[name][i]) for name in METHODS]
        table.add(level, *(x if math.isfinite(x) else "refused" for x in shown), right[i])
    table.save(output, "noise")
    draw(output / "noise.png", levels, found, right)
    judge(verdicts, levels, found, right)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
