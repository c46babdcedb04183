"""The fourth move: evolved centres put together in the augmented bases.

The block in all old directions is the node's own evolved centre. The block with one child in
its new directions and the others in old ones is what the child's evolved centre has there,
carried up through the child's surroundings. Blocks with two or more new children are zero
(arXiv 2412.00858, with the child's evolved centre in place of h F(Y0)).
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorflowlr.arrays import Array, multiply, norm, pad, zeros
from tensorflowlr.moves.augment import augment
from tensorflowlr.moves.frame import Frame


def assemble(
    frame: Frame,
    node: int,
    evolved: Array | None,
    bases: Sequence[Array],
    coefficients: Sequence[Array],
) -> Array:
    """One node's centre in its children's augmented bases, shape (R_1, …, R_m, s).

    `evolved` is None where the node's own flow cannot matter.
    """
    start = frame.centre[node]
    below = frame.tree.children[node]
    shape = (*(bases[c].shape[-1] for c in below), start.shape[-1])
    core = zeros(shape, start) if evolved is None else pad(evolved, shape)
    old = [frame.basis[c].shape[-1] for c in below]
    for i, child in enumerate(below):
        if coefficients[child] is None or not coefficients[child].shape[0]:
            continue
        where = [slice(0, n) for n in old]
        where[i] = slice(old[i], None)
        core[(*where, slice(None))] = multiply(frame.outer[child], coefficients[child], i)
    return core


def assemble_all(
    frame: Frame, evolved: Sequence[Array], drop: float
) -> tuple[list[Array], list[Array]]:
    """Augmented bases of all nodes from the leaves up, and the assembled centres.

    What a leaf's evolved value has in its own basis does not matter: its change alone will do.
    The root's centre has a last axis of one; leaves and complete nodes have none.
    """
    bases = list(frame.basis)
    coefficients: list[Array] = [None] * len(bases)
    centres: list[Array] = [None] * len(bases)
    for node in (*frame.growing, frame.tree.root):
        if frame.tree.is_leaf(node):
            old, candidate = frame.basis[node], evolved[node]
        else:
            candidate = assemble(frame, node, evolved[node], bases, coefficients)
            centres[node] = candidate
            if node == frame.tree.root:
                break
            old = widened(frame, node, bases)
        bases[node], coefficients[node] = augment(old, candidate, drop)
    return bases, centres


def widened(frame: Frame, node: int, bases: Sequence[Array]) -> Array:
    """A node's old basis, zero-padded into its children's augmented bases."""
    core = frame.basis[node]
    below = frame.tree.children[node]
    return pad(core, (*(bases[c].shape[-1] for c in below), core.shape[-1]))


def missing(frame: Frame, node: int, slope: Array) -> float:
    """The norm of `slope` in the blocks that `assemble` leaves zero.

    Those are the blocks with two or more children in new directions; `slope` is the node's
    vector field in the augmented bases, shape (R_1, …, R_m, s).
    """
    old = [frame.basis[c].shape[-1] for c in frame.tree.children[node]]
    rest = slope + 0.0
    rest[(*(slice(0, n) for n in old), slice(None))] = 0.0
    for i in range(len(old)):
        where = [slice(0, n) for n in old]
        where[i] = slice(old[i], None)
        rest[(*where, slice(None))] = 0.0
    return norm(rest)
