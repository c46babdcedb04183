"""Networks of the training experiments: LeNet-5, a small VGG and a small ResNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

from tensorflowlr.nn.data import Images

Shape = tuple[int, int, int]
# images at least this wide have room for the 5 × 5 kernels of LeNet-5
WIDE = 20


class Standardise(Module):
    """Mean zero and deviation one per channel, so that networks take pixels from 0 to 1."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(-1, 1, 1))
        self.register_buffer("deviation", deviation.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (count, channels, height, width) in and out."""
        return (x - self.mean) / self.deviation


class Residual(Module):
    """Two 3 × 3 convolutions beside a shortcut."""

    def __init__(self, channels: int, made: int, stride: int) -> None:
        super().__init__()
        self.inner = Sequential(
            Conv2d(channels, made, 3, stride, 1, bias=False), BatchNorm2d(made), ReLU(),
            Conv2d(made, made, 3, 1, 1, bias=False), BatchNorm2d(made),
        )
        self.shortcut = Sequential()
        if stride != 1 or channels != made:
            self.shortcut = Sequential(
                Conv2d(channels, made, 1, stride, bias=False), BatchNorm2d(made)
            )
        self.last = ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Shape (count, channels, height, width) in."""
        return self.last(self.inner(x) + self.shortcut(x))


def lenet(shape: Shape, classes: int) -> Sequential:
    """LeNet-5 with 20 and 50 channels and 500 hidden units: 431 000 weights at 28 × 28.

    Smaller images take kernels of 3 × 3 that keep the size.
    """
    channels, height, width = shape
    kernel, padding = (5, 0) if min(height, width) >= WIDE else (3, 1)
    features = Sequential(
        Conv2d(channels, 20, kernel, padding=padding), ReLU(), MaxPool2d(2),
        Conv2d(20, 50, kernel, padding=padding), ReLU(), MaxPool2d(2), Flatten(),
    )
    return Sequential(
        *features, Linear(_count(features, shape), 500), ReLU(), Linear(500, classes)
    )


def vgg(shape: Shape, classes: int, widths: Sequence[int] = (64, 128, 256)) -> Sequential:
    """Two 3 × 3 convolutions with normalisation per width, halved in between; one output layer."""
    parts: list[Module] = []
    channels = shape[0]
    for width in widths:
        for _ in range(2):
            parts += [Conv2d(channels, width, 3, padding=1, bias=False), BatchNorm2d(width), ReLU()]
            channels = width
        parts.append(MaxPool2d(2))
    return Sequential(*parts, AdaptiveAvgPool2d(1), Flatten(), Linear(channels, classes))


def resnet(shape: Shape, classes: int, widths: Sequence[int] = (32, 64, 128)) -> Sequential:
    """One convolution and two residual blocks per width; one output layer."""
    parts: list[Module] = [
        Conv2d(shape[0], widths[0], 3, padding=1, bias=False), BatchNorm2d(widths[0]), ReLU()
    ]
    channels = widths[0]
    for i, width in enumerate(widths):
        parts += [Residual(channels, width, 1 if i == 0 else 2), Residual(width, width, 1)]
        channels = width
    return Sequential(*parts, AdaptiveAvgPool2d(1), Flatten(), Linear(channels, classes))


NETWORKS: dict[str, Callable[[Shape, int], Sequential]] = {
    "lenet": lenet, "vgg": vgg, "resnet": resnet
}


def build(name: str, images: Images, seed: int) -> Sequential:
    """A network for a set of images, its weights drawn by torch's generator of `seed`.

    The first layer is a `Standardise`, set from the images for training; torch's own generator
    is left as it was.
    """
    pixels = images.train_images[:10_000].float() / 255.0
    deviation, mean = torch.std_mean(pixels, dim=(0, 2, 3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NETWORKS[name](images.shape, images.classes)
    return Sequential(Standardise(mean, deviation.clamp(min=1e-3)), *network)


def ends(network: Module) -> list[str]:
    """The names of the first and the last layer with weights, which stay dense."""
    names = [name for name, layer in network.named_modules() if isinstance(layer, (Conv2d, Linear))]
    return [names[0], names[-1]]


def _count(features: Module, shape: Shape) -> int:
    with torch.no_grad():
        return features(torch.zeros(1, *shape)).shape[1]
