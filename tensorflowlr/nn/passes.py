"""A pass over a model that leaves no trace, and sees what another pass has seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def generators(model: torch.nn.Module) -> list[Any]:
    """The states of torch's generators: the processor's, and those of the model's devices."""
    found: list[Any] = [(torch, (), torch.get_rng_state())]
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    for device in devices:
        if device.type not in ("cpu", "meta"):
            library = getattr(torch, device.type)
            # Apple's library knows a single device
            where = () if device.type == "mps" else (device,)
            found.append((library, where, library.get_rng_state(*where)))
    return found


@contextmanager
def repeated(model: torch.nn.Module, states: list[Any]) -> Iterator[None]:
    """Draw again what was drawn from `states` on, and leave generators and buffers as they were.

    Dropout then takes out the same entries, and running statistics move once per step.
    """
    after = generators(model)
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    _set(states)
    try:
        yield
    finally:
        _set(after)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def _set(states: list[Any]) -> None:
    for library, where, state in states:
        library.set_rng_state(state, *where)
