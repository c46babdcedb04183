"""A mixture of Gaussians by moments: three cultivars of wine from thirteen measurements."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

import tensorflowlr as tlr

CLUSTERS, DIMENSIONS, SCALE = 3, 4, 3.0


def points() -> tuple[np.ndarray, float, np.ndarray]:
    """The leading principal components, the variance within clusters, and the cultivars."""
    samples, cultivars = load_wine(return_X_y=True)
    samples = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    variances, axes = np.linalg.eigh(samples.T @ samples / len(samples))
    # three centres span two directions: what is seen in the others is noise
    noise = variances[: -(CLUSTERS - 1)].mean()
    return samples @ axes[:, ::-1][:, :DIMENSIONS], noise, cultivars


def mixture(x: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and centres from the third moments of (s, x), s constant, without the noise."""
    lifted = np.hstack([np.full((len(x), 1), SCALE), x])
    covariance = np.diag([0.0] + [noise] * x.shape[1])
    moments = tlr.MomentTensor(lifted, 3, noise=covariance)
    cp = tlr.subspace_power_method(moments, CLUSTERS, rng=0)
    # each term is π (s, μ)^{⊗3}: its first entry gives the length
    heads = cp.factors[0] / SCALE
    return cp.weights * heads**3, (cp.factors[1:] / heads).T


def assigned(x: np.ndarray, weights: np.ndarray, centres: np.ndarray, noise: float) -> np.ndarray:
    """The most likely cluster of every point."""
    distances = ((x[:, None, :] - centres) ** 2).sum(axis=2)
    return np.argmax(np.log(weights) - distances / (2.0 * noise), axis=1)


def main(output: Path) -> dict[str, np.ndarray | float]:
    """Draw gaussian_mixture.png; return weights, centres and agreement with the cultivars."""
    x, noise, cultivars = points()
    weights, centres = mixture(x, noise)
    ours = assigned(x, weights, centres, noise)
    peer = GaussianMixture(CLUSTERS, covariance_type="spherical", n_init=5, random_state=0).fit(x)
    theirs = peer.predict(x)
    scores = [float(adjusted_rand_score(cultivars, found)) for found in (ours, theirs)]
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    panels = zip(figure.subplots(1, 3, sharex=True, sharey=True), (
        (cultivars, None, "cultivars"),
        (ours, centres, f"third moments (agreement {scores[0]:.2f})"),
        (theirs, peer.means_, f"scikit-learn's EM (agreement {scores[1]:.2f})"),
    ), strict=True)
    for axes, (labels, means, title) in panels:
        if means is not None:
            # as coloured as the cultivars that they are nearest to
            truth = np.array([x[cultivars == k].mean(axis=0) for k in range(CLUSTERS)])
            near = np.argmin(((means[:, None, :] - truth) ** 2).sum(axis=2), axis=1)
            labels = near[labels]
            axes.plot(means[:, 0], means[:, 1], "k*", markersize=11)
        for k in range(CLUSTERS):
            axes.plot(*x[labels == k, :2].T, "osD"[k], markersize=3.5, alpha=0.7, color=f"C{k}")
        axes.set(title=title, xlabel="first principal component")
    figure.axes[0].set_ylabel("second principal component")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "gaussian_mixture.png", dpi=120)
    return {"weights": weights, "centres": centres, "agreement": scores[0], "EM": scores[1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    for name, value in main(parser.parse_args().output).items():
        print(name, np.round(value, 3))
