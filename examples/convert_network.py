"""Convert an ordinary network of PyTorch in three lines; then back to plain layers."""

import argparse
import copy
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from torch.nn.functional import cross_entropy

import tensorflowlr as tlr
from tensorflowlr import nn
from tensorflowlr.nn.data import Images, load_images

EPOCHS, BATCH = 15, 64
TOLERANCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def trained(digits: Images) -> Sequential:
    """Any network will do: this one is trained on 8 × 8 digits by torch alone."""
    model = Sequential(
        Conv2d(1, 32, 3, padding=1), ReLU(), Conv2d(32, 64, 3, padding=1), ReLU(), MaxPool2d(2),
        Flatten(), Linear(64 * 16, 128), ReLU(), Linear(128, 10),
    )
    # decay takes away what is not needed, so that weights come near low rank
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-3)
    x, y = digits.train_images / 255.0, digits.train_labels
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(x[part]), y[part]).backward()
            optimizer.step()
    return model.eval()


def accuracy(model: torch.nn.Module, digits: Images) -> float:
    """Percent of the digits that training has not seen."""
    with torch.no_grad():
        found = model(digits.test_images / 255.0).argmax(1)
    return 100.0 * float((found == digits.test_labels).float().mean())


def main(output: Path) -> list[tuple[int, float]]:
    """Draw convert_network.png; return parameters and accuracy, the dense network's first."""
    # the matrices are small: threads would only wait for each other
    torch.set_num_threads(1)
    torch.manual_seed(0)
    digits = load_images()
    model = trained(digits)
    found = [(sum(p.numel() for p in model.parameters()), accuracy(model, digits))]

    # the conversion: dense layers to factors within 40 % of each weight,
    # a table of them, and plain layers
    small = nn.factorize(copy.deepcopy(model), rank=tlr.Truncation(rtol=0.4))
    print(nn.report(small))
    plain = nn.to_sequential(copy.deepcopy(small))
    print(plain)

    x = digits.test_images / 255.0
    for name, other in (("to_sequential", plain), ("to_dense", nn.to_dense(copy.deepcopy(small)))):
        difference = float((other(x) - small(x)).abs().max().detach())
        print(f"{name}: outputs differ by {difference:.1e}")
    for tolerance in TOLERANCES:
        made = nn.factorize(copy.deepcopy(model), rank=tlr.Truncation(rtol=tolerance))
        found.append((sum(p.numel() for p in made.parameters()), accuracy(made, digits)))
    draw(output, found)
    return found


def draw(output: Path, found: list[tuple[int, float]]) -> None:
    """Accuracy and parameters over the tolerance."""
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    (dense, best), *rest = found
    right.axhline(dense / 1000, color="grey", linestyle="--", label="dense")
    right.plot(TOLERANCES, [count / 1000 for count, _ in rest], marker=".", label="factorised")
    right.set(title="parameters (thousands)", xlabel="tolerance, relative to each weight")
    right.set_ylim(0, None)
    right.legend()
    left.axhline(best, color="grey", linestyle="--")
    left.plot(TOLERANCES, [share for _, share in rest], marker=".")
    left.set(title="accuracy on unseen digits (%), no further training",
             xlabel="tolerance, relative to each weight")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "convert_network.png", dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"))
    main(parser.parse_args().output)
