"""The Allen-Cahn equation on a square: a matrix equation given as a function of its factors."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tensorflowlr as tlr

POINTS, EPSILON = 48, 0.01
RULE = tlr.Truncation(rtol=1e-5)


def start(x: np.ndarray) -> np.ndarray:
    """Waves that separate into two phases."""
    return 0.5 * np.outer(np.sin(x), np.sin(x)) + 0.2 * np.outer(np.sin(2 * x), np.cos(3 * x))


def main(output: Path) -> float:
    """Draw allen_cahn.png; return the mean of u² at the end."""
    # u' = ε Δu + u - u³, periodic, by second differences
    x = 2.0 * np.pi * np.arange(POINTS) / POINTS
    second = np.roll(np.eye(POINTS), 1, 0) + np.roll(np.eye(POINTS), -1, 0) - 2.0 * np.eye(POINTS)
    second *= EPSILON / x[1] ** 2
    tree = tlr.Tree.matrix()
    linear = tlr.TreeOperator.from_terms(
        [(1.0, {0: second}), (1.0, {1: second}), (1.0, {})], tree, (POINTS, POINTS)
    )

    def slope(t: float, u: tlr.TreeTensor) -> tlr.TreeTensor:
        square = (u * u).round(RULE)
        return linear @ u - (square * u).round(RULE)

    solution = tlr.integrate(
        tlr.FactoredField(slope), tlr.LowRankMatrix.from_dense(start(x), rule=RULE), (0.0, 6.0),
        step=0.1, method=tlr.AugmentedBUG(RULE, order=2), save_at=[0.0, 2.0, 6.0],
    )
    print(solution)
    figure = Figure(figsize=(10.0, 3.0), layout="constrained")
    *pictures, last = figure.subplots(1, 4)
    for axes, t, u in zip(pictures, solution.t, solution.y, strict=True):
        image = axes.imshow(u.to_dense(), vmin=-1.0, vmax=1.0, cmap="RdBu_r")
        axes.set(title=f"t = {t:g}", xticks=[], yticks=[])
    figure.colorbar(image, ax=pictures, shrink=0.8)
    last.plot(solution.times, solution.max_ranks)
    last.set(title="rank", xlabel="time", ylim=(0, None))
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "allen_cahn.png", dpi=120)
    return float(solution.final.norm() ** 2 / POINTS**2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
