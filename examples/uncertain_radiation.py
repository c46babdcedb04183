"""Radiation in a slab with uncertain scattering: expectation and standard deviation."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tensorflowlr as tlr

CELLS, MOMENTS, POINTS = 81, 16, 8


def main(output: Path) -> np.ndarray:
    """Draw uncertain_radiation.png; return expectation and standard deviation of the density."""
    # space × angle × two random parameters; scattering is 5 + 4 ξ + η
    problem = tlr.problems.radiation_slab(
        CELLS, MOMENTS, points=POINTS, half_width=2.0, width=0.15, span=(0.0, 1.0)
    )
    solution = tlr.integrate(
        problem.field, problem.start, problem.span, step=0.02, observe=problem.observe,
        method=tlr.AugmentedBUG(tlr.Truncation(rtol=1e-6)),
    )
    print(solution)
    expected = solution.observables["expectation"][-1]
    deviation = np.sqrt(solution.observables["variance"][-1])
    x = np.linspace(-2.0, 2.0, CELLS)
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.fill_between(x, expected - deviation, expected + deviation, alpha=0.3, linewidth=0.0)
    left.plot(x, expected)
    left.set(xlabel="space", title="density at t = 1: expectation ± standard deviation")
    for edge, ranks in solution.ranks.items():
        names = ["space", "angle", "ξ", "η"]
        below = solution.final.tree.leaves_below[edge]
        right.plot(solution.times, ranks, label=", ".join(names[mode] for mode in below))
    right.set(xlabel="time", title="ranks")
    right.legend(loc="center right", fontsize="small")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "uncertain_radiation.png", dpi=120)
    return np.stack([expected, deviation])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
