"""Many runs of one kind: parameters, starts or seeds."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import checked_flag, shown, whole_number
from tensorflowlr.integrators.doors import checked_executor, checked_method, checked_observers
from tensorflowlr.integrators.integrate import integrate
from tensorflowlr.integrators.log import Observer
from tensorflowlr.integrators.solution import IntegrationError, RankCapWarning, Solution
from tensorflowlr.integrators.step import Method

# chunks per worker: few messages, and an even end
CHUNKS = 4
# where an executor does not say how many workers it has
WORKERS = 8


class EnsembleWarning(UserWarning):
    """Members of an ensemble that failed, or were cut by `max_rank`."""


@dataclass(frozen=True)
class Ensemble:
    """The result of `integrate_ensemble`.

    Attributes
    ----------
    members : tuple
        What was run, in the order given.
    solutions : tuple of Solution
        One per member; a failed one holds what was reached.
    """

    members: tuple[Any, ...]
    solutions: tuple[Solution, ...]

    def __len__(self) -> int:
        return len(self.solutions)

    def __iter__(self) -> Iterator[Solution]:
        return iter(self.solutions)

    @property
    def success(self) -> bool:
        """Whether every member reached its end."""
        return all(sol.success for sol in self.solutions)

    @property
    def failed(self) -> tuple[int, ...]:
        """The numbers of the members that did not reach their end."""
        return tuple(i for i, sol in enumerate(self.solutions) if not sol.success)

    @property
    def times(self) -> Array:
        """The times that all members share.

        Raises
        ------
        ValueError
            If they have different times.
        """
        first = self.solutions[0].times
        for i, sol in enumerate(self.solutions):
            if sol.times.shape != first.shape or bool(host.any(sol.times != first)):
                raise ValueError(f"the members have different times: 0 and {i} do ({sol.message})")
        return first

    def observable(self, name: str) -> Array:
        """An observable of all members, shape (members, times, …).

        Raises
        ------
        ValueError
            If there is none of that name, or the members have different times.
        """
        known = list(self.solutions[0].observables)
        if name not in known:
            raise ValueError(f"name must be one of {known}, not {name!r}")
        assert self.times is not None
        return host.stack([sol.observables[name] for sol in self.solutions])

    def mean(self, name: str) -> Array:
        """The mean of an observable over the members, shape (times, …)."""
        return host.mean(self.observable(name), axis=0)

    def variance(self, name: str) -> Array:
        """The variance of an observable over the members (divided by their number)."""
        values = self.observable(name)
        return host.mean(host.abs(values - host.mean(values, axis=0)) ** 2, axis=0)

    def __str__(self) -> str:
        steps = sum(sol.stats["steps"] for sol in self.solutions)
        seconds = sum(sol.stats["cpu_seconds"] for sol in self.solutions)
        ranks = [int(sol.max_ranks.max()) for sol in self.solutions]
        lines = [
            f"{len(self)} runs, {len(self) - len(self.failed)} completed",
            f"  steps        {steps} in all",
            f"  ranks        at most {min(ranks)} … {max(ranks)}",
            f"  seconds      {seconds:.2f} CPU in all",
        ]
        return "\n".join(lines)


def integrate_ensemble(
    make: Callable[[Any], Any],
    members: Iterable[Any],
    *,
    step: float,
    method: Method,
    observe: Mapping[str, Observer] | None = None,
    save_at: Sequence[float] | None = None,
    executor: Any = None,
    chunk_size: int | None = None,
    progress: bool = False,
) -> Ensemble:
    """Integrate many problems of one kind, here or on an executor.

    Parameters
    ----------
    make
        A function from a member to its `Problem` (or anything with ``field``, ``start``,
        ``span`` and ``observe``). For executors in other processes it must be importable
        there.
    members
        Parameters, starts or seeds: what `make` is called with.
    step, method, save_at
        As for `integrate`.
    observe
        Observables; by default those of each problem.
    executor
        Any `concurrent.futures.Executor`; None runs one after another. Results are in the
        order of the members and the same bit for bit. Give every worker one BLAS thread
        (``OMP_NUM_THREADS=1`` before it starts).
    chunk_size
        Members per task; by default about four tasks per worker. A task of a tenth of a
        second or more hides the cost of sending it.
    progress
        Whether to show a progress bar over the members.

    Returns
    -------
    Ensemble
        A member that fails is kept as far as it came, and a warning says so.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, or a problem's own arguments cannot.
    RuntimeError
        If the executor broke.

    Examples
    --------
    >>> import functools
    >>> import tensorflowlr as tlr
    >>> def quench(field):
    ...     return tlr.problems.nearest_neighbour_ising(4, field=field)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-6))
    >>> fields = tlr.integrate_ensemble(quench, [0.5, 1.0, 2.0], step=0.1, method=method)
    >>> fields.observable("magnetisation").shape
    (3, 11)
    """
    if not callable(make):
        raise TypeError(f"make must be a function from a member to its problem, not {make!r}")
    try:
        chosen = tuple(members)
    except TypeError:
        raise TypeError(f"members must be a sequence, not {shown(members)}") from None
    if not chosen:
        raise ValueError("members must not be empty")
    checked_method(method)
    checked_executor(executor)
    checked_flag(progress, "progress")
    if observe is not None:
        observe = checked_observers(observe)
    if chunk_size is None:
        workers = getattr(executor, "_max_workers", None) or WORKERS
        chunk_size = 1 if executor is None else max(1, len(chosen) // (CHUNKS * workers))
    chunk_size = whole_number(chunk_size, "chunk_size")
    chunks = [chosen[i : i + chunk_size] for i in range(0, len(chosen), chunk_size)]
    settings = {"step": step, "method": method, "save_at": save_at}
    found: list[Solution] = []
    bar = _bar(progress, len(chosen))
    try:
        for part in _results(make, chunks, observe, settings, executor, bar):
            found += part
    except KeyboardInterrupt:
        if not found:
            raise
    finally:
        bar.close()
    made = Ensemble(chosen[: len(found)], tuple(found))
    _warn(made, len(chosen))
    return made


def _results(
    make: Any, chunks: Sequence[Any], observe: Any, settings: Any, executor: Any, bar: Any
) -> Iterator[list[Solution]]:
    """The solutions chunk by chunk, in order."""
    if executor is None:
        for chunk in chunks:
            yield _run_chunk(make, chunk, observe, settings)
            bar.update(len(chunk))
        return
    futures: list[Future[list[Solution]]] = []
    try:
        for chunk in chunks:
            future = executor.submit(_run_chunk, make, chunk, observe, settings)
            future.add_done_callback(functools.partial(_advance, bar, len(chunk)))
            futures.append(future)
        for future in futures:
            yield future.result()
    except BrokenExecutor as error:
        raise RuntimeError(f"executor broke: {error}") from error
    finally:
        for future in futures:
            future.cancel()


def _run_chunk(
    make: Any, chunk: Sequence[Any], observe: Any, settings: Mapping[str, Any]
) -> list[Solution]:
    return [_run_member(make, member, observe, settings) for member in chunk]


def _run_member(make: Any, member: Any, observe: Any, settings: Mapping[str, Any]) -> Solution:
    problem = make(member)
    for name in ("field", "start", "span"):
        if not hasattr(problem, name):
            raise TypeError(f"make must return a Problem, not {type(problem).__name__}")
    looked = getattr(problem, "observe", None) if observe is None else observe
    with warnings.catch_warnings():
        # said once for all members
        warnings.simplefilter("ignore", RankCapWarning)
        try:
            return integrate(problem.field, problem.start, problem.span, observe=looked, **settings)
        except IntegrationError as error:
            if error.solution is None:
                raise
            return error.solution


def _warn(made: Ensemble, wanted: int) -> None:
    capped = [i for i, sol in enumerate(made.solutions) if sol.stats["rank_capped"]]
    lines = []
    if made.failed:
        first = made.solutions[made.failed[0]].message
        lines.append(f"members {_listed(made.failed)} did not reach their end: {first}")
    if capped:
        lines.append(f"max_rank cut members {_listed(capped)}: errors may exceed the tolerance")
    if len(made) < wanted:
        lines.append(f"interrupted after {len(made)} of {wanted} members")
    if lines:
        warnings.warn("; ".join(lines), EnsembleWarning, stacklevel=3)


def _listed(numbers: Sequence[int]) -> str:
    shortened = ", ".join(str(n) for n in itertools.islice(numbers, 10))
    return shortened + (", …" if len(numbers) > 10 else "")


def _advance(bar: Any, count: int, future: Any) -> None:
    if not future.cancelled():
        bar.update(count)


class _NoBar:
    def update(self, count: int) -> None:
        del count

    def close(self) -> None:
        pass


def _bar(wanted: bool, total: int) -> Any:
    if not wanted:
        return _NoBar()
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="run")
