"""An ensemble: the same quench for many strengths of the field."""

import argparse
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tensorflowlr as tlr

SPINS = 8
FIELDS = tuple(np.linspace(0.25, 2.0, 8).tolist())


def quench(field: float) -> tlr.problems.Problem:
    """What one member runs; in a module, so that other processes find it."""
    return tlr.problems.nearest_neighbour_ising(SPINS, field=field, span=(0.0, 3.0))


def main(output: Path, executor: Executor | None = None) -> np.ndarray:
    """Draw field_ensemble.png; return the magnetisation at the end for every field."""
    ensemble = tlr.integrate_ensemble(
        quench, FIELDS, step=0.05, executor=executor,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6), order=2, flow=tlr.Exponential(1e-9)),
    )
    print(ensemble)
    magnetisation = ensemble.observable("magnetisation")
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    image = axes.pcolormesh(
        ensemble.times, FIELDS, magnetisation, cmap="RdBu_r", vmin=-1.0, vmax=1.0,
        shading="nearest",
    )
    figure.colorbar(image, label="magnetisation")
    axes.set(xlabel="time", ylabel="field")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "field_ensemble.png", dpi=120)
    return magnetisation[:, -1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    with ProcessPoolExecutor(2) as workers:
        main(parser.parse_args().output, workers)
