"""Blind source separation by fourth cumulants: pictures of digits from their mixtures."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.decomposition import FastICA

import tensorflowlr as tlr

DIGITS, SHOWN = (0, 1, 4, 7), 10


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Streams of pictures (count, 64, sources), one digit each, and how they are mixed."""
    data = load_digits()
    streams = [data.data[data.target == digit] for digit in DIGITS]
    count = min(len(stream) for stream in streams)
    mixing = np.random.default_rng(0).uniform(0.2, 1.0, (len(DIGITS), len(DIGITS)))
    return np.stack([stream[:count] for stream in streams], axis=2), mixing


def samples(mixed: np.ndarray) -> np.ndarray:
    """What differs from the mean picture, every pixel that varies at its own scale."""
    apart = mixed - mixed.mean(axis=0)
    spread = apart.std(axis=(0, 2))
    used = spread > 0.02 * spread.max()
    return (apart[:, used] / spread[used, None]).reshape(-1, mixed.shape[2])


def unmixed(x: np.ndarray) -> np.ndarray:
    """The mixing matrix, up to the order and the scale of its columns."""
    variances, axes = np.linalg.eigh(x.T @ x / len(x))
    white = axes / np.sqrt(variances)
    cumulants = tlr.CumulantTensor(x @ white, 4)
    cp = tlr.subspace_power_method(cumulants, x.shape[1], rng=0)
    return np.linalg.solve(white.T, cp.factors)


def purity(found: np.ndarray, mixing: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """For every recovered source the share of the true one nearest to it, 1 at best."""
    shares = np.abs(np.linalg.solve(found, mixing) * samples(sources).std(axis=0))
    return np.sort((shares / np.linalg.norm(shares, axis=1, keepdims=True)).max(axis=1))


def main(output: Path) -> dict[str, np.ndarray]:
    """Draw blind_sources.png; return how pure the recovered sources are."""
    sources, mixing = pictures()
    mixed = sources @ mixing.T
    x = samples(mixed)
    ours = unmixed(x)
    peer = FastICA(whiten="unit-variance", fun="cube", max_iter=2000, tol=1e-6, random_state=0)
    scores = {"cumulants": purity(ours, mixing, sources),
              "FastICA": purity(peer.fit(x).mixing_, mixing, sources)}
    figure = Figure(figsize=(11.0, 2.6), layout="constrained")
    panels = figure.subplots(len(DIGITS), 3)
    recovered = mixed @ np.linalg.inv(ours).T
    # the sign of a source is free: pictures are bright on dark
    recovered = recovered * np.sign(recovered.mean(axis=(0, 1)))
    recovered = recovered[:, :, _order(recovered, sources)]
    for column, (title, streams) in enumerate((
        ("mixtures", mixed), ("recovered", recovered), ("sources", sources),
    )):
        panels[0, column].set_title(title)
        for row in range(len(DIGITS)):
            strip = np.hstack(streams[:SHOWN, :, row].reshape(SHOWN, 8, 8))
            panels[row, column].imshow(strip, cmap="gray")
            panels[row, column].set_axis_off()
    figure.suptitle("share of one source in the worst one recovered: " + ", ".join(
        f"{name} {score[0]:.4f}" for name, score in scores.items()))
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "blind_sources.png", dpi=120)
    return scores


def _order(recovered: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Which recovered stream is most like each source."""
    alike = samples(sources).T @ samples(recovered)
    return np.argmax(np.abs(alike) / np.linalg.norm(samples(recovered), axis=0), axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    for name, value in main(parser.parse_args().output).items():
        print(name, np.round(value, 5))
