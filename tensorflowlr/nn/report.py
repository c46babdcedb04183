"""What the factorised layers of a model hold, save and cost."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tensorflowlr.checks import shown, whole_number
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.tensors.rounding import edge_bases
from tensorflowlr.truncation import Truncation

Model = torch.nn.Module


@dataclass(frozen=True)
class LayerReport:
    """One factorised layer.

    Attributes
    ----------
    name, kind : str
    shape, ranks : tuple of int
        Of the dense weight, and per mode.
    parameters, dense_parameters : int
        Of the weight, factorised and dense.
    condition : float
        The condition number of the weight, outputs in the rows, on its range.
    pays : bool
        Whether the chain through the factors takes fewer multiplications than the dense
        weight; where not, the dense weight is formed.
    share : float or None
        The share of the model's forward and backward pass, where a sample was given.
    speedup : float or None
        The dense layer's time over this one's, where a sample was given.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    ranks: tuple[int, ...]
    parameters: int
    dense_parameters: int
    condition: float
    pays: bool
    share: float | None = None
    speedup: float | None = None

    @property
    def compression(self) -> float:
        """The share of the dense weight's parameters that is saved."""
        return 1.0 - self.parameters / self.dense_parameters


@dataclass(frozen=True)
class Report:
    """The factorised layers of a model; printed, it is a table.

    Attributes
    ----------
    layers : tuple of LayerReport
    other_parameters : int
        Of the model, biases included, that are not factorised.
    """

    layers: tuple[LayerReport, ...]
    other_parameters: int

    @property
    def parameters(self) -> int:
        """Of all factorised weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def dense_parameters(self) -> int:
        """Of the same weights, dense."""
        return sum(layer.dense_parameters for layer in self.layers)

    @property
    def compression(self) -> float:
        """The share of the factorised layers' parameters that is saved."""
        return 1.0 - self.parameters / self.dense_parameters if self.layers else 0.0

    def __iter__(self) -> Iterator[LayerReport]:
        return iter(self.layers)

    def __str__(self) -> str:
        head = ["layer", "kind", "shape", "ranks", "parameters", "compression", "condition",
                "pays", "time", "speed-up"]
        rows = [[
            row.name or "(model)", row.kind, _times(row.shape), _times(row.ranks),
            f"{row.parameters:,}", f"{100 * row.compression:.1f} %", f"{row.condition:.3g}",
            "yes" if row.pays else "no",
            "-" if row.share is None else f"{100 * row.share:.0f} %",
            "-" if row.speedup is None else f"{row.speedup:.2f}",
        ] for row in self.layers]
        rows.append(["all", "", "", "", f"{self.parameters:,}",
                     f"{100 * self.compression:.1f} %", "", "", "", ""])
        columns = list(zip(head, *rows, strict=True))
        if all(row.share is None for row in self.layers):
            columns = columns[:-2]
        widths = [max(map(len, column)) for column in columns]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
                 for line in zip(*columns, strict=True)]
        lines.append(f"other parameters: {self.other_parameters:,}")
        return "\n".join(lines)


def report(model: Model, sample: Any = None, *, repeats: int = 3) -> Report:
    """A table of the factorised layers of a model.

    Parameters
    ----------
    model
        A module; it is left as it is.
    sample
        An input of the model (a tensor or a tuple of arguments) to measure times with.
    repeats
        How often each time is measured; the least counts.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, or there is no factorised layer.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> print(nn.report(nn.LowRankLinear(100, 50, rank=5)).compression)
    0.845
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a torch.nn.Module, not {shown(model)}")
    repeats = whole_number(repeats, "repeats")
    named = [(n, m) for n, m in model.named_modules() if isinstance(m, LowRankLayer)]
    if not named:
        raise ValueError("model has no factorised layer: use nn.factorize first")
    shares: dict[str, tuple[float, float]] = {}
    if sample is not None:
        shares = _timed(model, sample, repeats)
    rows = tuple(_row(name, layer, shares.get(name, (None, None))) for name, layer in named)
    total = sum(p.numel() for p in model.parameters())
    return Report(rows, total - sum(row.parameters for row in rows))


def _row(name: str, layer: LowRankLayer, times: tuple[float | None, float | None]) -> LayerReport:
    Y = layer.tensor()
    found, _ = edge_bases(Y.tree, Y.cores, Truncation())
    assert found[0] is not None
    values = found[0].singular_values[: found[0].rank]
    return LayerReport(
        name, type(layer).__name__, layer.shape, layer.ranks,
        sum(p.numel() for p in (layer.core, *layer.leaves)), math.prod(layer.shape),
        values[0] / values[-1] if values[-1] else math.inf,
        layer.operation.pays(layer.ranks, layer.factors), *times,
    )


def _timed(model: Model, sample: Any, repeats: int) -> dict[str, tuple[float, float]]:
    """Share of the model's time and speed-up over the dense layer, by name."""
    # running means of normalisations and the like must not move
    model = copy.deepcopy(model)
    arguments = sample if isinstance(sample, tuple) else (sample,)
    inputs: dict[str, tuple[Any, ...]] = {}
    handles = [
        layer.register_forward_pre_hook(
            lambda _, given, name=name: inputs.setdefault(
                name, tuple(x.detach().requires_grad_(x.is_floating_point()) for x in given))
        )
        for name, layer in model.named_modules() if isinstance(layer, LowRankLayer)
    ]
    model(*arguments)
    for handle in handles:
        handle.remove()
    whole = _seconds(model, arguments, repeats)
    found = {}
    for name, given in inputs.items():
        layer: Any = model.get_submodule(name)
        own = _seconds(layer, given, repeats)
        found[name] = (own / whole, _seconds(layer.to_dense(), given, repeats) / own)
    return found


def _seconds(module: Model, arguments: Sequence[Any], repeats: int) -> float:
    """The least time of a forward and backward pass."""
    best = math.inf
    for _ in range(repeats + 1):
        start = time.perf_counter()
        output = module(*arguments)
        if isinstance(output, torch.Tensor) and output.requires_grad:
            output.sum().backward()
        if isinstance(output, torch.Tensor) and output.is_cuda:
            torch.cuda.synchronize(output.device)
        best = min(best, time.perf_counter() - start)
    return best


def _times(numbers: Sequence[int]) -> str:
    return "×".join(str(n) for n in numbers)
