"""Training in several processes: gradients are averaged before any orthonormalisation.

Every process then makes the same moves on the same numbers, so that ranks and bases never
drift apart. `DistributedDataParallel` keeps buckets of fixed sizes; parameters whose sizes
change are none of its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from tensorflowlr.checks import shown
from tensorflowlr.nn.layer import LowRankLayer, resize


def distributed(model: torch.nn.Module, **options: Any) -> torch.nn.Module:
    """A model with factorised layers, wrapped in `DistributedDataParallel`.

    Parameters
    ----------
    model
        The model, on this process's device.
    options
        Further arguments of `torch.nn.parallel.DistributedDataParallel`.

    Returns
    -------
    torch.nn.Module
        The wrapped model; the model itself where it has no other parameters than cores and
        bases, which the optimiser averages itself.

    Raises
    ------
    TypeError
        If `model` is no module.
    RuntimeError
        If torch.distributed has not been initialised.

    Examples
    --------
    In a program started by ``torchrun``, after ``torch.distributed.init_process_group()``::

        model = nn.distributed(nn.factorize(model, rank=0.5))
        optimizer = nn.LowRankOptimizer(model, lr=0.1)
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {shown(model)}")
    if not (dist.is_available() and dist.is_initialized()):
        raise RuntimeError("model: torch.distributed.init_process_group() must come first")
    names = [
        f"{name}.{own}" if name else own
        for name, layer in model.named_modules() if isinstance(layer, LowRankLayer)
        for own, parameter in layer.named_parameters(recurse=False)
        if parameter is not layer.bias
    ]
    rest = [p for name, p in model.named_parameters() if name not in names and p.requires_grad]
    if not rest:
        return model
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)
    return DistributedDataParallel(model, **options)


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The module inside `DistributedDataParallel`."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def check(model: torch.nn.Module, layers: Sequence[LowRankLayer]) -> None:
    """Refuse a wrapper that holds buckets for parameters whose sizes will change.

    Raises
    ------
    ValueError
        Saying what to do.
    """
    if not isinstance(model, DistributedDataParallel):
        return
    mine = {id(p) for layer in layers for p in (layer.core, *layer.leaves)}
    for name, parameter in model.module.named_parameters():
        if id(parameter) in mine and name not in model.parameters_to_ignore:
            raise ValueError(
                f"model: DistributedDataParallel holds the factorised parameter {name!r}, whose "
                "size changes with the ranks; wrap the model by nn.distributed"
            )


def many() -> bool:
    """Whether there are other processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@torch.no_grad()
def equalise(layers: Sequence[LowRankLayer]) -> None:
    """Give all processes the factorised weights of the first, with its ranks."""
    if not many():
        return
    shapes: list[Any] = [[tuple(p.shape) for p in _own(layer)] for layer in layers]
    dist.broadcast_object_list(shapes, src=0)
    for layer, sizes in zip(layers, shapes, strict=True):
        for parameter, size in zip(_own(layer), sizes, strict=True):
            value = parameter.detach().clone()
            if value.shape != size:
                value = value.new_empty(size)
            if value.numel():
                dist.broadcast(value, src=0)
            resize(parameter, value)


@torch.no_grad()
def average(layers: Sequence[LowRankLayer]) -> None:
    """Average the factorised layers' gradients over all processes, in one message per kind.

    A layer that no process has used keeps no gradients.
    """
    if not many():
        return
    kinds: dict[Any, list[LowRankLayer]] = {}
    for layer in layers:
        kinds.setdefault((layer.core.device, layer.core.dtype), []).append(layer)
    for group in kinds.values():
        used = [layer.core.new_full((1,), float(layer.core.grad is not None)) for layer in group]
        parameters = [p for layer in group for p in _own(layer) if p.numel()]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        message = torch.cat([*used, *(part.reshape(-1) for part in parts)])
        dist.all_reduce(message)
        counts = message[: len(group)].tolist()
        message /= dist.get_world_size()
        start = len(group)
        for layer, count in zip(group, counts, strict=True):
            for parameter in _own(layer):
                if parameter.numel():
                    piece = message[start : start + parameter.numel()]
                    start += parameter.numel()
                    parameter.grad = piece.reshape(parameter.shape).clone() if count else None


def _own(layer: LowRankLayer) -> list[torch.nn.Parameter]:
    return [layer.core, *layer.leaves]
