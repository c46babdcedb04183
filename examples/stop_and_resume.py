"""A run that is interrupted goes on from its file as if nothing had happened."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tensorflowlr as tlr


def main(output: Path) -> float:
    """Draw stop_and_resume.png; return the largest difference to a run without a stop."""
    problem = tlr.problems.nearest_neighbour_ising(8, span=(0.0, 3.0))
    run = {"step": 0.05, "method": tlr.AugmentedBUG(tlr.Truncation(atol=1e-8), order=2)}

    def interrupt(t: float, Y: tlr.TreeTensor) -> float:
        if t > 1.2:
            raise KeyboardInterrupt  # as Ctrl-C, or a scheduler's SIGTERM to the command line
        return t

    output.mkdir(parents=True, exist_ok=True)
    file = output / "stop_and_resume.h5"
    observe = problem.observe | {"clock": interrupt}
    stopped = tlr.integrate(
        problem.field, problem.start, problem.span, observe=observe,
        checkpoint=tlr.Checkpoint(file, steps=10), **run,
    )
    print(stopped.status, "-", stopped.message)
    # the file holds the problem, the method and their observers, but no function of ours
    resumed = tlr.resume(file, observe={"clock": lambda t, Y: t})
    print(resumed.status, "-", resumed.message)
    whole = tlr.integrate(
        problem.field, problem.start, problem.span, observe=problem.observe, **run
    )
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(whole.times, whole.observables["magnetisation"], "k:", lw=3, label="without a stop")
    axes.plot(resumed.times, resumed.observables["magnetisation"], label="resumed")
    axes.axvline(stopped.times[-1], color="C3", label="interrupted here")
    axes.set(xlabel="time", ylabel="magnetisation")
    axes.legend()
    figure.savefig(output / "stop_and_resume.png", dpi=120)
    return max(
        float(np.abs(a - b).max())
        for a, b in zip(resumed.final.cores, whole.final.cores, strict=True)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
