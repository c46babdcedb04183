"""A small VGG or ResNet at low rank, meant for CIFAR-10; stops and resumes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import training_figures
from paper_repro.common import main, stopwatch
from paper_repro.report import Table, Verdicts
from paper_repro.training_loop import Training
from paper_repro.training_methods import Outcome, Setting, images_of, outcome, prepare
from paper_repro.training_runs import FOLDER, clear
from tensorflowlr.nn.data import Images

TITLE = "A small VGG and ResNet trained at low rank, for CIFAR-10 by --data (NeurIPS 2024)"

# from this many images on, a set counts as large
LARGE = 5000
# steps that are timed before the time for all is told; the first of them warms up
TIMED = 4


@dataclass(frozen=True)
class Plan:
    """What is run: networks, and epochs of each method.

    Attributes
    ----------
    lost
        Points of accuracy that low rank may lose against the dense network.
    """

    networks: Sequence[str]
    epochs: int
    rtol: float
    learning_rate: float
    lost: float


def plan(count: int, full: bool) -> Plan:
    """The runs for a number of images; `full` adds the ResNet, and epochs."""
    networks = ("vgg", "resnet") if full else ("vgg",)
    if count < LARGE:
        return Plan(networks, 8 if full else 4, 0.1, 0.05, 3.0)
    return Plan(networks, 60 if full else 15, 0.1, 0.05, 1.5)


def run(output: Path, full: bool = False, data: Path | None = None) -> int:
    """Run everything; write tables, figures and verdicts to `output`.

    Stopped by Ctrl-C or SIGTERM, the same call goes on where it was.

    Returns
    -------
    int
        0 if every verdict passes, else 1.
    """
    print(TITLE + "\n")
    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))))
    images = images_of(data)
    print(f"{images}\n" + ("" if data else "(CIFAR-10 is taken with --data)\n"))
    todo = plan(len(images.train_images), full)
    base = Setting(epochs=todo.epochs, learning_rate=todo.learning_rate, weight_decay=5e-4)
    settings = [
        replace(base, network=network, method=method, rtol=rtol)
        for network in todo.networks
        for method, rtol in (("dense", None), ("augmented", todo.rtol), ("parallel", todo.rtol))
    ]
    trainings = [prepare(setting, images) for setting in settings]
    for setting, training in zip(settings, trainings, strict=True):
        path = output / FOLDER / f"{setting.slug}.pt"
        if path.exists():
            training.load(path)
    announce(settings, trainings, images)
    verdicts, made = Verdicts(), []
    with stopwatch("all trainings"):
        for setting, training in zip(settings, trainings, strict=True):
            made.append(finish(setting, training, output))
    conclude(output, verdicts, todo, made)
    clear(output)
    return verdicts.save(output)


def announce(
    settings: Sequence[Setting], trainings: Sequence[Training], images: Images
) -> None:
    """Say how long everything that is left to do will take, by a few steps of copies."""
    total = 0.0
    for setting, training in zip(settings, trainings, strict=True):
        done = training.epoch * training.batches + training.done
        left = 0 if training.finished else training.epochs * training.batches - done
        if not left:
            continue
        trial = prepare(setting, images)
        trial.step()
        start = time.perf_counter()
        for _ in range(min(TIMED, trial.batches - 1)):
            trial.step()
        seconds = (time.perf_counter() - start) / max(1, min(TIMED, trial.batches - 1))
        total += left * seconds
        print(f"{setting.network}, {setting.method}: {left} steps of {seconds:.3f} s")
    print(f"about {_words(total)} on {torch.get_num_threads()} thread(s), evaluations apart; "
          "Ctrl-C stops, the same command goes on\n", flush=True)


def _words(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60.0:.0f} minutes" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} hours"


def finish(setting: Setting, training: Training, output: Path) -> Outcome:
    """Train to the end, with a bar."""
    print(f"{setting.network}, {setting.method}", flush=True)
    history = training.run(output / FOLDER / f"{setting.slug}.pt", progress=True)
    return outcome(setting, training.model, history, training.images)


def conclude(
    output: Path, verdicts: Verdicts, todo: Plan, made: Sequence[Outcome]
) -> None:
    """Table, one figure per network, verdicts."""
    table = Table(
        f"{todo.epochs} epochs, tolerance {todo.rtol:g}",
        [("network", ""), ("method", ""), ("accuracy (%)", ".2f"),
         ("saved in the layers (%)", ".1f"),
         ("saved in all (%)", ".1f"), ("CPU s", ".0f")],
    )
    for one in made:
        table.add(one.setting.network, one.setting.method, one.accuracy, one.compression, one.total,
                  one.history.seconds)
    table.save(output, "networks")
    for network in todo.networks:
        runs = {one.setting.method: one for one in made if one.setting.network == network}
        training_figures.draw_epochs(
            output / f"{network}.png", {name: [one] for name, one in runs.items()}
        )
        for method in ("augmented", "parallel"):
            verdicts.at_most(f"{network}, {method}: points below the dense network",
                             runs["dense"].accuracy - runs[method].accuracy, todo.lost)
            verdicts.at_least(f"{network}, {method}: percent of weights saved",
                              runs[method].compression, 50.0)


if __name__ == "__main__":
    raise SystemExit(main(TITLE, run))
