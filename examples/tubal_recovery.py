"""Pictures from what is left of them: missing pixels, wrong pixels, and few measurements."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from skimage import data

from tensorflowlr import tubal
from tensorflowlr.tubal import sensing

KNOWN, WRONG, FRAMES, BLOCK = 0.5, 0.1, 20, 16


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """The peak signal-to-noise ratio in decibels, for values from 0 to 1."""
    return float(-10.0 * np.log10(np.mean((np.clip(made, 0.0, 1.0) - truth) ** 2)))


def completion(rng: np.random.Generator) -> list[np.ndarray]:
    """A colour image, with half of its numbers missing, and completed."""
    image = data.chelsea()[:288:2, :448:2] / 255.0
    known = rng.random(image.shape) < KNOWN
    return [image, np.where(known, image, 0.0), tubal.t_completion(image, known)]


def robust(rng: np.random.Generator) -> list[np.ndarray]:
    """A camera that pans over a table, with wrong pixels, and without them.

    Shape (rows, frames, columns): a pan shifts frames along the tubes, which is a product
    with a tube; only what enters and leaves at the edges adds to the tubal rank.
    """
    table = data.coffee()[::3, ::3].mean(axis=2) / 255.0
    cube = np.stack([table[:, 2 * t : 2 * t + 128] for t in range(FRAMES)], axis=1)
    seen = np.where(rng.random(cube.shape) < WRONG, rng.integers(0, 2, cube.shape), cube)
    return [cube, seen, tubal.t_robust_pca(seen)[0]]


def descent(rng: np.random.Generator) -> list[np.ndarray]:
    """A block of the image from some of its numbers, by gradient descent on U * Uᵀ.

    The block B is a corner of a positive tensor, [[P, B], [Bᵀ, Q]] with P = (B * Bᵀ)^½ and
    Q = (Bᵀ * B)^½; only numbers of that corner are measured.
    """
    n = BLOCK
    block = data.chelsea()[100 : 100 + 4 * n : 4, 120 : 120 + 4 * n : 4] / 255.0
    turned = tubal.t_transpose(block)
    P, Q = (tubal.t_sqrt(tubal.t_product(*pair)) for pair in ((block, turned), (turned, block)))
    X = np.concatenate([np.concatenate([P, block], axis=1),
                        np.concatenate([turned, Q], axis=1)])
    corner = np.zeros(X.shape, bool)
    corner[:n, n:] = rng.random(block.shape) < KNOWN
    A = sensing.EntrySamples(np.flatnonzero(corner)[None], 2 * n, 3)
    start = 1e-3 * rng.standard_normal((1, 2 * n, 2 * n, 3))
    rate = 0.2 / tubal.t_norm(X, "spectral")
    trace = sensing.gradient_descent(A, X[None], [start], rank=1, rate=rate, iterations=2000)
    U = trace.factors[0, 0]
    made = tubal.t_product(U, tubal.t_transpose(U))[:n, n:]
    return [block, np.where(corner[:n, n:], block, 0.0), made]


def main(output: Path) -> list[tuple[float, float]]:
    """Draw tubal_recovery.png; return decibels before and after of the three."""
    rng = np.random.default_rng(0)
    found = []
    figure = Figure(figsize=(9.0, 6.6), layout="constrained")
    rows = figure.subplots(3, 3)
    for name, task, panels in (("half of the numbers", completion, rows[0]),
                               ("a pan with wrong pixels", robust, rows[1]),
                               ("half of a block, by descent", descent, rows[2])):
        truth, seen, made = task(rng)
        found.append((psnr(seen, truth), psnr(made, truth)))
        print(f"{name}: {found[-1][0]:.1f} dB, recovered {found[-1][1]:.1f} dB")
        for panel, x, title in zip(panels, (truth, seen, made), (
                "truth", f"{name}, {found[-1][0]:.1f} dB", f"recovered, {found[-1][1]:.1f} dB"),
                strict=True):
            shown = x[:, FRAMES // 2] if task is robust else x
            panel.imshow(np.clip(shown, 0.0, 1.0), cmap="gray", vmin=0.0, vmax=1.0)
            panel.set_title(title, fontsize=10)
            panel.set_axis_off()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "tubal_recovery.png", dpi=80)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
