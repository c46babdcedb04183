"""What one step of a method takes and gives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tensorflowlr.fields.environment import Environment, Field
from tensorflowlr.integrators.workers import solve_all
from tensorflowlr.moves.flows import Flow
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

    def solve_all(
        self, flow: Flow, environment: Environment, starts: Mapping[int, Any], t0: float, t1: float
    ) -> dict[int, Any]:
        """The evolved centres of many nodes whose flows are independent of each other."""
        ends, calls = solve_all(flow, environment, starts, t0, t1, self.executor)
        self.evaluations += calls
        return ends


@dataclass(frozen=True)
class StepInfo:
    """One accepted step: its end time, the state there, its size, and the counts until then."""

    t: float
    y: TreeTensor
    h: float
    record: Record


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
