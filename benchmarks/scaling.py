"""What many workers would gain on a large tree: one step, simulated from measured costs.

The cost of every move at each kind of node (leaf, inner, root) is measured once, on arrays of
the sizes that a balanced tree of 256 leaves at rank 100 has, and so is the cost of sending
arrays to another process. A list scheduler then places one step of each method on 1 to 512
workers, with the dependencies of the moves:

- "flows": the flows of the nodes go to workers, the rest is done in one place, as
  ``executor=`` does;
- "all moves": every node's share of every move is a task of its own.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/scaling.py
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tensorflowlr as tlr
from tensorflowlr.arrays import adjoint, multiply, pad, qr, svd, unfold
from tensorflowlr.fields.linear_local import InnerPart, LeafPart, LinearLocal
from tensorflowlr.integrators.workers import solve
from tensorflowlr.moves.augment import augment
from tensorflowlr.operators import blocks
from tensorflowlr.operators.leaf import LeafMatrices

WORKERS = (1, 8, 64, 512)


@dataclass
class Task:
    """A node's share of a move."""

    name: str
    seconds: float
    after: list[int] = field(default_factory=list)
    bytes: float = 0.0
    # whether it can only run in the first place
    here: bool = False


def seconds(function: Callable[[], Any], repeats: int = 3) -> float:
    """The best of several timings, in seconds of one core."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex normal numbers of norm about one."""
    made = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return made / np.sqrt(2.0 * made.size)


def measured(points: int, rank: int, bond: int) -> dict[str, dict[str, float]]:
    """CPU seconds of every move at a leaf, an inner node and the root."""
    rng = np.random.default_rng(0)
    r, wide = rank, 2 * rank
    flow = tlr.RungeKutta4()
    leaf, matrix = random(rng, points, r), random(rng, r, r)
    core, grown = random(rng, r, r, r), random(rng, wide, wide, r)
    doubled = random(rng, wide, wide, wide)
    operator, top = random(rng, bond, bond, bond), random(rng, bond, bond)
    block = random(rng, bond, r, r)
    block_up = random(rng, bond, wide, wide)
    matrices = LeafMatrices([rng.random(points) for _ in range(bond)], leaf)
    basis, _ = qr(unfold(core, 2))
    basis = basis.reshape(r, r, r)
    leaf_basis, _ = qr(leaf)

    def flows(part: InnerPart | LeafPart, start: np.ndarray) -> float:
        local = LinearLocal([part], [-1j])
        return seconds(lambda: solve(flow, local, 0.0, 0.01, start))

    def up(ket: np.ndarray, below: np.ndarray) -> float:
        return seconds(lambda: blocks.upward(ket, ket, operator, (below, below)))

    def truncation(whole: np.ndarray) -> float:
        def work() -> None:
            rows = unfold(whole, whole.ndim - 1)
            _, triangle = qr(rows)
            vectors, _, _ = svd(triangle)
            made = multiply(whole, adjoint(vectors[:, :r]), whole.ndim - 1)
            for axis in range(whole.ndim - 1):
                made = multiply(made, adjoint(vectors[:, :r]), axis)

        return seconds(work, 1)

    root = random(rng, r, r, 1)
    leaf_up = matrices.apply
    return {
        "frame": {
            "leaf": seconds(lambda: leaf @ matrix),
            "inner": seconds(lambda: (qr(unfold(core, 0)), multiply(core, matrix, 2))),
            "root": seconds(lambda: qr(unfold(root, 0))),
        },
        "blocks": {
            "leaf": seconds(lambda: adjoint(leaf) @ leaf_up(leaf)),
            "inner": up(core, block)
            + seconds(lambda: blocks.downward(core, operator, (block,), 0, block)),
            "root": seconds(lambda: blocks.downward(root, top, (block,), 0, None)),
        },
        "flow": {
            "leaf": flows(LeafPart(matrices, block), leaf),
            "inner": flows(InnerPart((r, r, r), operator, (block, block), block), core),
            "root": flows(InnerPart((r, r, 1), top, (block, block), None), root),
        },
        # the augmented method solves in its children's wider bases, and renews their blocks
        "wide flow": {
            "leaf": flows(LeafPart(matrices, block), leaf)
            + seconds(lambda: adjoint(leaf) @ leaf_up(leaf)),
            "inner": flows(InnerPart((wide, wide, r), operator, (block_up, block_up), block),
                           grown) + up(doubled, block_up),
            "root": flows(InnerPart((wide, wide, 1), top, (block_up, block_up), None),
                          random(rng, wide, wide, 1)),
        },
        "augment": {
            "leaf": seconds(lambda: augment(leaf_basis, leaf), 1),
            "inner": seconds(lambda: augment(pad(basis, grown.shape), grown), 1),
            "root": 0.0,
        },
        "assemble": {
            "leaf": 0.0,
            "inner": seconds(lambda: (pad(core, grown.shape), multiply(core, matrix, 0),
                                      multiply(core, matrix, 1))),
            "root": 0.0,
        },
        "truncate": {
            "leaf": truncation(random(rng, points, min(wide, points))),
            "inner": truncation(doubled),
            "root": truncation(random(rng, wide, wide)),
        },
    }


