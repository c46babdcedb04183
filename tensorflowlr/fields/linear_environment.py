"""A linear field seen from all nodes of a frame: blocks from one sweep up and one down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.fields.environment import in_dtype, restrict
from tensorflowlr.fields.linear_local import InnerPart, LeafPart, LinearLocal, coefficient_at
from tensorflowlr.moves.frame import Frame
from tensorflowlr.operators import blocks
from tensorflowlr.operators.placed import PlacedOperator
from tensorflowlr.tensors import TreeTensor

if TYPE_CHECKING:
    from tensorflowlr.fields.linear import LinearField


class LinearEnvironment:
    """Blocks (bond, bra, ket) below and above every edge of a frame, for each operator."""

    def __init__(self, field: LinearField, frame: Frame) -> None:
        self.field, self.frame = field, frame
        self.bases = list(frame.basis)
        like = frame.centre[-1]
        self.placed = [h.place(like) for h in field.operators]
        self.below = [self._sweep_up(h) for h in self.placed]
        self.above = [
            self._sweep_down(h, b) for h, b in zip(self.placed, self.below, strict=True)
        ]
        self.coefficients = [
            c if callable(c) else coefficient_at(c, 0.0) for c in field.coefficients
        ]
        constant = field.source is not None and not callable(field.source)
        self.source = field.source_at(0.0, self._like()) if constant else None

    def _like(self) -> TreeTensor:
        cores = [*self.frame.basis[:-1], self.frame.centre[-1][..., 0]]
        return TreeTensor.trusted(self.frame.tree, cores)

    def _sweep_up(self, placed: PlacedOperator) -> list[Array]:
        below: list[Array] = [None] * len(self.bases)
        for node in self.frame.tree.edges:
            children = [below[c] for c in self.frame.tree.children[node]]
            below[node] = placed.upward(node, self.bases[node], self.bases[node], children)
        return below

    def _sweep_down(self, placed: PlacedOperator, below: list[Array]) -> list[Array]:
        tree, above = self.frame.tree, [None] * len(self.bases)
        for node in tree.downward:
            for i, child in enumerate(tree.children[node]):
                outer = self.frame.outer[child]
                if outer is not None:
                    others = [below[c] for c in tree.children[node] if c != child]
                    above[child] = blocks.downward(
                        outer, placed.cores[node], others, i, above[node]
                    )
        return above

    def update(self, node: int, basis: Array) -> None:
        """Replace the basis of a node and its blocks."""
        self.bases[node] = basis
        for placed, below in zip(self.placed, self.below, strict=True):
            children = [below[c] for c in self.frame.tree.children[node]]
            below[node] = placed.upward(node, basis, basis, children)

    def _part(self, q: int, node: int) -> InnerPart | LeafPart:
        placed, above = self.placed[q], self.above[q][node]
        if self.frame.tree.is_leaf(node):
            return LeafPart(placed.leaves[node], above)
        below = tuple(self.below[q][c] for c in self.frame.tree.children[node])
        shape = (*(b.shape[2] for b in below), self.frame.centre[node].shape[-1])
        return InnerPart(shape, placed.cores[node], below, above)

    def flops(self, node: int) -> int:
        """What one evaluation at a node costs, in real multiplications and additions."""
        parts = [self._part(q, node) for q in range(len(self.placed))]
        return sum(p.flops for p in parts) * (4 if arrays.is_complex(parts[0].sample) else 1)

    def local(self, node: int) -> LinearLocal:
        """The field at one node."""
        parts = [self._part(q, node) for q in range(len(self.placed))]
        fixed = None if self.source is None else self._restricted(node, self.source)
        moving = None
        if self.field.source is not None and self.source is None:
            bases = list(self.bases)

            def moving(t: float) -> Array:
                return self._restricted(node, self.field.source_at(t, self._like()), bases)

        return LinearLocal(parts, self.coefficients, fixed, moving)

    def _restricted(
        self, node: int, source: TreeTensor, bases: Sequence[Array] | None = None
    ) -> Array:
        made = restrict(self.frame, node, source, self.bases if bases is None else bases)
        return in_dtype(made, self.frame.centre[-1], "source")

    def groups(self, nodes: Sequence[int]) -> list[tuple[list[int], LinearLocal]]:
        """Nodes of equal shapes together, their operators stacked into batched products."""
        tree = self.frame.tree
        found: dict[Any, list[int]] = {}
        for node in nodes:
            key: Any = node
            if self.field.source is None and not tree.is_leaf(node) and node != tree.root:
                key = tuple(
                    tuple(tuple(a.shape) for a in self._blocks(q, node))
                    for q in range(len(self.placed))
                )
            found.setdefault(key, []).append(node)
        return [
            (group, self.local(group[0]) if len(group) == 1 else self._stacked(group))
            for group in found.values()
        ]

    def _blocks(self, q: int, node: int) -> list[Array]:
        children = self.frame.tree.children[node]
        below = self.below[q]
        return [self.placed[q].cores[node], *(below[c] for c in children), self.above[q][node]]

    def _stacked(self, nodes: list[int]) -> LinearLocal:
        xp = namespace(self.frame.centre[-1])
        parts = []
        for q in range(len(self.placed)):
            columns = zip(*(self._blocks(q, node) for node in nodes), strict=True)
            core, *children, above = (xp.stack(column) for column in columns)
            shape = (len(nodes), *(c.shape[3] for c in children), above.shape[2])
            parts.append(InnerPart(shape, core, tuple(children), above))
        return LinearLocal(parts, self.coefficients)
