"""Bases that hold the start and the range of its vector field, for second order.

The tangent projection of F(Y0) misses what is new in two subtrees at once, which is O(h)
while ranks grow; the full range has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tensorflowlr.arrays import Array, adjoint, multiply, pad, unfold
from tensorflowlr.moves.assemble import assemble_all
from tensorflowlr.moves.augment import augment
from tensorflowlr.moves.frame import Frame, build_frame, frame_of
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.rounding import edge_bases, orthogonalize
from tensorflowlr.truncation import Truncation

# of the truncation tolerance, what directions left out of a basis may weigh together
DROPPED_SHARE = 0.1


def orthonormal_derivative(
    Y: TreeTensor, derivative: TreeTensor, complete: Sequence[bool]
) -> list[Array]:
    """Cores of F(Y) with orthonormal columns; complete nodes are written in Y's own bases."""
    cores = list(derivative.cores)
    for node in Y.tree.edges:
        if complete[node]:
            own = Y.cores[node]
            coordinates = adjoint(unfold(own, own.ndim - 1)) @ unfold(cores[node], own.ndim - 1)
            parent = Y.tree.parent[node]
            cores[parent] = multiply(cores[parent], coordinates, Y.tree.position[node])
            cores[node] = own
    return list(orthogonalize(Y.tree, cores, skip=complete))


def range_frame(
    Y: TreeTensor, made: Sequence[Array], complete: Sequence[bool], tolerance: float
) -> Frame:
    """The frame of Y in bases of Y ⊕ F(Y), node by node from the leaves up.

    Parameters
    ----------
    Y
        The starting value, orthonormal.
    made
        Cores of F(Y) as `orthonormal_derivative` gives them.
    complete
        The nodes of Y that cannot grow.
    tolerance
        Directions are left out as long as their singular weights in F(Y) stay below this.
    """
    tree = Y.tree
    drop = tolerance / math.sqrt(len(tree.edges))
    weights, _ = edge_bases(tree, made, Truncation(), tolerance=tolerance, skip=complete)
    bases = list(Y.cores)
    # the coordinates of the derivative's bases in the enriched ones
    mixed: list[Array] = [None] * len(bases)
    for node in tree.nodes:
        if complete[node]:
            continue
        core = made[node]
        for i, child in enumerate(tree.children[node]):
            if not complete[child]:
                core = multiply(core, mixed[child], i)
        if node == tree.root:
            shape = core.shape
            return build_frame(
                tree, bases, pad(Y.cores[-1], shape), ranks=Y.ranks, extra=core, drop=tolerance
            )
        last = core.ndim - 1
        edge = weights[node]
        assert edge is not None
        old = pad(Y.cores[node], (*core.shape[:-1], Y.cores[node].shape[-1]))
        candidate = multiply(core, edge.weighted[:, : edge.rank].mT, last)
        bases[node], _ = augment(old, candidate, drop)
        mixed[node] = adjoint(unfold(bases[node], last)) @ unfold(core, last)
    raise AssertionError("a tree ends at its root")


def tangent_frame(
    Y: TreeTensor,
    derivative: Callable[[Frame, Sequence[int]], Mapping[int, Array]],
    tolerance: float,
) -> Frame:
    """The frame of Y in bases of Y and the tangent projection of F(Y) alone.

    `derivative` gives F at wanted nodes of Y's own frame, restricted to each.
    """
    frame = frame_of(Y)
    slopes = derivative(frame, (*frame.growing, Y.tree.root))
    bases, centres = assemble_all(
        frame, [slopes.get(node) for node in Y.tree.nodes], tolerance
    )
    root = centres[-1][..., 0]
    return build_frame(
        Y.tree, bases, pad(Y.cores[-1], root.shape), ranks=Y.ranks, extra=root, drop=tolerance
    )
