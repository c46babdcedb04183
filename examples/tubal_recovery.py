"""Pictures from what is left of them: missing entries, wrong entries, and few measurements.

The hyperspectral cube is by Baumgardner, Biehl and Landgrebe (2015), doi:10.4231/R7RX991C,
CC BY 3.0; TensorLy brings it along.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import griddata
from scipy.ndimage import median_filter
from skimage import data
from tensorly.datasets import load_indian_pines

from tensorflowlr import tubal
from tensorflowlr.tubal import sensing

KNOWN, FEW, WRONG, BLOCK = 0.5, 0.2, 0.1, 16
SIDE, STEP, SHOWN = 96, 5, 6


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """The peak signal-to-noise ratio in decibels, for values from 0 to 1."""
    return float(-10.0 * np.log10(np.mean((np.clip(made, 0.0, 1.0) - truth) ** 2)))


def completion(rng: np.random.Generator) -> list[np.ndarray]:
    """A colour image, with half of its numbers missing, and completed."""
    image = data.chelsea()[:288:2, :448:2] / 255.0
    known = rng.random(image.shape) < KNOWN
    return [image, np.where(known, image, 0.0), tubal.t_completion(image, known)]


def bands() -> np.ndarray:
    """The Indian Pines scene of AVIRIS, values from 0 to 1: shape (rows, bands, columns).

    Neighbouring bands differ by little else than a factor per ground cover, so that the
    faces, one per frequency along the columns, are close to matrices of low rank.
    """
    cube = np.asarray(load_indian_pines().tensor)[:SIDE, :SIDE, ::STEP].swapaxes(1, 2)
    return (cube - cube.min()) / (cube.max() - cube.min())


def interpolated(cube: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Every band by itself, linearly between its known pixels, by the nearest outside."""
    made = np.empty_like(cube)
    everywhere = np.indices((SIDE, SIDE)).transpose(1, 2, 0)
    for band in range(cube.shape[1]):
        samples = np.argwhere(known[:, band]), cube[:, band][known[:, band]]
        linear, nearest = (griddata(*samples, everywhere, m) for m in ("linear", "nearest"))
        made[:, band] = np.where(np.isnan(linear), nearest, linear)
    return made


def spectra(rng: np.random.Generator) -> list[np.ndarray]:
    """A hyperspectral cube of which a fifth is known, completed, and interpolated."""
    cube = bands()
    known = rng.random(cube.shape) < FEW
    made = tubal.t_completion(cube, known, tol=1e-3)
    return [cube, np.where(known, cube, 0.0), made, interpolated(cube, known)]


def robust(rng: np.random.Generator) -> list[np.ndarray]:
    """The same cube with dark or saturated entries, without them, and median-filtered."""
    cube = bands()
    seen = np.where(rng.random(cube.shape) < WRONG, rng.integers(0, 2, cube.shape), cube)
    return [cube, seen, tubal.t_robust_pca(seen, tol=1e-3)[0], median_filter(seen, (3, 1, 3))]


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


def main(output: Path) -> list[list[float]]:
    """Draw tubal_recovery.png; return decibels of the four: before, after, band by band."""
    found = []
    figure = Figure(figsize=(9.0, 10.4), layout="constrained")
    for name, task, panels in zip(
            ("half of the numbers", "a fifth of 40 bands", "a tenth of them wrong",
             "half of a block, by descent"),
            (completion, spectra, robust, descent), figure.subplots(4, 3), strict=True):
        truth, *others = task(np.random.default_rng(0))
        found.append([psnr(x, truth) for x in others])
        before, after, *alone = found[-1]
        print(f"{name}: {before:.1f} dB, recovered {after:.1f} dB",
              *(f"each band by itself {value:.1f} dB" for value in alone), sep=", ")
        spectral = task in (spectra, robust)
        # a band fills only part of the range of the cube
        low, high = np.quantile(truth[:, SHOWN], (0.01, 0.99)) if spectral else (0.0, 1.0)
        for panel, x, title in zip(panels, (truth, *others[:2]), (
                "truth", f"{name}, {before:.1f} dB", f"recovered, {after:.1f} dB"), strict=True):
            panel.imshow(x[:, SHOWN] if spectral else np.clip(x, 0.0, 1.0),
                         cmap="gray", vmin=low, vmax=high)
            panel.set_title(title, fontsize=10)
            panel.set_axis_off()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "tubal_recovery.png", dpi=80)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
