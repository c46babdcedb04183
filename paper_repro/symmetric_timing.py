"""Time over size for orders 3 and 4 against other methods: figure 2 of arXiv 1912.04007."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro.common import COLOURS, main, new_figure, save_figure, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.symmetric import attempt, compile_steps, random_tensor, tensor_gap, timed
from paper_repro.symmetric_baselines import (
    eigenvectors,
    foobi,
    least_squares,
    pyttb_als,
    tensorly_als,
)

TITLE = "Symmetric CP: time over size beside other methods (arXiv 1912.04007, Figure 2)"

Array = NDArray[Any]
Solver = Callable[[Array, int, Any], Any]

RIGHT, ITERATIONS = 1e-6, 100
SIZES = {3: np.geomspace(10, 300, 13).round().astype(int),
         4: np.geomspace(10, 55, 13).round().astype(int)}
# how many of them without --full
FEWER = {3: 9, 4: 8}
NAMES = {3: "m = 3, r = d", 4: "m = 4, r = ⌊d²/3⌋"}
OURS = "subspace power method"
COMMON: dict[str, Solver] = {
    OURS: lambda T, r, rng: attempt(T, rng=rng),
    "ALS (TensorLy)": lambda T, r, rng: tensorly_als(T, r, rng, ITERATIONS),
    "ALS (pyttb)": lambda T, r, rng: pyttb_als(T, r, rng, ITERATIONS),
    "L-BFGS": least_squares,
}
SOLVERS: dict[int, dict[str, Solver]] = {
    3: {**COMMON, "eigenvectors (Harshman)": eigenvectors},
    4: {**COMMON, "FOOBI": foobi},
}
LOOKS = {
    OURS: ("vermilion", "o"), "ALS (TensorLy)": ("purple", "^"), "ALS (pyttb)": ("blue", "v"),
    "L-BFGS": ("green", "D"), "eigenvectors (Harshman)": ("black", "s"), "FOOBI": ("black", "s"),
}


@dataclass(frozen=True)
class Timing:
    """One solver at one size: medians over problems, and the share of right answers."""

    order: int
    size: int
    rank: int
    name: str
    seconds: float
    error: float
    right: float


def rank(m: int, d: int) -> int:
    """Size d for order 3, d²/3 for order 4."""
    return d if m == 3 else d * d // 3


def race(
    m: int, sizes: Sequence[int], problems: int, budget: float,
    solvers: dict[str, Solver] | None = None,
) -> list[Timing]:
    """All solvers at rising sizes; one that took longer than its budget goes no further."""
    rows: list[Timing] = []
    going = dict(SOLVERS[m] if solvers is None else solvers)
    for d in map(int, sizes):
        r = rank(m, d)
        tensors = [random_tensor(m, d, r, np.random.default_rng([6, m, d, k]), "equal").to_dense()
                   for k in range(problems)]
        for name, solver in list(going.items()):
            made = [timed(solver, T, r, np.random.default_rng(k)) for k, T in enumerate(tensors)]
            errors = [np.inf if x is None else tensor_gap(x, T)
                      for (x, _), T in zip(made, tensors, strict=True)]
            seconds = float(np.median([spent for _, spent in made]))
            rows.append(Timing(m, d, r, name, seconds, float(np.median(errors)),
                               float(np.mean(np.array(errors) < RIGHT))))
            if seconds > (5.0 * budget if name == OURS else budget):
                del going[name]
    return rows


def draw(path: Path, rows: list[Timing]) -> None:
    """Seconds over size; filled where at least half of the answers are right."""
    figure, panels = new_figure(1, 2, (10.5, 4.4))
    for m, panel in zip(NAMES, panels, strict=True):
        for name, (tint, mark) in LOOKS.items():
            own = [x for x in rows if x.order == m and x.name == name]
            if not own:
                continue
            sizes, seconds = [x.size for x in own], [x.seconds for x in own]
            panel.loglog(sizes, seconds, color=COLOURS[tint], linewidth=1.2)
            for face, kept in ((COLOURS[tint], True), ("white", False)):
                some = [x for x in own if (x.right >= 0.5) == kept]
                panel.plot([x.size for x in some], [x.seconds for x in some], mark,
                           color=COLOURS[tint], markerfacecolor=face, markersize=5.5)
            panel.plot([], [], mark + "-", color=COLOURS[tint],
                       label=name if m == 3 or name == "FOOBI" else f"_{name}")
        panel.set_title(NAMES[m], fontsize=10)
        panel.set_xlabel("size d")
    panels[0].set_ylabel("CPU seconds, median")
    panels[0].plot([], [], "o", color="0.4", markerfacecolor="white",
                   label=f"error above {RIGHT:g}")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    save_figure(figure, path)


def judge(verdicts: Verdicts, rows: list[Timing]) -> None:
    """Ours is right at every size, and faster than what else is right, or wrong, at order 4."""
    for m in NAMES:
        ours = {x.size: x for x in rows if x.order == m and x.name == OURS}
        verdicts.at_most(f"{NAMES[m]}: largest median error of ours",
                         max(x.error for x in ours.values()), 1e-12)
        verdicts.at_least(f"{NAMES[m]}: share of right answers of ours",
                          min(x.right for x in ours.values()), 1.0)
        for name in SOLVERS[m]:
            last = max((x for x in rows if x.order == m and x.name == name),
                       key=lambda x: x.size, default=None)
            if name == OURS or last is None or last.size not in ours or m == 3:
                continue
            # per right answer; a lower bound where there was none
            cost = last.seconds / (last.right or 1.0)
            verdicts.at_least(
                f"{NAMES[m]}, d = {last.size}: {name} over ours, CPU seconds per right answer"
                + ("" if last.right else " (it has none)"),
                cost / ours[last.size].seconds, 10.0 if "ALS" in name else 1.0)


def run(output: Path, full: bool = False) -> int:
    """Run everything; write table, figure and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    verdicts = Verdicts()
    compile_steps()
    for als in (tensorly_als, pyttb_als):
        als(np.ones((2, 2, 2)), 1, np.random.default_rng(0), 2)
    rows: list[Timing] = []
    for m, sizes in SIZES.items():
        with stopwatch(NAMES[m]):
            rows += race(m, sizes if full else sizes[:FEWER[m]], 5 if full else 2,
                         60.0 if full else 1.5)
    table = Table(
        f"CPU seconds, medians; right: error below {RIGHT:g} from one start",
        [("method", ""), ("m", "d"), ("d", "d"), ("r", "d"), ("CPU s", ".4f"), ("error", ".1e"),
         ("right", ".2f")])
    for x in sorted(rows, key=lambda x: (x.order, list(LOOKS).index(x.name), x.size)):
        table.add(x.name, x.order, x.size, x.rank, x.seconds, x.error, x.right)
    table.save(output, "timing")
    draw(output / "timing.png", rows)
    judge(verdicts, rows)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
