"""Training from small singular values: plain factors stall, the integrators do not notice."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import training_figures
from paper_repro.common import main
from paper_repro.report import Table, Verdicts
from paper_repro.training_methods import Outcome, Setting
from paper_repro.training_runs import LARGE, conduct, solve_all

TITLE = "Small singular values at the start of a training (NeurIPS 2022, NeurIPS 2024)"

METHODS = ("vanilla", "augmented", "parallel")
SHARE = 0.25
# short batches: the first epochs are what is looked at
RATE, BATCH = 0.02, 32

Runs = dict[str, dict[float, list[Outcome]]]


@dataclass(frozen=True)
class Plan:
    """What is run: the singular values at the start fall over so many powers of ten.

    `lead` is how many points integrators must be above plain factors at the end.
    """

    epochs: int
    seeds: Sequence[int]
    decades: Sequence[float]
    lead: float


def plan(count: int, full: bool) -> Plan:
    """The runs for a number of images."""
    decades = (0.0, 2.0, 4.0, 6.0, 8.0) if full else (0.0, 2.0, 4.0, 8.0)
    epochs = (12 if full else 6) if count < LARGE else 2
    # after twice the epochs plain factors have caught up with most of it
    return Plan(epochs, range(5 if full else 3), decades, 0.0 if full else 2.0)


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
    training_figures.draw_losses(output / "losses.png", runs)
    judge(verdicts, todo, runs)


def train(output: Path, todo: Plan, data: Path | None) -> Runs:
    """Every method from every start, at ranks that are kept."""
    settings = [
        Setting(method=method, share=SHARE, decades=decades, epochs=todo.epochs, seed=seed,
                learning_rate=RATE, batch=BATCH)
        for method in METHODS for decades in todo.decades for seed in todo.seeds
    ]
    made = iter(solve_all(settings, data, output, "trainings"))
    return {method: {decades: [next(made) for _ in todo.seeds] for decades in todo.decades}
            for method in METHODS}


def tabulate(output: Path, todo: Plan, runs: Mapping[str, Mapping[float, list[Outcome]]]) -> None:
    """Loss halfway and at the end, accuracy; means over the seeds."""
    table = Table(
        f"Ranks at {SHARE:.0%} of the full ones, kept; means over {len(todo.seeds)} seeds",
        [("method", ""), ("smallest / largest", ""), ("loss, first epoch", ".3f"),
         ("loss, halfway", ".2e"), ("loss, last epoch", ".2e"), ("accuracy (%)", ".2f")],
    )
    for method, group in runs.items():
        for decades, seeds in group.items():
            half = todo.epochs // 2
            table.add(method, f"1e-{decades:g}" if decades else "1",
                      mean_loss(seeds, 0), mean_loss(seeds, half - 1), mean_loss(seeds, -1),
                      statistics.fmean(run.accuracy for run in seeds))
    table.save(output, "losses")


def mean_loss(runs: Sequence[Outcome], epoch: int) -> float:
    """The geometric mean over the seeds; infinite where a run has diverged."""
    if any(run.history.diverged for run in runs):
        return math.inf
    return statistics.geometric_mean(run.history.epochs[epoch]["loss"] for run in runs)


def judge(
    verdicts: Verdicts, todo: Plan, runs: Mapping[str, Mapping[float, list[Outcome]]]
) -> None:
    """The steepest start against the flat one, and plain factors against the integrators."""
    steep, half = max(todo.decades), todo.epochs // 2 - 1
    loss = {method: {d: mean_loss(group[d], half) for d in (0.0, steep)}
            for method, group in runs.items()}
    percent = {method: statistics.fmean(run.accuracy for run in group[steep])
               for method, group in runs.items()}
    start = f"values down to 1e-{steep:g}"
    verdicts.at_least(f"vanilla: loss halfway from {start}, over that from equal ones",
                      loss["vanilla"][steep] / loss["vanilla"][0.0], 1.2)
    for method in METHODS[1:]:
        verdicts.at_most(f"{method}: loss halfway from {start}, over that from equal ones",
                         loss[method][steep] / loss[method][0.0], 1.0)
        verdicts.at_least(f"vanilla: its loss halfway from {start}, over that of {method}",
                          loss["vanilla"][steep] / loss[method][steep], 1.5)
        verdicts.at_least(f"{method}: points above vanilla from {start}, last epoch",
                          percent[method] - percent["vanilla"], todo.lead)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
