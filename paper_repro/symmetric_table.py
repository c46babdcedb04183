"""Table 1 of arXiv 1912.04007: parts of the cost of the subspace power method, by size."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro.common import COLOURS, main, new_figure, save_figure, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.symmetric import (
    attempt,
    compile_steps,
    factor_gap,
    random_tensor,
    tensor_gap,
    timed,
)

TITLE = "Subspace power method: cost by order, size and rank (arXiv 1912.04007, Table 1)"

ROWS = (
    (3, 136, 136, "normal"), (4, 40, 200, "normal"), (4, 40, 400, "normal"),
    (4, 40, 600, "normal"), (4, 60, 400, "normal"), (4, 80, 400, "normal"),
    (4, 40, 200, "shifted"), (4, 40, 200, "positive"), (5, 19, 190, "normal"),
    (6, 11, 250, "normal"),
)
MEANING = {"normal": "", "shifted": ", a = randn + 1", "positive": ", a = |randn|"}
# "check" is what the others leave of the total: symmetry, flattening, the norm
PARTS = {"check": "check", "extraction": "extract", "power": "power", "deflation": "deflate",
         "finish": "finish"}
TINTS = ("sky", "grey", "blue", "orange", "green")
ERROR, FACTORS = 1e-12, 1e-9


@dataclass(frozen=True)
class Cost:
    """One problem: medians over its repetitions, and the largest errors.

    Attributes
    ----------
    name
        Order, size, rank and how vectors were drawn.
    seconds
        Processor seconds of each part, and of all.
    steps, restarts
        Per component, and in all.
    error, factors
        The largest ones.
    found
        Whether all found the rank.
    """

    name: str
    seconds: dict[str, float]
    steps: float
    restarts: float
    error: float
    factors: float
    found: bool


def cost(m: int, d: int, r: int, kind: str, repeats: int) -> Cost:
    """Decompose one tensor from several starts, the rank not given."""
    true = random_tensor(m, d, r, np.random.default_rng([1, m, d, r]), kind)
    T = true.to_dense()
    parts: dict[str, list[float]] = {name: [] for name in (*PARTS, "total")}
    steps, restarts, errors, gaps = [], [], [], []
    for k in range(repeats):
        made, total = timed(lambda seed: attempt(T, rng=seed), k)
        if made is None:
            return Cost(label(m, d, r, kind), dict.fromkeys(parts, float("nan")), float("nan"),
                        float("nan"), float("inf"), float("inf"), False)
        parts["total"].append(total)
        known = made.diagnostics.seconds
        parts["check"].append(max(total - sum(known.values()), 0.0))
        for name, spent in known.items():
            parts[name].append(spent)
        steps.append(made.diagnostics.iterations.mean())
        restarts.append(made.diagnostics.restarts)
        errors.append(tensor_gap(made, T))
        gaps.append(factor_gap(made, true))
    return Cost(label(m, d, r, kind), {k: float(np.median(v)) for k, v in parts.items()},
                float(np.mean(steps)), float(np.mean(restarts)), max(errors), max(gaps),
                all(np.isfinite(gaps)))


def label(m: int, d: int, r: int, kind: str) -> str:
    """What a row is called."""
    return f"({m}, {d}, {r}){MEANING[kind]}"


def tabulate(output: Path, made: list[Cost]) -> None:
    """Write the table."""
    table = Table(
        "Exact tensors of order m, size d and rank r, the rank not given; CPU seconds, medians",
        [("(m, d, r)", ""), *((name, ".3f") for name in PARTS.values()), ("total", ".3f"),
         ("steps", ".1f"), ("restarts", ".1f"), ("error", ".1e"), ("vectors", ".1e")],
    )
    for row in made:
        table.add(row.name, *(row.seconds[name] for name in PARTS), row.seconds["total"],
                  row.steps, row.restarts, row.error, row.factors)
    table.save(output, "table")


def draw(path: Path, made: list[Cost]) -> None:
    """Draw the parts of each total as bars."""
    figure, (panel,) = new_figure(1, 1, (8.5, 0.42 * len(made) + 1.6))
    places, left = np.arange(len(made))[::-1], np.zeros(len(made))
    for (name, shown), tint in zip(PARTS.items(), TINTS, strict=True):
        widths = np.array([row.seconds[name] for row in made])
        panel.barh(places, widths, left=left, height=0.65, color=COLOURS[tint], label=shown)
        left = left + widths
    for place, row in zip(places, made, strict=True):
        panel.annotate(f"{row.seconds['total']:.2f} s, error {row.error:.0e}",
                       (row.seconds["total"], place), (5, 0), textcoords="offset points",
                       va="center", fontsize=8.5)
    panel.set_yticks(places, [row.name for row in made])
    panel.set_xlim(0.0, 1.35 * max(row.seconds["total"] for row in made))
    panel.set_xlabel("CPU seconds, one thread")
    panel.grid(False, axis="y")
    panel.legend(loc="lower right", frameon=False, fontsize=9)
    save_figure(figure, path)


def judge(verdicts: Verdicts, made: list[Cost]) -> None:
    """Rank, error and vectors of each row."""
    verdicts.at_least("rows whose rank was found every time",
                      float(np.mean([row.found for row in made])), 1.0)
    for row in made:
        verdicts.at_most(f"{row.name}: largest relative error", row.error, ERROR)
        verdicts.at_most(f"{row.name}: largest error of a vector", row.factors, FACTORS)


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
    with stopwatch("table"):
        made = [cost(*row, 20 if full else 3) for row in ROWS]
        tabulate(output, made)
        draw(output / "table.png", made)
    judge(verdicts, made)
    return verdicts.save(output)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
