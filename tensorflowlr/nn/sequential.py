"""Factorised layers as plain torch layers, for deployment."""

from __future__ import annotations

from typing import Any

import torch

from tensorflowlr.nn import galerkin
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.linear import LowRankEmbedding, LowRankLinear


@torch.no_grad()
def sequential(layer: LowRankLayer) -> torch.nn.Module:
    """A chain of plain layers with the same output as a factorised one.

    The dense layer where the factors do not pay, and where groups of a convolution share a
    basis of outputs, for which torch has no layer.
    """
    rows, columns = layer.factors[0], layer.factors[1]
    chained = layer.operation.pays(layer.ranks, layer.factors)
    if isinstance(layer, LowRankEmbedding):
        return _embedding(layer) if chained and (rows is not None or columns is not None) else (
            layer.to_dense())
    grouped = getattr(layer, "groups", 1) > 1 and rows is not None
    if not chained or grouped:
        return layer.to_dense()
    if isinstance(layer, LowRankLinear):
        return _linear(layer)
    return _convolution(layer)


def _linear(layer: LowRankLinear) -> torch.nn.Module:
    left, right = layer.core, layer.factors[1]
    rows = layer.factors[0]
    matrices: list[Any] = []
    # the core joins the side that leaves fewer parameters
    if rows is None:
        matrices = [right.mT, left] if right is not None else [left]
    elif right is None:
        matrices = [left, rows]
    elif rows.shape[0] * left.shape[1] <= left.shape[0] * right.shape[0]:
        matrices = [right.mT, rows @ left]
    else:
        matrices = [left @ right.mT, rows]
    made = [_linear_of(m, layer, i == len(matrices) - 1) for i, m in enumerate(matrices)]
    return torch.nn.Sequential(*made).train(layer.training)


def _linear_of(matrix: Any, layer: LowRankLayer, last: bool) -> torch.nn.Linear:
    bias = layer.bias if last else None
    made = torch.nn.Linear(
        matrix.shape[1], matrix.shape[0], bias is not None, device=matrix.device,
        dtype=matrix.dtype,
    )
    made.weight.copy_(matrix)
    if bias is not None:
        made.bias.copy_(bias)
    return made


def _embedding(layer: LowRankEmbedding) -> torch.nn.Module:
    core, rows, columns = layer.core, layer.factors[0], layer.factors[1]
    table = core.mT if columns is None else columns
    matrices = [*([] if columns is None else [core]), *([] if rows is None else [rows])]
    if len(matrices) == 2:
        matrices = [matrices[1] @ matrices[0]]
    made = torch.nn.Embedding(
        table.shape[0], table.shape[1], layer.padding_idx, device=table.device, dtype=table.dtype
    )
    made.weight.copy_(table)
    rest = [_linear_of(m, layer, False) for m in matrices]
    return torch.nn.Sequential(made, *rest).train(layer.training)


def _convolution(layer: Any) -> torch.nn.Module:
    rows, columns = layer.factors[0], layer.factors[1]
    made: list[torch.nn.Module] = []
    inputs, groups = layer.in_channels, layer.groups
    if columns is not None:
        reduced = columns.shape[1] * groups
        first = layer._plain(inputs, reduced, 1, 1, 0, 1, groups, False)
        pointwise = columns.mT.reshape(*columns.mT.shape, *[1] * len(layer.kernel_size))
        first.weight.copy_(pointwise.repeat(groups, *[1] * (pointwise.ndim - 1)))
        made.append(first)
        inputs = reduced
    outputs = layer.core.shape[0]
    middle = layer._plain(
        inputs, outputs, layer.kernel_size, layer.stride, layer.padding, layer.dilation, groups,
        rows is None and layer.bias is not None,
    )
    middle.weight.copy_(galerkin.kernel(layer.core, layer.factors))
    made.append(middle)
    if rows is not None:
        last = layer._plain(outputs, layer.out_channels, 1, 1, 0, 1, 1, layer.bias is not None)
        last.weight.copy_(rows.reshape(*rows.shape, *[1] * len(layer.kernel_size)))
        made.append(last)
    if layer.bias is not None:
        made[-1].bias.copy_(layer.bias)  # type: ignore[operator]
    return torch.nn.Sequential(*made).train(layer.training)