def echo(array: np.ndarray) -> int:
    """What a worker does with an array when only sending is measured."""
    return array.size


def shipping() -> tuple[float, float]:
    """Seconds per message, and bytes per second, to another process."""
    small, large = np.zeros(8), np.zeros(4_000_000)
    with ProcessPoolExecutor(1) as pool:
        pool.submit(echo, small).result()

        def send(array: np.ndarray) -> float:
            best = float("inf")
            for _ in range(5):
                start = time.perf_counter()
                pool.submit(echo, array).result()
                best = min(best, time.perf_counter() - start)
            return best

        latency = send(small)
        return latency, large.nbytes / max(send(large) - latency, 1e-9)


def graph(
    tree: tlr.Tree, cost: dict[str, dict[str, float]], sizes: dict[str, float], method: str,
    spread: bool,
) -> list[Task]:
    """The tasks of one step, each after those that it needs; `spread`: all moves on workers."""
    tasks: list[Task] = []

    def add(move: str, node: int, after: Sequence[int], here: bool | None = None) -> int:
        kind = "leaf" if tree.is_leaf(node) else "root" if node == tree.root else "inner"
        moved = sizes[kind] * (4.0 if move in ("truncate", "augment", "wide flow") else 1.0)
        tasks.append(Task(f"{move}, {kind}", cost[move][kind], list(after), moved,
                          not spread if here is None else here))
        return len(tasks) - 1

    frame: dict[int, int] = {}
    for node in (*tree.downward, *range(tree.modes)):
        parent = tree.parent[node]
        frame[node] = add("frame", node, [frame[parent]] if parent >= 0 else [])
    up: dict[int, int] = {}
    for node in tree.nodes:
        up[node] = add("blocks", node, [frame[node], *(up[c] for c in tree.children[node])])
    last: dict[int, int] = {}
    if method == "parallel":
        # a node's flow waits for the blocks above it, which end with the root's
        flow = {n: add("flow", n, [up[n], up[tree.root]], False) for n in tree.nodes}
        for node in tree.nodes:
            below = [last[c] for c in tree.children[node]]
            joined = add("assemble", node, [flow[node], *below])
            last[node] = add("augment", node, [joined])
    else:
        for node in tree.nodes:
            below = [last[c] for c in tree.children[node]]
            flow_task = add("wide flow", node, [up[node], up[tree.root], *below], False)
            last[node] = add("augment", node, [flow_task])
    done: dict[int, int] = {}
    for node in (*tree.downward, *range(tree.modes)):
        parent = tree.parent[node]
        before = [done[parent]] if parent >= 0 else [last[tree.root]]
        done[node] = add("truncate", node, [*before, last[node]])
    return tasks


