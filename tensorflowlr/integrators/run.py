"""A run under way: its times, its steps, and the loop around them."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tensorflowlr import arrays
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.log import Log, Observer
from tensorflowlr.integrators.solution import IntegrationError, RankCapWarning, Solution
from tensorflowlr.integrators.step import Method, Record, StepInfo
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.truncation import Truncation


@dataclass(frozen=True)
class Run:
    """What the steps of a run depend on, but for the state.

    Attributes
    ----------
    field : Field
    method : Method
    step : float
        The size of a step, positive.
    targets : tuple of float
        The start, the times to be met, the end; a run is extended by one more.
    observe : mapping of str to callable
    saves : tuple of float
        Times at which states are kept.
    """

    field: Field
    method: Method
    step: float
    targets: tuple[float, ...]
    observe: Mapping[str, Observer]
    saves: tuple[float, ...]

    def times(self) -> Iterator[tuple[float, float]]:
        """Start and end of every step; the same whenever they are asked for."""
        for start, end in itertools.pairwise(self.targets):
            # round-off in a quotient must not add a vanishing last step
            count = math.ceil(abs(end - start) / self.step * (1.0 - 1e-12))
            h, t = math.copysign(self.step, end - start), start
            for i in range(count):
                t_next = end if i == count - 1 else start + (i + 1) * h
                yield t, t_next
                t = t_next

    def steps(self, Y: TreeTensor, record: Record) -> Iterator[StepInfo]:
        """Every accepted step from the state after ``record.steps`` of them."""
        for t, t_next in itertools.islice(self.times(), record.steps, None):
            try:
                with arrays.quiet():
                    Y_next = self.method.step(self.field, t, t_next, Y, record)
                    if not math.isfinite(Y_next.norm()):
                        raise FloatingPointError("the state became NaN or Inf")
            except Exception as error:
                numerical = isinstance(error, arrays.numerical_errors())
                # what cannot be at all shows in the first step, as an error of the arguments
                if not (numerical or record.steps):
                    raise
                raise IntegrationError(
                    f"the step from t = {t:g} to {t_next:g} failed: {error}"
                    + ("; a smaller step may help" if numerical else ""),
                    Y, t,
                ) from error
            record.steps += 1
            Y = settled(Y_next)
            yield StepInfo(t_next, Y, t_next - t, snapshot(record))


def started(Y: TreeTensor) -> TreeTensor:
    """A start as the steps want it: orthonormal, and no wider than its neighbours allow."""
    Y = Y.orthogonalize()
    for node, rank in Y.ranks.items():
        core = Y.cores[Y.tree.parent[node]]
        others = math.prod(core.shape) // max(core.shape[Y.tree.position[node]], 1)
        if rank > others:
            return settled(Y.round(Truncation()))
    return settled(Y)


def settled(Y: TreeTensor) -> TreeTensor:
    """The same state in C order: what comes back from a file goes on bit for bit."""
    cores = [arrays.contiguous(core) for core in Y.cores]
    return type(Y).trusted(Y.tree, cores, orthonormal=Y.orthonormal)


def snapshot(record: Record) -> Record:
    """The counts as they are now."""
    return replace(
        record, wall=dict(record.wall), cpu=dict(record.cpu), calls=dict(record.calls)
    )


class Keeper(Protocol):
    """What keeps a run's progress."""

    def begin(self, log: Log) -> None:
        """Before the first step; an error here ends the run before it starts."""
        ...

    def show(self, log: Log) -> None:
        """After every accepted step."""
        ...

    def end(self, log: Log, status: str, message: str) -> None:
        """After the last step."""
        ...


def drive(
    run: Run, log: Log, progress: bool = False, keepers: Sequence[Keeper] = ()
) -> Solution:
    """Take the steps that are left, from the last one in the log.

    Raises
    ------
    IntegrationError
        If a step or an observer fails, with everything recorded until then.
    """
    for keeper in keepers:
        keeper.begin(log)
    log.start_clock()
    status, message = "completed", f"reached t = {run.targets[-1]:g}"
    bar = _Bar(progress, run, log.last.t)
    failure = None
    last = log.last
    try:
        for info in run.steps(last.y, snapshot(last.record)):
            _add(log, info)
            bar.show(info)
            for keeper in keepers:
                keeper.show(log)
    except KeyboardInterrupt:
        status, message = "interrupted", f"stopped at t = {log.last.t:g}"
    except IntegrationError as error:
        status, message, failure = "failed", str(error), error
    finally:
        bar.close()
    for keeper in keepers:
        keeper.end(log, status, message)
    solution = log.solution(status, message)
    if failure is not None:
        failure.solution = solution
        raise failure
    record = log.last.record
    if record.rank_capped:
        warnings.warn(
            f"max_rank = {run.method.rule.max_rank} cut {record.rank_capped} of "
            f"{record.steps} steps: errors may exceed the tolerance",
            RankCapWarning,
            stacklevel=3,
        )
    return solution


def _add(log: Log, info: StepInfo) -> None:
    try:
        log.add(info)
    except Exception as error:
        last = log.last
        raise IntegrationError(f"at t = {info.t:g}: {error}", last.y, last.t) from error


class _Bar:
    """A progress bar in the time of the problem, or nothing."""

    def __init__(self, wanted: bool, run: Run, t: float) -> None:
        self.bar: Any = None
        self.t0 = run.targets[0]
        if wanted:
            from tqdm.auto import tqdm

            form = "{l_bar}{bar}| t = {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"
            total = abs(run.targets[-1] - self.t0)
            self.bar = tqdm(total=total, initial=abs(t - self.t0), bar_format=form)

    def show(self, info: StepInfo) -> None:
        if self.bar is not None:
            self.bar.set_postfix(rank=info.y.max_rank, refresh=False)
            self.bar.update(abs(info.t - self.t0) - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
