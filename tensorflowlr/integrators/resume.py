"""Going on from a checkpoint."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.checks import (
    checked_flag,
    checked_step,
    real_number,
    real_numbers,
    whole_number,
)
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.checkpoint import (
    Checkpoint,
    CheckpointKeeper,
    CheckpointWarning,
    probe,
    same_probe,
)
from tensorflowlr.integrators.doors import (
    as_field,
    checked_executor,
    checked_method,
    checked_observers,
)
from tensorflowlr.integrators.log import Log, Observer
from tensorflowlr.integrators.run import Run, drive
from tensorflowlr.integrators.solution import Solution
from tensorflowlr.integrators.step import Method, Record
from tensorflowlr.integrators.storage import stored_solution
from tensorflowlr.io import read_object, reading


def resume(
    path: str | os.PathLike[str],
    *,
    F: Any = None,
    method: Method | None = None,
    observe: Mapping[str, Observer] | None = None,
    t1: float | None = None,
    like: Any = None,
    executor: Any = None,
    progress: bool = False,
) -> Solution:
    """Go on with a run from its checkpoint, bit for bit as if it had never stopped.

    The file goes on being written at the same intervals. A run that came to its end is
    returned as it is, or goes on to a later `t1`.

    Parameters
    ----------
    path
        What ``checkpoint=`` of `integrate` wrote.
    F, method, observe
        What the file could not hold, such as functions; the message says which. What it does
        hold may be left out; given, it must be the same.
    t1
        A later end.
    like
        An array whose library and device the run shall be on; NumPy by default.
    executor, progress
        As for `integrate`.

    Raises
    ------
    TypeError, ValueError
        If the file is no checkpoint, something is missing, or `F` is another problem's.
    OSError
        If the file cannot be read or written.
    IntegrationError
        As for `integrate`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tensorflowlr as tlr
    >>> problem = tlr.problems.nearest_neighbour_ising(4)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "run.h5")
    ...     _ = tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1, method=method,
    ...                       checkpoint=path)
    ...     longer = tlr.resume(path, t1=0.4)
    >>> longer.times.tolist()
    [0.0, 0.1, 0.2, 0.30000000000000004, 0.4]
    """
    checked_flag(progress, "progress")
    with reading(path) as file:
        if "run" not in file:
            raise ValueError("a solution without a checkpoint of its run")
        stored, parts = stored_solution(file), _parts(file["run"])
    solution, executor = stored.solution, checked_executor(executor)
    if parts["library"] != "numpy" and like is None:
        raise ValueError(f"like must be given, an array of {parts['library']}: the run was there")
    threads = arrays.blas_threads()
    if parts["threads"] != threads:
        warnings.warn(
            f"the run had {parts['threads']} BLAS threads, now there are {threads}: "
            "results may differ by round-off",
            CheckpointWarning,
            stacklevel=2,
        )
    run = Run(
        _field(F, parts, solution), _method(method, parts), parts["step"],
        (*parts["targets"], *_later(t1, parts["targets"])),
        _observers(observe, parts, solution), (*parts["saves"], *(() if t1 is None else (t1,))),
    )
    if solution.status == "completed" and t1 is None:
        return solution
    ends = [end for _, end in itertools.islice(run.times(), solution.stats["steps"])]
    if [run.targets[0], *ends] != solution.times.tolist():
        raise ValueError(f"{path}: the steps of the run do not lead to its last state")
    if like is not None:
        solution = replace(
            solution, final=solution.final.to(like=like),
            y=[state.to(like=like) for state in solution.y],
        )
    log = Log.again(run.observe, run.saves, solution, _record(solution, executor))
    checkpoint = Checkpoint(Path(path), parts["steps"], parts["seconds"], stored.metadata)
    return drive(run, log, progress, [CheckpointKeeper(checkpoint, run)])


def _parts(group: Any) -> dict[str, Any]:
    """What a checkpoint says of its run, checked; None for what it could not hold."""
    parts = {
        name: read_object(group, name)
        for name in ("step", "targets", "saves", "steps", "seconds", "library", "threads")
    }
    for name in ("targets", "saves"):
        parts[name] = tuple(real_numbers(parts[name], name))
    if len(parts["targets"]) < 2:
        raise ValueError("its times are incomplete")
    whole_number(parts["threads"], "threads")
    checked_step(parts["step"], parts["targets"][0], parts["targets"][-1])
    for name in ("field", "method", "probe"):
        parts[name] = read_object(group, name) if name in group else None
    parts["observe"] = {
        group["observe"][key].attrs["name"]: read_object(group["observe"], key)
        for key in group["observe"]
    }
    return parts


def _field(F: Any, parts: Mapping[str, Any], solution: Solution) -> Field:
    stored = parts["field"]
    if F is None:
        if stored is None:
            raise ValueError("F must be given: the checkpoint could not hold it")
        return stored
    field = as_field(F)
    t, Y = float(solution.times[-1]), solution.final
    known = parts["probe"] if stored is None else probe(stored, t, Y)
    if not same_probe(known, probe(field, t, Y)):
        raise ValueError("F is not that of the checkpoint: it gives other values there")
    return field


def _method(method: Any, parts: Mapping[str, Any]) -> Method:
    stored = parts["method"]
    if method is None:
        if stored is None:
            raise ValueError("method must be given: the checkpoint could not hold it")
        return stored
    checked_method(method)
    if stored is not None and method != stored:
        raise ValueError(f"method must be that of the checkpoint, {stored!r}, not {method!r}")
    return method


def _observers(
    given: Any, parts: Mapping[str, Any], solution: Solution
) -> dict[str, Observer]:
    given = checked_observers(given)
    known = list(solution.observables)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"observe must name observables of the checkpoint, {known}, not {unknown}")
    found = parts["observe"] | given
    lost = [name for name in known if name not in found]
    if lost:
        raise ValueError(f"observe must be given for {lost}: the checkpoint could not hold them")
    return {name: found[name] for name in known}


def _later(t1: Any, targets: tuple[float, ...]) -> tuple[float, ...]:
    if t1 is None:
        return ()
    real_number(t1, "t1", "a finite time")
    end, forward = targets[-1], targets[-1] > targets[0]
    if t1 == end or (t1 > end) != forward:
        raise ValueError(f"t1 must lie beyond the end of the run, {end:g}, not {t1!r}")
    return (float(t1),)


def _record(solution: Solution, executor: Any) -> Record:
    """The counts at the end of a solution."""
    stats = solution.stats
    made = Record(executor=executor)
    for name in ("steps", "rejected", "evaluations", "discarded", "discarded_max", "rank_capped"):
        setattr(made, name, stats[name])
    for name, move in stats["moves"].items():
        made.wall[name], made.cpu[name] = move["wall"], move["cpu"]
        made.calls[name] = move["calls"]
    return made