def scheduled(tasks: Sequence[Task], workers: int, latency: float, rate: float) -> float:
    """Seconds of all tasks on a number of workers, the longest way to the end first."""
    after: list[list[int]] = [[] for _ in tasks]
    waiting = [len(t.after) for t in tasks]
    for i, task in enumerate(tasks):
        for j in task.after:
            after[j].append(i)
    rank = ways(tasks)
    ready = [(-rank[i], i) for i, n in enumerate(waiting) if n == 0]
    heapq.heapify(ready)
    # worker 0 is where the run was started; what stays there need not travel
    free = [(0.0, w) for w in range(1, workers)]
    home = 0.0
    running: list[tuple[float, int, int]] = []
    now = 0.0
    while ready or running:
        later = []
        while ready:
            key, i = heapq.heappop(ready)
            task = tasks[i]
            sent = latency + task.bytes / rate
            if task.here or workers == 1:
                home = max(home, now) + task.seconds
                heapq.heappush(running, (home, i, 0))
            elif free:
                _, w = heapq.heappop(free)
                heapq.heappush(running, (now + sent + task.seconds, i, w))
            elif home <= now and not any(w == 0 for _, _, w in running):
                home = now + task.seconds
                heapq.heappush(running, (home, i, 0))
            else:
                later.append((key, i))
        ready = later
        heapq.heapify(ready)
        now, i, w = heapq.heappop(running)
        if w:
            heapq.heappush(free, (now, w))
        for j in after[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, (-rank[j], j))
    return now


def ways(tasks: Sequence[Task]) -> list[float]:
    """The longest way from each task to the end, in seconds."""
    longest = [task.seconds for task in tasks]
    for i in reversed(range(len(tasks))):
        for j in tasks[i].after:
            longest[j] = max(longest[j], tasks[j].seconds + longest[i])
    return longest


def critical_path(tasks: Sequence[Task]) -> tuple[float, dict[str, float]]:
    """The longest way through all tasks, and which moves it consists of."""
    rank = ways(tasks)
    after: list[list[int]] = [[] for _ in tasks]
    for i, task in enumerate(tasks):
        for j in task.after:
            after[j].append(i)
    i = max(range(len(tasks)), key=lambda k: rank[k])
    total, parts = rank[i], dict[str, float]()
    while True:
        name = tasks[i].name
        parts[name] = parts.get(name, 0.0) + tasks[i].seconds
        if not after[i]:
            return total, parts
        i = max(after[i], key=lambda k: rank[k])


def main() -> None:
    """Measure, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leaves", type=int, default=256)
    parser.add_argument("--rank", type=int, default=100)
    parser.add_argument("--points", type=int, default=200, help="points of each mode")
    parser.add_argument("--bond", type=int, default=4, help="bonds of the operator")
    options = parser.parse_args()
    tree, r = tlr.Tree.balanced(options.leaves), options.rank
    cost = measured(options.points, r, options.bond)
    latency, rate = shipping()
    blocks_size = 3 * options.bond * r * r
    sizes = {kind: 16.0 * (2 * n + blocks_size) for kind, n in
             (("leaf", options.points * r), ("inner", r**3), ("root", r * r))}
    print(f"{options.leaves} leaves of {options.points} points, rank {r}, bonds {options.bond}, "
          f"complex; a message costs {latency * 1e3:.2f} ms and {rate / 1e9:.2f} GB/s\n")
    print("CPU seconds of a node   " + "".join(f"{k:>10}" for k in ("leaf", "inner", "root")))
    for move, kinds in cost.items():
        print(f"{move:<24}" + "".join(f"{kinds[k]:10.4f}" for k in ("leaf", "inner", "root")))
    result: dict[str, Any] = {"benchmark": "scaling", **vars(options)}
    for method in ("parallel", "augmented"):
        for spread in (False, True):
            what = "all moves" if spread else "flows"
            tasks = graph(tree, cost, sizes, method, spread)
            times = [scheduled(tasks, w, latency, rate) for w in WORKERS]
            print(f"\n{method}, {what} on workers")
            for w, t in zip(WORKERS, times, strict=True):
                print(f"  {w:4d} workers  {t:9.2f} s a step   {times[0] / t:7.1f} times faster")
            length, parts = critical_path(tasks)
            shares = sorted(parts.items(), key=lambda item: -item[1])[:3]
            print(f"  critical path {length:.2f} s: " + ", ".join(
                f"{name} {share:.2f} s" for name, share in shares))
            result[f"{method}, {what}"] = {
                "seconds": [round(t, 3) for t in times], "critical_path": round(length, 3)}
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
