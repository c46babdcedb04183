"""Runs that survive: checkpoints, and going on from them."""

from __future__ import annotations

import errno
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.checks import positive, real_number, shown, whole_number
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.log import Log
from tensorflowlr.integrators.run import Run
from tensorflowlr.integrators.step import StepInfo
from tensorflowlr.integrators.storage import save_solution
from tensorflowlr.io import NotStorable, remove_leftovers, write_object
from tensorflowlr.tensors import TreeTensor

INTERVAL = 60.0


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be written, or that may not go on bit for bit."""


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a run keeps its progress.

    The file is an HDF5 file that `Solution.load` reads at any time and `resume` goes on
    from. It is written before the first step, at the given intervals, and at the end,
    each time under a temporary name that then replaces the older file.

    Parameters
    ----------
    path
        The file; its folder must exist.
    steps
        Accepted steps between two checkpoints.
    seconds
        Seconds between two checkpoints; 60 where neither is given. Where both are, whichever
        comes first.
    metadata
        Texts to keep along.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> tlr.Checkpoint("run.h5", steps=100).steps
    100
    """

    path: Path
    steps: int | None = None
    seconds: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.path, bytes) or not isinstance(self.path, (str, os.PathLike)):
            raise TypeError(f"checkpoint: path must be the name of a file, not {self.path!r}")
        object.__setattr__(self, "path", Path(self.path))
        if not isinstance(self.metadata, Mapping) or not all(
            isinstance(text, str) for pair in self.metadata.items() for text in pair
        ):
            raise TypeError(f"metadata must map texts to texts, not {shown(self.metadata)}")
        if self.steps is not None:
            whole_number(self.steps, "steps")
        if self.seconds is not None:
            real_number(self.seconds, "seconds", "a positive finite number", positive)
        elif self.steps is None:
            object.__setattr__(self, "seconds", INTERVAL)


class CheckpointKeeper:
    """Writes checkpoints of a run.

    Parameters
    ----------
    checkpoint
        Where and how often.
    run
        The run.
    """

    def __init__(self, checkpoint: Checkpoint, run: Run) -> None:
        self.checkpoint, self.run = checkpoint, run
        self.threads = arrays.blas_threads()
        self._steps = 0
        self._time = time.monotonic()

    def begin(self, log: Log) -> None:
        """Write the first checkpoint.

        Raises
        ------
        OSError
            If the file cannot be written, or the disk has no room for another.
        """
        path = self.checkpoint.path
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "Is a directory")
            remove_leftovers(path)
            self._write(log, "running", f"at t = {log.last.t:g}")
            size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
            if free < 2 * size:
                raise OSError(errno.ENOSPC, f"only {free} bytes are free, a checkpoint has {size}")
        except OSError as error:
            raise OSError(
                error.errno, f"checkpoint: cannot write it: {error.strerror or error}", str(path)
            ) from error

    def show(self, log: Log) -> None:
        """Write a checkpoint where one is due."""
        self._steps += 1
        steps, seconds = self.checkpoint.steps, self.checkpoint.seconds
        if (steps is not None and self._steps >= steps) or (
            seconds is not None and time.monotonic() - self._time >= seconds
        ):
            self._attempt(log, "running", f"at t = {log.last.t:g}")

    def end(self, log: Log, status: str, message: str) -> None:
        """Write the last one."""
        self._attempt(log, status, message)

    def _attempt(self, log: Log, status: str, message: str) -> None:
        self._steps, self._time = 0, time.monotonic()
        try:
            self._write(log, status, message)
        except OSError as error:
            warnings.warn(
                f"checkpoint: could not be written at t = {log.last.t:g} ({error}); "
                f"the older one stays in {self.checkpoint.path}",
                CheckpointWarning,
                stacklevel=5,
            )

    def _write(self, log: Log, status: str, message: str) -> None:
        log.checkpoints += 1
        try:
            save_solution(
                self.checkpoint.path, log.solution(status, message),
                metadata=self.checkpoint.metadata,
                more=lambda file: self._write_run(file.create_group("run"), log.last),
            )
        except OSError:
            log.checkpoints -= 1
            raise

    def _write_run(self, group: Any, last: StepInfo) -> None:
        run = self.run
        for name, value in (
            ("step", run.step), ("targets", run.targets), ("saves", run.saves),
            ("steps", self.checkpoint.steps), ("seconds", self.checkpoint.seconds),
            ("library", arrays.library(last.y.cores[-1])), ("threads", self.threads),
        ):
            write_object(group, name, value)
        if not _written(group, "field", run.field):
            # to know the field by that will be given in its place
            write_object(group, "probe", probe(run.field, last.t, last.y))
        _written(group, "method", run.method)
        observers = group.create_group("observe")
        for i, (name, observer) in enumerate(run.observe.items()):
            if _written(observers, str(i), observer):
                observers[str(i)].attrs["name"] = name


def _written(group: Any, name: str, value: Any) -> bool:
    try:
        write_object(group, name, value)
    except NotStorable:
        return False
    return True


def checked_checkpoint(value: Any) -> Checkpoint | None:
    """The argument ``checkpoint``: none, a path, or a `Checkpoint`."""
    if value is None or isinstance(value, Checkpoint):
        return value
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be a path or tlr.Checkpoint(...), not {value!r}")
    return Checkpoint(Path(value))


def probe(field: Field, t: float, Y: TreeTensor) -> tuple[complex, ...]:
    """Numbers that a field is known by at a time and state; none where it cannot tell."""
    asked = getattr(field, "probe", None)
    try:
        return () if asked is None else tuple(asked(t, Y))
    except Exception:
        # a run that failed here has its checkpoint all the same
        return ()


def same_probe(one: Any, two: Any) -> bool:
    """Whether two fields said the same of themselves, up to round-off."""
    if not (len(one) and len(two)):
        return True
    scale = max(abs(complex(a)) for a in (*one, *two))
    return len(one) == len(two) and all(
        abs(complex(a) - complex(b)) <= 1e-7 * scale for a, b in zip(one, two, strict=True)
    )
