"""A function of four variables, compressed: error and memory at every tolerance."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tensorflowlr as tlr

POINTS = 24
TOLERANCES = [10.0**-k for k in range(1, 12)]


def samples() -> np.ndarray:
    """1 / (1 + x + y + z + w) on a grid of the unit cube."""
    x = np.linspace(0.0, 1.0, POINTS)
    return 1.0 / (1.0 + sum(np.meshgrid(x, x, x, x, indexing="ij")))


def main(output: Path) -> np.ndarray:
    """Draw compress_function.png; return the relative error at every tolerance."""
    x = samples()
    size = np.linalg.norm(x)
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    trees = {"balanced": tlr.Tree.balanced(4), "train": tlr.Tree.train(4),
             "Tucker": tlr.Tree.tucker(4)}
    for name, tree in trees.items():
        errors, bytes_ = [], []
        # once from the samples; every further tolerance by rounding what is there
        Y = tlr.TreeTensor.from_dense(x, tree, tlr.Truncation(rtol=1e-14))
        for tolerance in TOLERANCES:
            rounded = Y.round(tlr.Truncation(rtol=tolerance))
            errors.append(np.linalg.norm(rounded.to_dense() - x) / size)
            bytes_.append(rounded.nbytes / x.nbytes)
        left.loglog(TOLERANCES, errors, "o-", label=name)
        right.loglog(TOLERANCES, bytes_, "o-", label=name)
    left.loglog(TOLERANCES, TOLERANCES, "k:", label="tolerance")
    left.set(xlabel="rtol", title="relative error")
    right.set(xlabel="rtol", title="memory, as a share of the samples")
    left.legend()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "compress_function.png", dpi=120)
    return np.array(errors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
