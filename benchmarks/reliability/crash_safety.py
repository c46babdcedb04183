"""Figure 8: runs killed at random moments go on bit for bit.

A run that writes a checkpoint after every step is killed (signal 9) at a moment drawn evenly
from its length, writing included, and resumed from its file. The final state, all observables
and ranks must equal those of a run that was left alone.

    python benchmarks/reliability/crash_safety.py [--kills 100]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from report import report

import tensorflowlr as tlr

STEP, END = 0.02, 1.0


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


def killed(path: Path, seconds: float) -> int | None:
    """Kill a run after a time; how many steps its file has, None where there is none."""
    with started(path) as process:
        time.sleep(seconds)
        process.kill()
        process.wait()
    return len(tlr.Solution.load(path).times) - 1 if path.exists() else None


def trial(folder: Path, reference: tlr.Solution, seconds: float) -> tuple[bool, int | None]:
    """Whether a run killed after a time, and resumed, is bit-identical; and how far it was."""
    path = folder / "run.h5"
    path.unlink(missing_ok=True)
    steps = killed(path, seconds)
    # before its first checkpoint a run is simply started again
    again = run(path) if steps is None else tlr.resume(path)
    leftovers = [p.name for p in folder.iterdir() if p.name != "run.h5"]
    whole = same(again, reference) and same(tlr.Solution.load(path), reference)
    return whole and not leftovers, steps


def crashes(kills: int, seed: int = 0) -> list[tuple[bool, int | None]]:
    """Many trials."""
    draw = random.Random(seed)
    reference = run(None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder / "run.h5") as process:
            begin = time.perf_counter()
            process.wait()
        length = time.perf_counter() - begin
        return [trial(folder, reference, draw.uniform(0.0, length)) for _ in range(kills)]


def main() -> int:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        print("begun", flush=True)
        run(options.run)
        return 0
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        assert os.environ.get(name) == "1", f"set {name}=1"
    found = crashes(options.kills)
    good = sum(same for same, _ in found)
    steps = [n for _, n in found if n is not None]
    total = round(END / STEP) + 1
    print(f"{good} of {len(found)} bit-identical; killed after {min(steps, default=0)} … "
          f"{max(steps, default=0)} of {total} steps, {len(found) - len(steps)} before the first "
          "checkpoint")
    return report(8, "crash safety", good == len(found), bound="all bit-identical",
                  kills=len(found), identical=good, before_first_checkpoint=len(found) - len(steps),
                  different_moments=len(set(steps)))


if __name__ == "__main__":
    sys.exit(main())
