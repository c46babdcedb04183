"""Flows of one step solved side by side, on whatever executor the user brings.

A flow that costs less than a millisecond or so stays where it is, stacked with its equals.
A longer one is a task of its own, with all arrays in C order, whether it travels or not:
the result is the same bit for bit.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from tensorflowlr.arrays import Array, contiguous, namespace, quiet
from tensorflowlr.fields.environment import Environment
from tensorflowlr.moves.flows import Flow, Local

# about a millisecond of small matrix products on one core
THRESHOLD = 5e6
# of leaf matrices, a worker keeps those of this many nodes
KEPT = 256

_kept: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()


def solve(flow: Flow, local: Local, t0: float, t1: float, start: Array) -> tuple[Array, int]:
    """One flow, and how often it asked for the derivative."""
    counted = _Counted(local)
    # overflows are looked for in the result; threads have their own settings
    with quiet():
        end = flow(counted, t0, t1, start)
    shape = getattr(end, "shape", type(end).__name__)
    if shape != start.shape:
        raise ValueError(f"flow must return an array of shape {tuple(start.shape)}, not {shape}")
    return end, counted.calls


def solve_there(
    flow: Flow, local: Any, token: str | None, luggage: Any, t0: float, t1: float, start: Array
) -> tuple[Array, int] | None:
    """`solve` on a worker; None where it does not know the luggage of that token yet."""
    if token is not None:
        with _lock:
            if luggage is None:
                luggage = _kept.get(token)
            if luggage is None:
                return None
            _kept[token] = luggage
            _kept.move_to_end(token)
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        local = local.with_luggage(luggage)
    end, calls = solve(flow, local, t0, t1, start)
    return contiguous(end), calls


def solve_all(
    flow: Flow,
    environment: Environment,
    starts: Mapping[int, Array],
    t0: float,
    t1: float,
    executor: Any,
) -> tuple[dict[int, Array], int]:
    """The flows of many nodes, and how often they asked for derivatives in all.

    Raises
    ------
    RuntimeError
        If the executor broke.
    """
    evaluations = getattr(flow, "evaluations", 10)
    cost = {node: environment.flops(node) * evaluations for node in starts}
    large = [node for node in sorted(starts, key=lambda n: -cost[n]) if cost[node] >= THRESHOLD]
    ends: dict[int, Array] = {}
    calls = 0
    away: dict[int, _Errand] = {}
    for node in large:
        local, start = environment.local(node).settled(), contiguous(starts[node])
        if executor is not None and len(large) > 1 and local.portable:
            away[node] = _Errand(executor, flow, local, t0, t1, start)
        else:
            end, count = solve(flow, local, t0, t1, start)
            ends[node], calls = contiguous(end), calls + count
    try:
        for nodes, local in environment.groups([n for n in starts if cost[n] < THRESHOLD]):
            if len(nodes) == 1:
                ends[nodes[0]], count = solve(flow, local, t0, t1, starts[nodes[0]])
                calls += count
                continue
            stacked = namespace(starts[nodes[0]]).stack([starts[node] for node in nodes])
            made, count = solve(flow, local, t0, t1, stacked)
            calls += count
            for i, node in enumerate(nodes):
                ends[node] = made[i, ...]
        for node, errand in away.items():
            ends[node], count = errand.result()
            calls += count
    except BaseException:
        for errand in away.values():
            errand.future.cancel()
        raise
    return ends, calls


class _Errand:
    """One flow sent to an executor; leaf matrices follow where the worker asks for them."""

    def __init__(
        self, executor: Any, flow: Flow, local: Any, t0: float, t1: float, start: Array
    ) -> None:
        self.executor = executor
        self.luggage = local.luggage
        self.token = None if self.luggage is None else "+".join(m.token for m in self.luggage)
        light = local if self.luggage is None else local.with_luggage(None)
        self.what = flow, light, self.token
        self.when = t0, t1, start
        self.future = self._send(None)

    def _send(self, luggage: Any) -> Future[Any]:
        try:
            return self.executor.submit(solve_there, *self.what, luggage, *self.when)
        except RuntimeError as error:
            raise RuntimeError(f"executor takes no more tasks: {error}") from error

    def result(self) -> tuple[Array, int]:
        try:
            found = self.future.result()
            if found is None:
                self.future = self._send(self.luggage)
                found = self.future.result()
        except BrokenExecutor as error:
            raise RuntimeError(f"executor broke: {error}") from error
        return found


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
