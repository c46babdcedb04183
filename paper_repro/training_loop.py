"""One loop for every network and optimiser: batches, progress, measures, stop and resume."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy

from tensorflowlr.io import remove_leftovers, replacing
from tensorflowlr.nn.data import Images

FORMAT = "tensorflowlr training 1"
# forward passes without gradients take this many images at once
EVALUATED = 500

Measure = Callable[[Module], dict[str, Any]]


@dataclass
class History:
    """What a training went through.

    Attributes
    ----------
    losses
        The loss of every step, over its batch.
    epochs
        One row per epoch: ``accuracy`` on the images for testing (percent), ``loss`` (mean over
        the epoch), and what `measure` returned.
    seconds
        CPU seconds of the steps alone.
    diverged
        Whether a loss was not finite, which ends the training.
    """

    losses: list[float] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    diverged: bool = False

    @property
    def accuracy(self) -> float:
        """The last accuracy in percent; NaN before the first epoch has ended."""
        return self.epochs[-1]["accuracy"] if self.epochs else math.nan


@dataclass
class Training:
    """A network, its optimiser and the images, and how far it has come.

    Parameters
    ----------
    model, optimiser, images
        What is trained, by what, on what. The optimiser is given a closure, so that methods
        that need a second pass can have it.
    epochs, batch
        How often all images are seen, and how many at once; the last batch may be smaller.
    seed
        Of the order of the images.
    scheduler
        Of the learning rate, stepped after every step.
    measure
        More numbers for the row of an epoch.
    begin
        Called with the number of the epoch that begins, also where a training goes on.
    settings
        Kept in the checkpoint; a training only goes on from one with the same settings.
    """

    model: Module
    optimiser: torch.optim.Optimizer
    images: Images
    epochs: int
    batch: int = 128
    seed: int = 0
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    measure: Measure | None = None
    begin: Callable[[int], None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=History)
    epoch: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.before = self.generator.get_state()
        self.order = torch.randperm(len(self.images.train_images), generator=self.generator)
        self.done = 0
        if self.begin is not None:
            self.begin(self.epoch)

    @property
    def batches(self) -> int:
        """Steps per epoch."""
        return -(-len(self.images.train_images) // self.batch)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.epoch >= self.epochs or self.history.diverged

    def step(self) -> float:
        """One step of the optimiser; its loss."""
        chosen = self.order[self.done * self.batch : (self.done + 1) * self.batch]
        x = pixels(self.images.train_images[chosen])
        y = self.images.train_labels[chosen]

        def closure() -> Tensor:
            self.optimiser.zero_grad()
            loss = cross_entropy(self.model(x), y)
            loss.backward()
            return loss.detach()

        self.model.train()
        start = time.process_time()
        try:
            loss = float(self.optimiser.step(closure))  # type: ignore[arg-type]
        except (FloatingPointError, torch.linalg.LinAlgError):
            # weights that are not finite have no factors
            loss = math.nan
        self.history.seconds += time.process_time() - start
        self.history.losses.append(loss)
        self.history.diverged = not math.isfinite(loss)
        self.done += 1
        if self.scheduler is not None:
            self.scheduler.step()
        if self.done == self.batches or self.history.diverged:
            self._end_epoch()
        return loss

    def _end_epoch(self) -> None:
        losses = self.history.losses[-self.done :]
        row = {
            "accuracy": accuracy(self.model, self.images.test_images, self.images.test_labels),
            "loss": sum(losses) / len(losses),
        }
        measured = None if self.history.diverged else self.measure
        self.history.epochs.append(row | (measured(self.model) if measured else {}))
        self.epoch += 1
        self._start_epoch()

    def run(
        self, checkpoint: Path | None = None, *, every: float = 60.0, progress: bool = False
    ) -> History:
        """All that is left to do.

        Parameters
        ----------
        checkpoint
            A file to go on from, if it is there, and to write every so often, at the end, and
            when the run is interrupted (Ctrl-C or SIGTERM), which is then raised.
        every
            Seconds between two writes.
        progress
            Whether to show a bar.
        """
        if checkpoint is not None and checkpoint.exists():
            self.load(checkpoint)
        with _bar(self, progress) as bar, deferred_interrupts() as asked:
            saved = time.monotonic()
            while not self.finished and not asked():
                loss = self.step()
                bar.update(1)
                if self.done == 0 or bar.n % 10 == 0:
                    bar.set_postfix_str(self._postfix(loss), refresh=False)
                if checkpoint is not None and time.monotonic() - saved > every:
                    self.save(checkpoint)
                    saved = time.monotonic()
            if checkpoint is not None:
                self.save(checkpoint)
            if asked():
                raise KeyboardInterrupt
        return self.history

    def _postfix(self, loss: float) -> str:
        row = self.history.epochs[-1] if self.history.epochs else {}
        parts = [f"loss {loss:.3f}"]
        if row:
            parts.append(f"accuracy {row['accuracy']:.1f} %")
        if "compression" in row:
            parts.append(f"compression {row['compression']:.1f} %")
        return ", ".join(parts)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on; whole or not at all."""
        remove_leftovers(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "format": FORMAT, "settings": self.settings, "epoch": self.epoch, "done": self.done,
            "generator": self.before, "history": asdict(self.history),
            "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
        }
        with replacing(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Go on from a file; nothing in it is run.

        Raises
        ------
        ValueError
            If it is damaged or of a training with other settings.
        """
        try:
            state = torch.load(path, weights_only=True)
            if state["format"] != FORMAT:
                raise ValueError(f"its format is {state['format']!r}")
            held = state["settings"]
        except Exception as error:
            # torch raises whatever a damaged archive leads to
            raise ValueError(f"{path}: no checkpoint of a training: {error}") from None
        if held != self.settings:
            other = sorted(k for k in {*held, *self.settings}
                           if held.get(k) != self.settings.get(k))
            raise ValueError(f"{path}: a training with other settings ({', '.join(other)}); remove "
                             "it or choose another folder")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        self.epoch = state["epoch"]
        self._start_epoch()
        self.done = state["done"]
        self.history = History(**state["history"])


@contextmanager
def _bar(training: Training, shown: bool) -> Iterator[Any]:
    from tqdm.auto import tqdm

    total = training.epochs * training.batches
    with tqdm(total=total, initial=training.epoch * training.batches + training.done,
              unit="step", disable=not shown, mininterval=0.5) as bar:
        yield bar


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM are noted; a step under way, which changes weights, is completed."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: seen.append(number)) for number in signals]
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def pixels(images: Tensor) -> Tensor:
    """Bytes as numbers from 0 to 1; numbers as they are."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


@torch.no_grad()
def accuracy(model: Module, images: Tensor, labels: Tensor) -> float:
    """The share of images, bytes or numbers from 0 to 1, with the right label, in percent."""
    model.eval()
    right = 0
    for x, y in zip(images.split(EVALUATED), labels.split(EVALUATED), strict=True):
        right += int((model(pixels(x)).argmax(1) == y).sum())
    return 100.0 * right / len(labels)


def attacked(model: Module, images: Tensor, labels: Tensor, strength: float) -> Tensor:
    """Images after the fast gradient sign method: x + ε sign(∂loss/∂x), within 0 … 1.

    Goodfellow, Shlens and Szegedy, arXiv 1412.6572. The gradient is that of `model` itself.
    """
    model.eval()
    made = []
    for x, y in zip(images.split(EVALUATED), labels.split(EVALUATED), strict=True):
        x = pixels(x).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(model(x), y), x)
        made.append((x + strength * gradient.sign()).clamp(0.0, 1.0).detach())
    return torch.cat(made)
