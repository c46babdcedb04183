"""Many trainings: over all cores, kept until the last has ended, gone on with after a stop."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paper_repro.common import spread, stopwatch
from paper_repro.report import Verdicts
from paper_repro.training_loop import History, accuracy
from paper_repro.training_methods import (
    Outcome,
    Ranks,
    Setting,
    factorised,
    images_of,
    outcome,
    solve,
)

FOLDER = "runs"
# from this many images on, a set counts as large
LARGE = 5000


def conduct(
    title: str,
    output: Path,
    data: Path | None,
    planned: Callable[[int], Any],
    train: Callable[[Path, Any, Path | None], Any],
    conclude: Callable[[Path, Verdicts, Any, Any], None],
) -> int:
    """An experiment from its title to its verdicts.

    Parameters
    ----------
    title, output, data
        What it is called, where results go, and the images; None for scikit-learn's digits.
    planned
        From the number of images to what is run.
    train
        From `output`, the plan and `data` to the outcomes.
    conclude
        Takes `output`, the verdicts to add to, the plan and the outcomes: tables, figures,
        verdicts.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(title + "\n")
    images = images_of(data)
    print(f"{images}\n" + ("" if data else "(other images are taken with --data)\n"))
    verdicts, todo = Verdicts(), planned(len(images.train_images))
    with stopwatch("all trainings"):
        runs = train(output, todo, data)
    conclude(output, verdicts, todo, runs)
    clear(output)
    return verdicts.save(output)


def solve_all(
    settings: Sequence[Setting],
    data: Path | None,
    output: Path,
    label: str,
    strengths: Sequence[float] = (),
    keep_dense: bool = False,
) -> list[Outcome]:
    """The outcomes in order. What a stopped experiment has left in `output` is gone on with."""
    folder = output / FOLDER
    known = sum((folder / f"{setting.slug}.pt").exists() for setting in settings)
    if known:
        print(f"{label}: {known} of {len(settings)} trainings were begun in {folder}\n")
    jobs = [(setting, data, folder, strengths, keep_dense and setting.method == "dense")
            for setting in settings]
    return spread(solve, jobs, progress=label)


def clear(output: Path) -> None:
    """Remove what was only kept for the case of a stop."""
    shutil.rmtree(output / FOLDER, ignore_errors=True)


def truncated(dense: Outcome, ranks: Ranks, data: Path | None) -> Outcome:
    """A trained dense network cut to given ranks, without further training."""
    assert dense.model is not None
    images = images_of(data)
    model = factorised(copy.deepcopy(dense.model), ranks)
    row = {"accuracy": accuracy(model, images.test_images, images.test_labels)}
    history = History(epochs=[row], seconds=dense.history.seconds)
    setting = dense.setting.with_ranks("truncated afterwards", ranks)
    return outcome(setting, model, history, images)
