"""Moments of an optimiser carried from one frame to the next.

First moments are tangent vectors, held like gradients: the core's, and at each leaf that of
its centre. Together they are one tensor, which the new frame sees as it sees any field. Second
moments have no direction: where coordinates turn by T, those of uncorrelated entries turn by
the squares of T, which keeps them positive; what T does not reach gets the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflowlr.arrays import Array, adjoint, eye, fold, multiply, namespace, unfold
from tensorflowlr.fields.environment import restrict
from tensorflowlr.moves.assemble import assemble
from tensorflowlr.moves.frame import Frame
from tensorflowlr.tensors import TreeTensor

# a moment per mode, None where there is none, and the core's at last
Moments = Sequence[Array | None]


def same(old: Frame, new: Frame) -> bool:
    """Whether two frames have the very same bases, so that moments stay what they are."""
    return all(a is b for a, b in zip(old.basis, new.basis, strict=True))


def tangent(frame: Frame, moments: Moments) -> TreeTensor:
    """The tensor that first moments stand for."""
    root = frame.tree.root
    bases = list(frame.basis)
    coefficients: list[Array] = [None] * len(bases)
    for leaf in frame.growing:
        moment, basis = moments[leaf], bases[leaf]
        if moment is not None:
            outside = moment - basis @ (adjoint(basis) @ moment)
            bases[leaf] = namespace(basis).concat([basis, outside], axis=1)
            coefficients[leaf] = eye(moment.shape[1], moment.shape[1], moment)
    core = moments[-1]
    assert core is not None
    core = assemble(frame, root, core[..., None], bases, coefficients)
    return TreeTensor.trusted(frame.tree, (*bases[:-1], core[..., 0]))


def seen(Z: TreeTensor, frame: Frame) -> list[Array | None]:
    """First moments in a frame: a tensor projected on it."""
    found: list[Array | None] = [None] * len(frame.basis)
    for node in (*frame.growing, frame.tree.root):
        found[node] = restrict(frame, node, Z, frame.basis)
    root: Array = found[-1]
    return [*found[:-1], root[..., 0]]


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
