"""Bounded condition numbers: accuracy under attack of networks trained at low rank."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import training_figures
from paper_repro.common import main
from paper_repro.report import Table, Verdicts
from paper_repro.training_methods import Outcome, Setting
from paper_repro.training_runs import LARGE, conduct, solve_all

TITLE = "Bounded condition numbers and adversarial images (CondLR, NeurIPS 2023)"

STRENGTHS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15)
MIDDLE = 0.08
# kept; saves 74 % of the weights of LeNet-5's inner layers on digits, 87 % on MNIST
RANK = 30


@dataclass(frozen=True)
class Plan:
    """What is run: bounds on the condition number, the tightest first; None for no bound."""

    epochs: int
    seeds: Sequence[int]
    bounds: Sequence[float]


def plan(count: int, full: bool) -> Plan:
    """The runs for a number of images."""
    epochs = 20 if count < LARGE else 10
    return Plan(epochs, range(5 if full else 3), (1.1, 1.5, 2.0) if full else (1.1, 1.5))


def run(output: Path, full: bool = False, data: Path | None = None) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    return conduct(TITLE, output, data, lambda count: plan(count, full), train, conclude)


def conclude(output: Path, verdicts: Verdicts, todo: Plan, runs: Any) -> None:
    """Table, figure, verdicts."""
    tabulate(output, todo, runs)
    training_figures.draw_attacks(output / "attacks.png", runs)
    judge(verdicts, todo, runs)


def bounded(bound: float) -> str:
    """What runs with a bound are called."""
    return f"condition ≤ {bound:g}"


def train(output: Path, todo: Plan, data: Path | None) -> dict[str, list[Outcome]]:
    """Dense, low rank with and without bounds, plain factors; all attacked at all strengths."""
    base = Setting(share=RANK, epochs=todo.epochs)
    kinds = {
        "dense": base,
        "plain factors": replace(base, method="vanilla"),
        "low rank, no bound": replace(base, method="augmented"),
        **{bounded(b): replace(base, method="augmented", condition=b) for b in todo.bounds},
    }
    settings = [replace(kind, seed=seed) for kind in kinds.values() for seed in todo.seeds]
    made = iter(solve_all(settings, data, output, "trainings", STRENGTHS))
    return {name: [next(made) for _ in todo.seeds] for name in kinds}


def tabulate(output: Path, todo: Plan, runs: Mapping[str, Sequence[Outcome]]) -> None:
    """Accuracy by strength, means over the seeds, and the largest condition number seen."""
    table = Table(
        f"Accuracy (%) under the fast gradient sign method, rank {RANK}, "
        f"means over {len(todo.seeds)} seeds",
        [("training", ""), *[(f"ε = {s:g}", ".1f") for s in STRENGTHS],
         (f"least of the seeds at ε = {MIDDLE:g}", ".1f"),
         ("saved in the layers (%)", ".1f"), ("largest condition number", ".3g"),
         ("CPU s", ".1f")],
    )
    for name, group in runs.items():
        accuracies = [statistics.fmean(r.attacked[s] for r in group) for s in STRENGTHS]
        table.add(name, *accuracies, min(r.attacked[MIDDLE] for r in group),
                  statistics.fmean(r.compression for r in group), worst_condition(group),
                  statistics.fmean(r.history.seconds for r in group))
    table.save(output, "attacks")


def worst_condition(runs: Sequence[Outcome]) -> float | None:
    """The largest over seeds, layers and epochs; None where none was measured."""
    found = [row["condition"] for run in runs for row in run.history.epochs if "condition" in row]
    return max(found) if found else None


def judge(verdicts: Verdicts, todo: Plan, runs: Mapping[str, Sequence[Outcome]]) -> None:
    """Bounds are kept; accuracy without attack, and in the mean over all attacks."""
    def mean(name: str, strengths: Sequence[float]) -> float:
        return statistics.fmean(r.attacked[s] for r in runs[name] for s in strengths)

    for bound in todo.bounds:
        seen = worst_condition(runs[bounded(bound)])
        verdicts.at_most(f"{bounded(bound)}: largest condition number seen, over the bound",
                         float("nan") if seen is None else seen / bound, 1.001)
    tightest = bounded(min(todo.bounds))
    attacks = STRENGTHS[1:]
    verdicts.at_most(f"{tightest}: points below the dense network without attack",
                     mean("dense", [0.0]) - mean(tightest, [0.0]), 0.5)
    verdicts.at_most(f"{tightest}: points below the dense network, mean over the attacks",
                     mean("dense", attacks) - mean(tightest, attacks), 2.0)
    for other in ("low rank, no bound", "plain factors"):
        verdicts.at_least(f"{tightest}: points above {other}, mean over the attacks",
                          mean(tightest, attacks) - mean(other, attacks), 1.5)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
