"""Train a convolutional network at ranks that adapt, on scikit-learn's handwritten digits."""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from torch.nn.functional import cross_entropy
from tqdm import tqdm

import tensorflowlr as tlr
from tensorflowlr import nn
from tensorflowlr.nn.data import load_images

EPOCHS, BATCH, TOLERANCE = 15, 64, 0.15


def network() -> Sequential:
    """Two convolutions and two linear layers for images of 1 × 8 × 8."""
    return Sequential(
        Conv2d(1, 32, 3, padding=1), ReLU(), Conv2d(32, 64, 3, padding=1), ReLU(), MaxPool2d(2),
        Flatten(), Linear(64 * 16, 128), ReLU(), Linear(128, 10),
    )


def main(output: Path) -> float:
    """Draw train_digits.png; return the accuracy on images that training has not seen."""
    # the matrices are small: threads would only wait for each other
    torch.set_num_threads(1)
    torch.manual_seed(0)
    digits = load_images()
    x, y = digits.train_images / 255.0, digits.train_labels
    unseen, answers = digits.test_images / 255.0, digits.test_labels

    model = network()
    dense = sum(p.numel() for p in model.parameters())
    # the first and the last layer are small and stay as they are
    model = nn.factorize(model, rank=0.5, exclude=["0", "8"])
    optimizer = nn.LowRankOptimizer(
        model, base=torch.optim.SGD, lr=0.05, momentum=0.9,
        truncation=tlr.Truncation(rtol=TOLERANCE),
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)

    seen: list[tuple[float, list[int], int]] = []
    with tqdm(range(EPOCHS), unit="epoch") as epochs:
        for _ in epochs:
            for part in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                loss = cross_entropy(model(x[part]), y[part])
                loss.backward()
                optimizer.step()
            schedule.step()
            with torch.no_grad():
                right = 100.0 * float((model(unseen).argmax(1) == answers).float().mean())
            ranks = [max(layer.ranks[:2]) for layer in model if hasattr(layer, "ranks")]
            seen.append((right, ranks, sum(p.numel() for p in model.parameters())))
            epochs.set_postfix_str(f"loss {float(loss.detach()):.3f}, accuracy {right:.1f} %")
    print(nn.report(model))
    draw(output, seen, dense)
    return seen[-1][0]


def draw(output: Path, seen: list[tuple[float, list[int], int]], dense: int) -> None:
    """Accuracy, ranks and parameters over the epochs."""
    figure = Figure(figsize=(12.0, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    epochs = range(1, len(seen) + 1)
    left.plot(epochs, [accuracy for accuracy, _, _ in seen], marker=".")
    left.set(xlabel="epoch", title="accuracy on unseen digits (%)")
    for name, ranks in zip(("convolution", "linear layer"), zip(*(r for _, r, _ in seen),
                                                                strict=True), strict=True):
        middle.plot(epochs, ranks, marker=".", label=name)
    middle.set(xlabel="epoch", title="largest rank")
    middle.set_ylim(0, None)
    middle.legend()
    right.axhline(dense / 1000, color="grey", linestyle="--", label="dense")
    right.plot(epochs, [count / 1000 for _, _, count in seen], marker=".", label="low rank")
    right.set(xlabel="epoch", title="parameters (thousands)")
    right.set_ylim(0, None)
    right.legend()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "train_digits.png", dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
