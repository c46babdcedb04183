"""Figure 10, second half: Galerkin gradients of factorised layers against central differences.

Random layers in double precision: convolutions over one to three axes, linear layers and
embeddings, with strides, paddings, dilations, groups and biases, whose cores have singular values
down to 1e-12 of the largest, or exactly zero. The loss is a smooth random function of the layer's
output. The gradient at the leaf of mode i is that of W = U_i S_i Q_i with respect to U_i S_i, not
divided or multiplied by S_i: along any D of its shape it is the derivative of the loss at
W + t D Q_i, and that is differenced, with the layer's dense weight. So are core and bias.

    python benchmarks/reliability/gradients.py [--layers 100]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from report import report, rounded

from tensorflowlr import nn

BOUND, DIRECTIONS, STEP = 1e-6, 3, 1e-3
SMALLEST = (1.0, 1e-6, 1e-12, 0.0)
KINDS = ("linear", "embedding", "conv1d", "conv2d", "conv3d")
CONVOLUTIONS: tuple[Any, ...] = (nn.TuckerConv1d, nn.TuckerConv2d, nn.TuckerConv3d)
Function = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]


def decayed(layer: Any, smallest: float, rng: np.random.Generator) -> None:
    """Give the core singular values, in both channel modes, that run down to `smallest`."""
    core = rng.standard_normal(tuple(layer.core.shape))
    for axis in (0, 1):
        r = core.shape[axis]
        scale = np.logspace(0.0, math.log10(smallest or 1e-3), r)
        if smallest == 0.0 and r > 1:
            scale[r // 2 :] = 0.0
        core = core * scale.reshape([r if i == axis else 1 for i in range(core.ndim)])
    with torch.no_grad():
        layer.core.copy_(torch.from_numpy(core))


def made(number: int) -> tuple[str, Any, torch.Tensor]:
    """The kind of a layer, the layer and an input."""
    rng = np.random.default_rng([10, number])
    torch.manual_seed(number)
    kind, bias = KINDS[number % len(KINDS)], bool(rng.integers(2))
    share = float(rng.choice([0.3, 0.6, 0.9]))
    if kind == "linear":
        n, k = (int(x) for x in rng.integers(3, 12, 2))
        layer: Any = nn.LowRankLinear(n, k, bias, rank=share, dtype=torch.float64)
        x = torch.from_numpy(rng.standard_normal((5, n)))
    elif kind == "embedding":
        n, k = (int(x) for x in rng.integers(3, 12, 2))
        layer = nn.LowRankEmbedding(n, k, rank=share, dtype=torch.float64)
        x = torch.from_numpy(rng.integers(0, n, (4, 3)))
    else:
        axes = int(kind[4])
        groups = int(rng.choice([1, 1, 2]))
        inputs, outputs = (2 * int(c) for c in rng.integers(2, 5, 2))
        layer = CONVOLUTIONS[axes - 1](
            inputs, outputs, tuple(int(w) for w in rng.integers(1, 4, axes)),
            int(rng.integers(1, 3)), int(rng.integers(0, 3)), int(rng.integers(1, 3)), groups,
            bias, rank=share, spatial=bool(rng.integers(2)), dtype=torch.float64)
        x = torch.from_numpy(rng.standard_normal((2, inputs, *rng.integers(5, 8, axes))))
    decayed(layer, SMALLEST[number // len(KINDS) % len(SMALLEST)], rng)
    layer.galerkin = True
    return kind, layer, x


def loss_of(shape: torch.Size, seed: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Σ tanh(M y)² + cos(m · y), M and m random: smooth, and curved in every direction."""
    rng, size = np.random.default_rng([11, seed]), math.prod(shape)
    M = torch.from_numpy(rng.standard_normal((7, size)) / size**0.5)
    m = torch.from_numpy(rng.standard_normal(size) / size**0.5)
    return lambda y: torch.tanh(M @ y.reshape(-1)).square().sum() + torch.cos(m @ y.reshape(-1))


