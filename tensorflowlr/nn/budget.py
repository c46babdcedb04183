"""One budget of parameters for all factorised layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.ranks import feasible
from tensorflowlr.nn.step import cut
from tensorflowlr.tensors.rounding import edge_bases
from tensorflowlr.truncation import Truncation

# halvings of the logarithm of the price
HALVINGS = 40
# ranks of one layer and their prices depend on one another
SWEEPS = 4


def parameters(shape: Sequence[int], ranks: Sequence[int]) -> int:
    """How many parameters a weight has at given ranks."""
    return math.prod(ranks) + sum(n * r for n, r in zip(shape, ranks, strict=True) if r < n)


def least(layers: Sequence[LowRankLayer]) -> int:
    """What the layers have at the smallest ranks they may take."""
    return sum(
        parameters(layer.shape, feasible(
            [1 if i in layer.adaptive else r for i, r in enumerate(layer.ranks)], layer.shape
        )) for layer in layers
    )


def meet(layers: Sequence[LowRankLayer], budget: int, state: Any) -> None:
    """Cut all layers to a budget, by one price.

    A singular value is kept while its square, relative to its layer's squared norm, is at
    least the price times the parameters that its rank costs; the smallest price that meets the
    budget is taken.
    """
    if sum(parameters(layer.shape, layer.ranks) for layer in layers) <= budget:
        return
    shares = [_shares(layer) for layer in layers]

    def chosen(price: float) -> list[list[int]]:
        return [_ranks(layer, own, price) for layer, own in zip(layers, shares, strict=True)]

    def size(found: list[list[int]]) -> int:
        return sum(parameters(layer.shape, r) for layer, r in zip(layers, found, strict=True))

    # at the highest price nothing is worth more than rank one
    low, high = -20.0, 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if size(chosen(10.0**middle)) <= budget else (middle, high)
    for layer, ranks in zip(layers, chosen(10.0**high), strict=True):
        if tuple(ranks) != layer.ranks:
            frame = layer.frame
            rule = Truncation(edge_ranks=dict(enumerate(ranks)))
            cut(layer, layer.tensor(), rule, state, frame, frame)


def _shares(layer: LowRankLayer) -> dict[int, list[float]]:
    """The squares of each mode's singular values, as shares of their sum."""
    Y = layer.tensor()
    found, _ = edge_bases(Y.tree, Y.cores, layer.rule(Truncation()))
    made = {}
    for node, edge in enumerate(found):
        if edge is not None:
            unit = edge.singular_values[0] or 1.0
            squares = [(v / unit) ** 2 for v in edge.singular_values]
            total = math.fsum(squares) or 1.0
            made[node] = [v / total for v in squares]
    return made


def _ranks(layer: LowRankLayer, shares: dict[int, list[float]], price: float) -> list[int]:
    """The ranks at a price per parameter, at least one."""
    ranks = list(layer.ranks)
    for _ in range(SWEEPS):
        for node, squares in shares.items():
            costs = layer.shape[node] + math.prod(ranks) // ranks[node]
            ranks[node] = max(sum(v >= price * costs for v in squares), 1)
    return feasible(ranks, layer.shape)
