"""Moments of an optimiser carried from one frame to the next.

First moments are tangent vectors, held like gradients: the core's, and at each leaf that of
its centre. Together they are one tensor, which the new frame sees as it sees any field. Second
moments have no direction: where coordinates turn by T, those of uncorrelated entries turn by
the squares of T, which keeps them positive; what T does not reach gets the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflowlr.arrays import Array, adjoint, fold, multiply, namespace, unfold
from tensorflowlr.moves.frame import Frame

# a moment per mode, None where there is none, and the core's at last
Moments = Sequence[Array | None]


def same(old: Frame, new: Frame) -> bool:
    """Whether two frames have the very same bases, so that moments stay what they are."""
    return all(a is b for a, b in zip(old.basis, new.basis, strict=True))


def seen(moments: Moments, old: Frame, new: Frame) -> list[Array | None]:
    """First moments in the new frame.

    The tensor is Σ over no or one leaf in directions outside its basis: the core's moment in
    all old bases, and at each leaf its surroundings times what of its moment is outside.
    """
    core = moments[-1]
    assert core is not None
    xp = namespace(core)
    turns = _overlaps(old, new)
    outside: dict[int, Array] = {}
    for leaf in old.growing:
        moment, basis = moments[leaf], old.basis[leaf]
        if moment is not None:
            outside[leaf] = moment - basis @ (adjoint(basis) @ moment)
    entered = {leaf: adjoint(new.basis[leaf]) @ part for leaf, part in outside.items()}

    def beside(tensor: Array, skip: int, other: int = -1) -> Array:
        """All axes turned but two, the second by what came from outside."""
        for axis in new.tree.edges:
            turn = entered[axis] if axis == other else turns.get(axis)
            if axis != skip and turn is not None:
                tensor = multiply(tensor, turn, axis)
        return tensor

    found: list[Array | None] = [None] * len(new.basis)
    for leaf in new.growing:
        # the part in the leaf's old basis, and below it the part outside
        total, basis = core, old.basis[leaf]
        if leaf in outside:
            total = xp.concat([total, old.outer[leaf][..., 0]], axis=leaf)
            basis = xp.concat([basis, outside[leaf]], axis=1)
        total = beside(total, leaf)
        if total is core:
            total = total + 0.0
        rank = old.basis[leaf].shape[1]
        head = total[(*(slice(None),) * leaf, slice(0, rank))]
        for other in outside:
            if other != leaf:
                head += beside(old.outer[other][..., 0], leaf, other)
        surroundings = unfold(new.outer[leaf][..., 0], leaf)
        found[leaf] = basis @ (unfold(total, leaf).mT @ surroundings)
        if found[-1] is None:
            # one more axis turned, and what any leaf has begun is the whole
            found[-1] = multiply(total, adjoint(new.basis[leaf]) @ basis, leaf)
    if found[-1] is None:
        total = beside(core, -1)
        for leaf in outside:
            total = total + beside(old.outer[leaf][..., 0], -1, leaf)
        found[-1] = total
    return found


def spread(moments: Moments, old: Frame, core: Frame, new: Frame) -> list[Array | None]:
    """Second moments in the new frame, the leaves' from frame `old`, the core's from `core`."""
    turns = _overlaps(core, new)
    squares = {leaf: _squares(turn) for leaf, turn in turns.items()}
    found: list[Array | None] = [None] * len(new.basis)
    found[-1] = _turned(moments[-1], squares)
    for leaf in new.growing:
        surroundings = unfold(new.outer[leaf][..., 0], leaf)
        moment = moments[leaf]
        if moment is None:
            # the leaf had nothing of its own: its moments are those of the core
            beside = {i: turn for i, turn in squares.items() if i != leaf}
            rows = unfold(_turned(moments[-1], beside), leaf).mT
            rows = _axis(rows, _squares(core.basis[leaf]), 0)
            found[leaf] = _axis(rows, _squares(surroundings.mT), 1)
            continue
        above = old.outer[leaf][..., 0]
        for i, turn in _overlaps(old, new).items():
            above = above if i == leaf else multiply(above, turn, i)
        turn = adjoint(surroundings) @ unfold(above, leaf)
        found[leaf] = _axis(moment, _squares(turn), 1)
    return found


def _overlaps(old: Frame, new: Frame) -> dict[int, Array]:
    """The changes of all bases that are not the very same."""
    return {
        leaf: adjoint(new.basis[leaf]) @ old.basis[leaf]
        for leaf in new.tree.edges if new.basis[leaf] is not old.basis[leaf]
    }


def _squares(matrix: Array) -> Array:
    return matrix * matrix


def _turned(core: Array, turns: Mapping[int, Array]) -> Array:
    for axis, turn in turns.items():
        core = _axis(core, turn, axis)
    return core


def _axis(moment: Array, turn: Array, axis: int) -> Array:
    """One axis turned by squares whose rows may add up to less than one."""
    xp = namespace(moment)
    rows = unfold(moment, axis)
    short = xp.clip(1.0 - xp.sum(turn, axis=1), min=0.0)
    turned = rows @ turn.mT + xp.mean(rows, axis=1, keepdims=True) * short
    shape = (*moment.shape[:axis], turn.shape[0], *moment.shape[axis + 1 :])
    return fold(turned, shape, axis)
