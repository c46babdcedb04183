"""What one step of a method takes and gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tensorflowlr.fields.environment import Field
from tensorflowlr.moves.flows import Flow, Local
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.rounding import Discarded
from tensorflowlr.truncation import Truncation

MOVES = ("enrich", "frame", "flow", "augment", "assemble", "truncate")


@dataclass
class Record:
    """Counts and seconds, added up over the steps of a run, and where its flows are solved."""

    executor: Any = field(default=None, repr=False)
    steps: int = 0
    rejected: int = 0
    evaluations: int = 0
    rank_capped: int = 0
    discarded: float = 0.0
    discarded_max: float = 0.0
    wall: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MOVES, 0.0))
    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MOVES, 0.0))
    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES, 0))

    def accept(self, discarded: Discarded) -> None:
        """Count what the truncation of an accepted step dropped."""
        self.discarded += discarded.weight
        self.discarded_max = max(self.discarded_max, discarded.weight)
        self.rank_capped += discarded.capped

    @contextmanager
    def move(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to a move."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] += time.perf_counter() - wall
            self.cpu[name] += time.process_time() - cpu
            self.calls[name] += 1

    def solve(self, flow: Flow, local: Local, t0: float, t1: float, start: Any) -> Any:
        """One flow, its evaluations counted."""
        counted = _Counted(local)
        end = flow(counted, t0, t1, start)
        self.evaluations += counted.calls
        return end


@dataclass(frozen=True)
class StepInfo:
    """One accepted step: its end time, the state there, its size, and the counts until then."""

    t: float
    y: TreeTensor
    h: float
    record: Record


class _Counted:
    def __init__(self, local: Local) -> None:
        self.local, self.calls = local, 0

    def __call__(self, t: float, centre: Any) -> Any:
        self.calls += 1
        return self.local(t, centre)

    def linear(self, t: float) -> Any:
        apply = self.local.linear(t)
        if apply is None:
            return None

        def counted(x: Any) -> Any:
            self.calls += 1
            return apply(x)

        return counted


class Method(Protocol):
    """An integrator: settings only, the state goes in and comes out."""

    @property
    def rule(self) -> Truncation:
        """The truncation after each step."""
        ...

    @property
    def order(self) -> int:
        """The order of convergence."""
        ...

    def step(
        self, F: Field, t0: float, t1: float, Y: TreeTensor, record: Record
    ) -> TreeTensor:
        """The state at t1, truncated and orthonormal, from an orthonormal one at t0."""
        ...
