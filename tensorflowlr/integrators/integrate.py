"""The loop: steps, observers, saved states, progress."""

from __future__ import annotations

import itertools
import math
import numbers
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.fields import LinearField
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.log import Log, Observer
from tensorflowlr.integrators.solution import IntegrationError, RankCapWarning, Solution
from tensorflowlr.integrators.step import Method, Record, StepInfo
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.truncation import Truncation

FIELD_METHODS = ("prepare", "environment", "evaluate", "orthonormal")

def integrate(
    F: Any,
    Y0: TreeTensor,
    span: Sequence[float],
    *,
    step: float,
    method: Method,
    observe: Mapping[str, Observer] | None = None,
    save_at: Sequence[float] | None = None,
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
        `ParallelBUG` or `AugmentedBUG`.
    observe
        Named functions of time and state, called at the start and after every accepted step;
        they return numbers or arrays of one shape.
    save_at
        Times at which states are kept; by default the end alone.
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
    IntegrationError
        If a step fails (NaN, Inf, no convergence of a factorisation), with the last good
        state.

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
    if observe is not None and not isinstance(observe, Mapping):
        raise TypeError(f"observe must map names to functions, not {observe!r}")
    observe = dict(observe or {})
    for name, function in observe.items():
        if not callable(function):
            raise TypeError(f"observe[{name!r}] must be callable, not {function!r}")
    t0, t1 = _checked_span(span)
    saves = _checked_saves(save_at, t0, t1, "save_at")
    stepper = steps(F, Y0, span, step=step, method=method, land_on=saves)
    first = next(stepper)
    log = Log(observe, saves)
    log.add(first)
    wall, cpu = time.perf_counter(), time.process_time()
    status, message = "completed", f"reached t = {t1:g}"
    bar = _Bar(progress, t0, t1)
    failure = None
    try:
        for info in stepper:
            log.add(info)
            bar.show(info)
    except KeyboardInterrupt:
        status, message = "interrupted", f"stopped at t = {log.last.t:g}"
    except IntegrationError as error:
        status, message, failure = "failed", str(error), error
    finally:
        bar.close()
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    solution = log.solution(seconds, status, message)
    if failure is not None:
        failure.solution = solution
        raise failure
    record = log.last.record
    if record.rank_capped:
        warnings.warn(
            f"max_rank = {method.rule.max_rank} cut {record.rank_capped} of "
            f"{record.steps} steps: errors may exceed the tolerance",
            RankCapWarning,
            stacklevel=2,
        )
    return solution


def steps(
    F: Any,
    Y0: TreeTensor,
    span: Sequence[float],
    *,
    step: float,
    method: Method,
    land_on: Sequence[float] = (),
) -> Iterator[StepInfo]:
    """Step by hand: an iterator over the start and every accepted step.

    Parameters
    ----------
    F, Y0, span, step, method
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
    t0, t1 = _checked_span(span)
    if isinstance(step, bool) or not isinstance(step, numbers.Real):
        raise TypeError(f"step must be a positive number, not {step!r}")
    if not 0.0 < step < math.inf:
        raise ValueError(f"step must be positive and finite, not {step!r}")
    if not isinstance(Y0, TreeTensor):
        raise TypeError(f"Y0 must be a TreeTensor, not {type(Y0).__name__}")
    if isinstance(method, type) or not callable(getattr(method, "step", None)):
        raise TypeError(f"method must be ParallelBUG(...) or AugmentedBUG(...), not {method!r}")
    if not all(arrays.all_finite(c) for c in Y0.cores):
        raise ValueError("Y0 must be finite, but holds NaN or Inf")
    field = _field(F)
    targets = [t0, *_checked_saves(land_on, t0, t1, "land_on"), t1]
    try:
        Y = field.prepare(Y0, t0)
    except FloatingPointError as error:
        raise IntegrationError(f"F at the start t = {t0:g}: {error}", Y0, t0) from error
    return _run(field, Y, targets, float(step), method)


def _run(
    field: Field, Y0: TreeTensor, targets: list[float], step: float, method: Method
) -> Iterator[StepInfo]:
    Y, record = Y0.orthogonalize(), Record()
    if not all(r <= n for r, n in _room(Y)):
        Y = Y.round(Truncation())
    yield StepInfo(targets[0], Y, 0.0, record)
    for start, end in itertools.pairwise(targets):
        # round-off in a quotient must not add a vanishing last step
        count = math.ceil(abs(end - start) / step * (1.0 - 1e-12))
        h, t = math.copysign(step, end - start), start
        for i in range(count):
            t_next = end if i == count - 1 else start + (i + 1) * h
            try:
                Y_next = method.step(field, t, t_next, Y, record)
                if not math.isfinite(Y_next.norm()):
                    raise FloatingPointError("the state became NaN or Inf")
            except arrays.numerical_errors() as error:
                raise IntegrationError(
                    f"the step from t = {t:g} to {t_next:g} failed: {error}; "
                    "a smaller step may help",
                    Y,
                    t,
                ) from error
            record.steps += 1
            Y, taken, t = Y_next, t_next - t, t_next
            yield StepInfo(t, Y, taken, record)


def _room(Y: TreeTensor) -> list[tuple[int, int]]:
    """Each edge's rank and what the parent side of the edge can hold."""
    tree, ranks = Y.tree, Y.ranks
    room = []
    for node, rank in ranks.items():
        core = Y.cores[tree.parent[node]]
        others = math.prod(core.shape) // max(core.shape[tree.position[node]], 1)
        room.append((rank, others))
    return room


def _field(F: Any) -> Field:
    if isinstance(F, TreeOperator):
        return LinearField(F)
    if not isinstance(F, type) and all(
        callable(getattr(F, name, None)) for name in FIELD_METHODS
    ):
        return F
    raise TypeError(
        "F must be a TreeOperator, LinearField, FactoredField or DenseField, "
        f"not {type(F).__name__}"
    )


def _checked_span(span: Any) -> tuple[float, float]:
    try:
        t0, t1 = (float(t) for t in span)
    except (TypeError, ValueError):
        raise ValueError(f"span must be two times (t0, t1), not {span!r}") from None
    if not (math.isfinite(t0) and math.isfinite(t1)) or t0 == t1:
        raise ValueError(f"span must be two different finite times, not {span!r}")
    return t0, t1


def _checked_saves(save_at: Any, t0: float, t1: float, name: str) -> list[float]:
    """Times strictly inside the span, in the direction of the run; checked."""
    if save_at is None:
        return [t1]
    try:
        saves = [float(t) for t in save_at]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be times, not {save_at!r}") from None
    low, high = min(t0, t1), max(t0, t1)
    for t in saves:
        if not low <= t <= high:
            raise ValueError(f"{name} must lie in [{low:g}, {high:g}], not {t!r}")
    return sorted(set(saves), reverse=t1 < t0)


class _Bar:
    """A progress bar in the time of the problem, or nothing."""

    def __init__(self, wanted: bool, t0: float, t1: float) -> None:
        self.bar: Any = None
        self.t0 = t0
        if wanted:
            from tqdm.auto import tqdm

            form = "{l_bar}{bar}| t = {n:.4g}/{total:.4g} [{elapsed}<{remaining}{postfix}]"
            self.bar = tqdm(total=abs(t1 - t0), bar_format=form)

    def show(self, info: StepInfo) -> None:
        if self.bar is not None:
            self.bar.set_postfix(rank=info.y.max_rank, refresh=False)
            self.bar.update(abs(info.t - self.t0) - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
