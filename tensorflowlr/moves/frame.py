"""The first move: orthonormal surroundings of every node, and its centre.

Y0 is written once for every node as Σ X[b_1 … b_m, s] U_1 ⊗ … ⊗ U_m ⊗ V_s, with the bases
U_i of its children below and an orthonormal basis V above. At first order both have the rank
of Y0. Enriched and repeated steps bring wider bases below and further directions above.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorflowlr.arrays import Array, adjoint, fold, multiply, namespace, pad, qr, unfold
from tensorflowlr.moves.augment import new_directions
from tensorflowlr.tensors import TreeTensor, squares
from tensorflowlr.trees import Tree


@dataclass(frozen=True)
class Frame:
    """Where the flows of one step live.

    Attributes
    ----------
    tree : Tree
    basis : list of array
        Orthonormal cores of all nodes but the root; the root's entry is None.
    centre : list of array
        The starting value at each node, shape (child ranks …, s) with s the dimension above;
        the root's last axis is 1. None below nodes that are complete.
    outer : list of array
        The orthonormal surroundings of a node at its parent, laid out as the parent's centre
        with the node's own axis of length s.
    complete : list of bool
        Whether the bases below a node span everything, so that nothing there can grow.
    """

    tree: Tree
    basis: list[Array]
    centre: list[Array]
    outer: list[Array]
    complete: list[bool]

    def saturated(self, node: int) -> bool:
        """Whether a node's basis spans all that its children's bases can hold."""
        core = self.basis[node]
        return core is not None and core.shape[-1] >= math.prod(core.shape[:-1])

    @property
    def growing(self) -> list[int]:
        """The nodes whose bases can grow, children before parents, the root left out."""
        return [node for node in self.tree.edges if not self.complete[node]]

    def ranks(self) -> dict[int, int]:
        """The dimension below every edge."""
        return {node: self.basis[node].shape[-1] for node in self.tree.edges}


def build_frame(
    tree: Tree,
    bases: Sequence[Array],
    root: Array,
    *,
    ranks: Mapping[int, int] | None = None,
    extra: Array | None = None,
    drop: float = 0.0,
    squared: bool = False,
) -> Frame:
    """The frame of Y0 = `root` in orthonormal `bases`.

    Parameters
    ----------
    tree
        The topology.
    bases
        Cores with orthonormal columns; the entry of the root is not used.
    root
        The root core of the starting value.
    ranks
        The ranks of the starting value where the bases are wider: its own directions come
        first.
    extra
        A second root core in the same bases whose rows widen the surroundings above.
    drop
        The norm below which directions of `extra` are left out.
    squared
        Whether surroundings may come from Gram matrices where these resolve them.
    """
    xp = namespace(root)
    size = len(bases)
    complete = complete_nodes(tree, bases)
    centre: list[Array] = [None] * size
    other: list[Array] = [None] * size
    outer: list[Array] = [None] * size
    centre[-1] = xp.reshape(root, (*root.shape, 1))
    if extra is not None:
        other[-1] = xp.reshape(extra, (*extra.shape, 1))
    for node in tree.downward:
        if centre[node] is None:
            continue
        for i, child in enumerate(tree.children[node]):
            if complete[child]:
                continue
            rows = unfold(centre[node], i)
            core = bases[child]
            if extra is None:
                found = squares.orthonormal(rows) if squared else None
                surroundings, weights = qr(rows) if found is None else found
            else:
                assert ranks is not None
                surroundings, r = qr(rows[:, : ranks[child]])
                further = unfold(other[node], i)
                new = new_directions(surroundings, further, drop)
                if new.shape[1]:
                    surroundings = xp.concat([surroundings, new], axis=1)
                weights = pad(r, (surroundings.shape[1], rows.shape[1]))
                other[child] = multiply(
                    core, adjoint(surroundings) @ further, core.ndim - 1
                )
            outer[child] = fold(surroundings, centre[node].shape, i)
            centre[child] = multiply(core, weights, core.ndim - 1)
    kept = [*bases[:-1], None]
    return Frame(tree, kept, centre, outer, complete)


def complete_nodes(tree: Tree, bases: Sequence[Array]) -> list[bool]:
    """Which nodes' bases span everything below them, so that nothing there can grow."""
    complete = [False] * len(bases)
    for node in tree.edges:
        core = bases[node]
        full = core.shape[-1] >= math.prod(core.shape[:-1])
        complete[node] = full and all(complete[c] for c in tree.children[node])
    return complete


def frame_of(Y: TreeTensor, *, squared: bool = False) -> Frame:
    """The frame of an orthonormal tree tensor at its own ranks; `squared` as in `build_frame`."""
    return build_frame(Y.tree, Y.cores, Y.cores[-1], squared=squared)
