"""One budget of parameters for all factorised layers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.ranks import feasible
from tensorflowlr.nn.step import cut
from tensorflowlr.tensors.rounding import edge_bases
from tensorflowlr.truncation import Truncation, kept

# halvings of the logarithm of the tolerance, which lies between 1e-9 and 1
HALVINGS = 40


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
    """Cut all layers by the smallest common relative tolerance that meets the budget."""
    if sum(parameters(layer.shape, layer.ranks) for layer in layers) <= budget:
        return
    spectra = [_spectra(layer) for layer in layers]

    def chosen(tolerance: float) -> list[list[int]]:
        return [_ranks(layer, values, tolerance) for layer, values in
                zip(layers, spectra, strict=True)]

    def size(found: list[list[int]]) -> int:
        return sum(parameters(layer.shape, r) for layer, r in zip(layers, found, strict=True))

    low, high = -9.0, 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if size(chosen(10.0**middle)) <= budget else (middle, high)
    for layer, ranks in zip(layers, chosen(10.0**high), strict=True):
        if tuple(ranks) != layer.ranks:
            frame = layer.frame
            rule = Truncation(edge_ranks=dict(enumerate(ranks)))
            cut(layer, layer.tensor(), rule, state, frame, frame)


def _spectra(layer: LowRankLayer) -> dict[int, list[float]]:
    Y = layer.tensor()
    found, _ = edge_bases(Y.tree, Y.cores, dataclasses.replace(layer.rule(Truncation())))
    return {node: edge.singular_values for node, edge in enumerate(found) if edge is not None}


def _ranks(
    layer: LowRankLayer, spectra: dict[int, list[float]], tolerance: float
) -> list[int]:
    """The ranks at a tolerance relative to the layer's norm; rank one at the largest."""
    ranks = list(layer.ranks)
    for node, values in spectra.items():
        norm = math.sqrt(math.fsum(v * v for v in values))
        share = tolerance * norm if tolerance < 1.0 else math.inf
        ranks[node] = max(kept(values, share, 0.0), 1)
    return feasible(ranks, layer.shape)
