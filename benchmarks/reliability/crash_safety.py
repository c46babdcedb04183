"""Figure 8: runs killed at random moments go on bit for bit.

A run that writes a checkpoint after every step is killed (signal 9) at a moment drawn evenly
from its length, writing included, and resumed from its file; every third run is resumed in
another process, which is killed as well, before it is let go on. The final state, saved states,
observables and ranks must equal those of a run that was left alone, bit for bit.

    python benchmarks/reliability/crash_safety.py [--kills 100]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from report import report

import tensorflowlr as tlr

STEP, END = 0.02, 1.0
# one more, to land on the time of a saved state
STEPS = round(END / STEP) + 1


def run(path: Path | None) -> tlr.Solution:
    """The run; with a path it keeps a checkpoint after every step."""
    problem = tlr.problems.nearest_neighbour_ising(8)
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-7), order=2, flow=tlr.Exponential(1e-9))
    checkpoint = None if path is None else tlr.Checkpoint(path, steps=1)
    observe = dict(problem.observe) | {"entropy": tlr.observers.Entropies()}
    return tlr.integrate(problem.field, problem.start, (0.0, END), step=STEP, method=method,
                         observe=observe, save_at=[0.31, END], checkpoint=checkpoint)


def same(one: tlr.Solution, two: tlr.Solution) -> bool:
    """Whether two solutions are equal bit for bit."""
    pairs = [(one.times, two.times), *zip(one.final.cores, two.final.cores, strict=True)]
    pairs += [(one.observables[k], two.observables[k]) for k in one.observables]
    pairs += [(one.ranks[k], two.ranks[k]) for k in one.ranks]
    for a, b in zip(one.y, two.y, strict=True):
        pairs += zip(a.cores, b.cores, strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def started(path: Path) -> subprocess.Popen[bytes]:
    """A process that has just begun the run."""
    process = subprocess.Popen([sys.executable, __file__, "--run", str(path)],
                               stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def killed(path: Path, seconds: float) -> bool:
    """Kill a run after a time; whether it left a temporary file, having been about to write."""
    with started(path) as process:
        time.sleep(seconds)
        process.kill()
        process.wait()
    return any(p != path for p in path.parent.iterdir())


@dataclass(frozen=True)
class Trial:
    """What became of a run that was killed: its last kill, and what came of going on."""

    identical: bool
    kills: int
    steps: int | None
    while_writing: bool


def trial(folder: Path, reference: tlr.Solution, moments: list[float]) -> Trial:
    """A run killed after each of several times, then resumed and compared."""
    path = folder / "run.h5"
    path.unlink(missing_ok=True)
    writing = any([killed(path, seconds) for seconds in moments])
    # before its first checkpoint a run is simply started again
    steps = len(tlr.Solution.load(path).times) - 1 if path.exists() else None
    again = run(path) if steps is None else tlr.resume(path)
    leftovers = [p.name for p in folder.iterdir() if p.name != "run.h5"]
    whole = same(again, reference) and same(tlr.Solution.load(path), reference)
    return Trial(whole and not leftovers, len(moments), steps, writing)


def crashes(kills: int, seed: int = 0) -> list[Trial]:
    """Trials until so many runs have been killed."""
    draw = random.Random(seed)
    reference = run(None)
    found: list[Trial] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder / "run.h5") as process:
            begin = time.perf_counter()
            process.wait()
        length = time.perf_counter() - begin
        while (left := kills - sum(t.kills for t in found)) > 0:
            count = min(left, 2 if len(found) % 3 == 1 else 1)
            found.append(trial(folder, reference, [draw.uniform(0, length) for _ in range(count)]))
    return found


def main() -> int:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        print("begun", flush=True)
        if options.run.exists():
            tlr.resume(options.run)
        else:
            run(options.run)
        return 0
    found = crashes(options.kills)
    good, kills = sum(t.identical for t in found), sum(t.kills for t in found)
    steps = [t.steps for t in found if t.steps is not None]
    writing = sum(t.while_writing for t in found)
    print("| runs | kills | bit-identical | while a file was being written | "
          "before the first checkpoint | steps in the file |")
    print("|---|---|---|---|---|---|")
    print(f"| {len(found)} | {kills} | {good} | {writing} | {len(found) - len(steps)} | "
          f"{min(steps, default=0)} … {max(steps, default=0)} of {STEPS} |\n")
    return report(
        "crash_safety", 8, bound=len(found), value=good, ok=good == len(found),
        counts={"runs": len(found), "kills": kills, "killed_while_writing": writing,
                "before_first_checkpoint": len(found) - len(steps),
                "different_moments": len(set(steps))},
    )


if __name__ == "__main__":
    sys.exit(main())
