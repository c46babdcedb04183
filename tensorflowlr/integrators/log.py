"""What a run records along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import shown
from tensorflowlr.integrators.solution import Solution
from tensorflowlr.integrators.step import Record, StepInfo
from tensorflowlr.tensors import TreeTensor

Observer = Callable[[float, TreeTensor], Any]


@dataclass
class _Entry:
    t: float
    ranks: dict[int, int]
    values: dict[str, Array]
    # kept where the state is saved, and by the last entry
    info: StepInfo | None


class Log:
    """Observables and ranks of every accepted step, and the states to be saved.

    A step enters as a whole or not at all, whenever an interrupt comes.
    """

    def __init__(self, observe: Mapping[str, Observer], saves: Sequence[float]) -> None:
        self.observe, self.saves = observe, set(saves)
        self.entries: list[_Entry] = []
        self.checkpoints = 0
        self._before = (0.0, 0.0)
        self._clock = _now()

    @classmethod
    def again(
        cls, observe: Mapping[str, Observer], saves: Sequence[float], solution: Solution,
        record: Record,
    ) -> Log:
        """The log that gave a solution, to be written on."""
        made = cls(observe, saves)
        kept = dict(zip(solution.t.tolist(), solution.y, strict=True))
        times = solution.times.tolist()
        kept[times[-1]] = solution.final
        for i, t in enumerate(times):
            made.entries.append(_Entry(
                t,
                {edge: int(column[i]) for edge, column in solution.ranks.items()},
                {name: column[i] for name, column in solution.observables.items()},
                StepInfo(t, kept[t], t - times[max(i - 1, 0)], record) if t in kept else None,
            ))
        made._before = solution.stats["wall_seconds"], solution.stats["cpu_seconds"]
        made.checkpoints = solution.stats["checkpoints"]
        return made

    def start_clock(self) -> None:
        """Count seconds from now on."""
        self._clock = _now()

    @property
    def last(self) -> StepInfo:
        """The last step recorded."""
        info = self.entries[-1].info
        assert info is not None
        return info

    def add(self, info: StepInfo) -> None:
        """Call the observers and record a step.

        Raises
        ------
        TypeError, ValueError
            If an observer returns no numbers, or changes its shape.
        """
        values = {
            name: _numbers(function(info.t, info.y), name)
            for name, function in self.observe.items()
        }
        for name, value in values.items():
            known = self.entries[0].values[name].shape if self.entries else value.shape
            if value.shape != known:
                raise ValueError(
                    f"observe[{name!r}] must return one shape, not {known} and then {value.shape}"
                )
        self.entries.append(_Entry(info.t, info.y.ranks, values, info))
        for entry in self.entries[-2:-1]:
            if entry.t not in self.saves:
                entry.info = None

    def solution(self, status: str, message: str) -> Solution:
        """Everything recorded."""
        now = _now()
        wall, cpu = (self._before[i] + now[i] - self._clock[i] for i in range(2))
        last, record = self.last, self.last.record
        saved = [e for e in self.entries if e.info is not None and e.t in self.saves]
        moves = {
            name: {"wall": record.wall[name], "cpu": record.cpu[name],
                   "calls": record.calls[name]}
            for name in record.wall
        }
        return Solution(
            t=host.asarray([e.t for e in saved]),
            y=[e.info.y for e in saved if e.info is not None],
            final=last.y,
            times=host.asarray([e.t for e in self.entries]),
            observables={
                name: host.asarray([e.values[name] for e in self.entries])
                for name in self.observe
            },
            ranks={
                edge: host.asarray([e.ranks[edge] for e in self.entries])
                for edge in self.entries[0].ranks
            },
            stats={
                "steps": len(self.entries) - 1,
                "rejected": record.rejected,
                "evaluations": record.evaluations,
                "discarded": record.discarded,
                "discarded_max": record.discarded_max,
                "rank_capped": record.rank_capped,
                "checkpoints": self.checkpoints,
                "wall_seconds": wall,
                "cpu_seconds": cpu,
                "moves": moves,
            },
            status=status,
            message=message,
        )


def _numbers(value: Any, name: str) -> Array:
    try:
        made = arrays.to_numpy(value)
    except (TypeError, ValueError):
        made = None
    if made is None or made.dtype.kind not in "biufc":
        raise TypeError(f"observe[{name!r}] must return numbers, not {shown(value)}")
    return made


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