def dense_function(layer: Any, x: torch.Tensor) -> Function:
    """The layer's output for a dense weight, outputs first, and a bias: torch's own."""
    plain, turned = layer.to_dense(), isinstance(layer, nn.LowRankEmbedding)

    def output(weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        values = {"weight": weight.mT if turned else weight}
        if bias is not None:
            values["bias"] = bias
        return torch.func.functional_call(plain, values, (x,))

    return output


def along(core: torch.Tensor, bases: list[torch.Tensor]) -> torch.Tensor:
    """The core times a matrix on every axis."""
    for axis, basis in enumerate(bases):
        core = torch.movedim(torch.tensordot(basis, core, ([1], [axis])), 0, axis)
    return core


def difference(run: Callable[[float], torch.Tensor]) -> float:
    """The derivative at 0, by central differences of fourth order."""
    near, far = (float(run(h) - run(-h)) for h in (STEP, 2.0 * STEP))
    return (8.0 * near - far) / (12.0 * STEP)


def largest_gap(layer: Any, x: torch.Tensor, seed: int) -> float:
    """The largest gap over all parameters and some directions, relative to the gradient."""
    layer.zero_grad()
    y = layer(x)
    loss = loss_of(y.shape, seed)
    loss(y).backward()
    output, rng = dense_function(layer, x), np.random.default_rng([12, seed])
    with torch.no_grad():
        weight = layer.weight.mT if isinstance(layer, nn.LowRankEmbedding) else layer.weight
        bias = None if layer.bias is None else layer.bias.detach()
        bases = [torch.eye(n, dtype=weight.dtype) if u is None else u.detach()
                 for n, u in zip(layer.shape, layer.factors, strict=True)]
        frame, worst = layer.frame, 0.0
        gradients: list[tuple[int, torch.Tensor]] = [(-1, layer.core.grad)]
        gradients += [(i, p.grad) for i, p in enumerate(layer.leaves) if p.numel()]
        # where one gradient vanishes, the scale is that of all of them
        total = max(float(g.norm()) for _, g in gradients)
        for mode, slope in gradients:
            for _ in range(DIRECTIONS):
                D = torch.from_numpy(rng.standard_normal(tuple(slope.shape)))
                D /= D.norm()
                if mode < 0:
                    move = along(D, bases)
                else:
                    move = along(frame.outer[mode][..., 0],
                                 [D if i == mode else u for i, u in enumerate(bases)])
                seen = difference(lambda t, v=move: loss(output(weight + t * v, bias)))
                worst = max(worst, abs(seen - float((D * slope).sum())) / total)
        if bias is not None:
            D = torch.from_numpy(rng.standard_normal(tuple(bias.shape)))
            seen = difference(lambda t: loss(output(weight, bias + t * D / D.norm())))
            told = float((layer.bias.grad * D / D.norm()).sum())
            worst = max(worst, abs(seen - told) / float(layer.bias.grad.norm()))
    return worst


def main() -> int:
    """Run all layers, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=100)
    options = parser.parse_args()
    worst: dict[tuple[str, float], float] = {}
    counts: Counter[str] = Counter()
    for number in range(options.layers):
        kind, layer, x = made(number)
        place = kind, SMALLEST[number // len(KINDS) % len(SMALLEST)]
        worst[place] = max(worst.get(place, 0.0), largest_gap(layer, x, number))
        counts[kind] += 1
    print("| layers | count | " + " | ".join(f"smallest {s:g}" for s in SMALLEST) + " |")
    print("|---" * (2 + len(SMALLEST)) + "|")
    for kind in counts:
        print(f"| {kind} | {counts[kind]} | "
              + " | ".join(f"{worst.get((kind, s), 0.0):.1e}" for s in SMALLEST) + " |")
    print()
    value = max(worst.values())
    return report("gradients", 10, bound=BOUND, value=rounded(value), ok=value <= BOUND,
                  counts={"layers": options.layers, **counts}, torch=str(torch.__version__))


if __name__ == "__main__":
    sys.exit(main())
