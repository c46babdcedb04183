"""One step of one factorised weight: the integrators' moves around the base optimiser's flow."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

import torch

from tensorflowlr.arrays import Array, contiguous, pad
from tensorflowlr.integrators.settings import truncated
from tensorflowlr.integrators.step import Record
from tensorflowlr.moves.assemble import assemble_all
from tensorflowlr.moves.augment import augment
from tensorflowlr.moves.frame import Frame
from tensorflowlr.nn import transport
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.truncation import Truncation

# the moments that are squares, by the names that torch's optimisers give them
SECOND = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum", "exp_inf")
State = MutableMapping[Any, Any]


class LayerStep:
    """What one step of a layer's weight needs between the base optimiser's steps.

    Parameters
    ----------
    layer
        Its gradients are those of one backward pass.
    state
        The base optimiser's state, parameter by parameter.
    rule
        The truncation, or None to hold the ranks.
    """

    def __init__(self, layer: LowRankLayer, state: State, rule: Truncation | None) -> None:
        self.layer, self.state, self.rule = layer, state, layer.rule(rule)
        self.frame = layer.frame
        self.wide: Frame | None = None
        self.before: list[dict[str, Any]] = []

    def start(self) -> None:
        """Put the centres in the place of the bases: the base optimiser moves them."""
        for leaf in self.frame.growing:
            self.layer.leaves[leaf].data = self.frame.centre[leaf].clone()

    def remember(self) -> None:
        """Keep the leaves' moments as they are before their flow."""
        self.before = [
            {name: value.clone() for name, value in self.state.get(leaf, {}).items()
             if _is_moment(value)}
            for leaf in self.layer.leaves
        ]

    def parallel(self) -> None:
        """All flows of one frame put together, truncated (parallel BUG)."""
        evolved = [*self._changes(), self.layer.core.data[..., None]]
        # training moves by less than the truncation's tolerance: no direction is left out
        bases, centres = assemble_all(self.frame, evolved, 0.0)
        self._finish((*bases[:-1], centres[-1][..., 0]))

    def augment(self) -> None:
        """The layer in bases augmented by the leaves' flows, for its second pass."""
        bases = list(self.frame.basis[:-1])
        changes = self._changes()
        for leaf in self.frame.growing:
            bases[leaf], _ = augment(bases[leaf], changes[leaf], 0.0)
        core = pad(self.layer.core.data, tuple(b.shape[1] for b in bases))
        self.layer.assign(
            TreeTensor.trusted(self.frame.tree, (*bases, core), orthonormal=True)
        )
        # nothing but the core flows from here: no surroundings are asked for
        wide = self.layer.tensor().cores[:-1]
        nothing: list[Array] = [None] * (len(wide) + 1)
        centre = [*nothing[:-1], self.layer.core.data[..., None]]
        self.wide = Frame(self.frame.tree, [*wide, None], centre, nothing, [True] * len(nothing))
        held = self.state.get(self.layer.core, {})
        for name, value in list(held.items()):
            if _is_moment(value):
                moments = [*(own.get(name) for own in self.before), value]
                held[name] = contiguous(_carried(
                    name, moments, self.frame, self.frame, self.wide)[-1])

    def augmented(self) -> None:
        """The core's flow in the augmented bases, truncated (augmented BUG)."""
        assert self.wide is not None
        self._finish((*self.wide.basis[:-1], self.layer.core.data))

    def _changes(self) -> list[Array]:
        # the new directions of a centre are those of its gain, which its round-off may exceed
        changes: list[Array] = [None] * len(self.layer.leaves)
        for leaf in self.frame.growing:
            changes[leaf] = self.layer.leaves[leaf].data - self.frame.centre[leaf]
        return changes

    def _finish(self, cores: Sequence[Array]) -> None:
        Y = TreeTensor.trusted(self.frame.tree, cores, orthonormal=True)
        core_frame = self.frame if self.wide is None else self.wide
        cut(self.layer, Y, self.rule, self.state, self.frame, core_frame)


def cut(
    layer: LowRankLayer, Y: TreeTensor, rule: Truncation, state: State, old: Frame, core: Frame
) -> None:
    """Give a layer the truncated Y for its weight, and carry its moments along.

    Parameters
    ----------
    layer, state
        The layer and the base optimiser's state.
    Y, rule
        The weight to come and its truncation.
    old, core
        The frames that the leaves' and the core's moments live in.
    """
    # nobody asks how much was dropped: Gram matrices are good enough where they resolve the rest
    kept, _ = truncated(Y, Y.cores, rule, Record(), squared=True)
    layer.assign(layer.settle(kept))
    new = layer.frame
    held = state.get(layer.core)
    if not held or transport.same(core, new):
        return
    made: list[dict[str, Any]] = [{} for _ in layer.leaves]
    for name, value in list(held.items()):
        if _is_moment(value):
            moments = [*(state.get(p, {}).get(name) for p in layer.leaves), value]
            *found, held[name] = map(_stored, _carried(name, moments, old, core, new))
        else:
            copy = value.clone() if isinstance(value, torch.Tensor) else value
            found = [copy] * len(made)
        for leaf in new.growing:
            made[leaf][name] = found[leaf]
    for leaf, parameter in enumerate(layer.leaves):
        if made[leaf]:
            state[parameter] = made[leaf]
        else:
            state.pop(parameter, None)


def _is_moment(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim > 0


def _stored(moment: Array | None) -> Array | None:
    return None if moment is None else contiguous(moment)


def _carried(
    name: str, moments: transport.Moments, old: Frame, core: Frame, new: Frame
) -> list[Array | None]:
    if name in SECOND:
        return transport.spread(moments, old, core, new)
    if core is not old:
        # the wide core has taken up what the leaves' moments hold
        moments = [*[None] * (len(moments) - 1), moments[-1]]
    return transport.seen(moments, core, new)
