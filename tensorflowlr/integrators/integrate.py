"""The two doors to a run: all at once, or step by step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.checks import checked_flag, checked_span, checked_step, checked_times
from tensorflowlr.integrators.checkpoint import CheckpointKeeper, checked_checkpoint
from tensorflowlr.integrators.doors import (
    as_field,
    checked_executor,
    checked_method,
    checked_observers,
)
from tensorflowlr.integrators.log import Log, Observer
from tensorflowlr.integrators.run import Run, drive, snapshot, started
from tensorflowlr.integrators.solution import IntegrationError, Solution
from tensorflowlr.integrators.step import Method, Record, StepInfo
from tensorflowlr.tensors import TreeTensor


def integrate(
    F: Any,
    Y0: TreeTensor,
    span: Sequence[float],
    *,
    step: float,
    method: Method,
    observe: Mapping[str, Observer] | None = None,
    save_at: Sequence[float] | None = None,
    executor: Any = None,
    checkpoint: Any = None,
    progress: bool = False,
) -> Solution:
    """Integrate Y' = F(t, Y) at low rank.

    Parameters
    ----------
    F
        A `TreeOperator` H (for Y' = H Y), `LinearField`, `FactoredField` or `DenseField`.
    Y0
        The start.
    span
        Start and end time; the end may lie before the start.
    step
        Size of a step, positive; the last one is shortened to land on the end and on every
        time of `save_at`.
    method
        `AugmentedBUG`, `ParallelBUG` or `FixedRankBUG`.
    observe
        Named functions of time and state, called at the start and after every accepted step;
        they return numbers or arrays of one shape.
    save_at
        Times at which states are kept; by default the end alone.
    executor
        Any `concurrent.futures.Executor`, to which flows of a step go that take about a
        millisecond or more; None does all here. The result is the same bit for bit.
    checkpoint
        A path or `Checkpoint`: the run's progress is kept there, and `resume` goes on from it.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Solution
        After Ctrl-C as well, with what is there and the status ``"interrupted"``.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, naming it.
    OSError
        If no checkpoint can be written at the start.
    IntegrationError
        If a step fails (NaN, Inf, no convergence of a factorisation, an error of a function
        that was given), with the last good state and everything recorded until then.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> tree = tlr.Tree.matrix()
    >>> H = tlr.TreeOperator.from_terms([(1.0, {0: [[0, 1], [1, 0]]})], tree, (2, 2))
    >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 2, tree)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))
    >>> sol = tlr.integrate(tlr.LinearField(H, coefficient=-1j), up, (0, 1), step=0.1,
    ...                     method=method)
    >>> sol.success, round(sol.final.norm(), 6)
    (True, 1.0)
    """
    observers, progress = checked_observers(observe), checked_flag(progress, "progress")
    t0, t1 = checked_span(span)
    saves = [t1] if save_at is None else checked_times(save_at, t0, t1, "save_at")
    place = checked_checkpoint(checkpoint)
    run, Y = _run(F, Y0, (t0, *saves, t1), step, method, observers, saves)
    log = Log(observers, saves)
    log.add(StepInfo(t0, Y, 0.0, Record(executor=checked_executor(executor))))
    return drive(run, log, progress, [CheckpointKeeper(place, run)] if place else [])


def steps(
    F: Any,
    Y0: TreeTensor,
    span: Sequence[float],
    *,
    step: float,
    method: Method,
    land_on: Sequence[float] = (),
    executor: Any = None,
) -> Iterator[StepInfo]:
    """Step by hand: an iterator over the start and every accepted step.

    Parameters
    ----------
    F, Y0, span, step, method, executor
        As for `integrate`.
    land_on
        Times inside the span that steps must meet.

    Raises
    ------
    TypeError, ValueError, IntegrationError
        As for `integrate`.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 1.0]] * 2, tlr.Tree.matrix())
    >>> decay = tlr.FactoredField(lambda t, Y: -1.0 * Y)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-10))
    >>> [info.t for info in tlr.steps(decay, Y, (0.0, 0.2), step=0.1, method=method)]
    [0.0, 0.1, 0.2]
    """
    t0, t1 = checked_span(span)
    targets = (t0, *checked_times(land_on, t0, t1, "land_on"), t1)
    record = Record(executor=checked_executor(executor))
    run, Y = _run(F, Y0, targets, step, method, {}, ())
    start = StepInfo(t0, Y, 0.0, snapshot(record))
    return itertools.chain([start], run.steps(Y, record))


def _run(
    F: Any, Y0: Any, targets: Sequence[float], step: Any, method: Any,
    observe: Mapping[str, Observer], saves: Sequence[float],
) -> tuple[Run, TreeTensor]:
    """A run and its first state, everything checked."""
    step = checked_step(step, targets[0], targets[-1])
    if not isinstance(Y0, TreeTensor):
        raise TypeError(f"Y0 must be a TreeTensor, not {type(Y0).__name__}")
    checked_method(method)
    if not all(arrays.all_finite(c) for c in Y0.cores):
        raise ValueError("Y0 must be finite, but holds NaN or Inf")
    field, t0 = as_field(F), targets[0]
    try:
        Y = field.prepare(Y0, t0)
    except FloatingPointError as error:
        raise IntegrationError(f"F at the start t = {t0:g}: {error}", Y0, t0) from error
    return Run(field, method, step, tuple(targets), observe, tuple(saves)), started(Y)
