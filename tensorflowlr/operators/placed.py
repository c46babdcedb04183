"""A tree operator's arrays where the tensors are, and its contractions with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace, permute, reshape
from tensorflowlr.operators import blocks, leaf
from tensorflowlr.tensors import algebra
from tensorflowlr.trees import Tree


class PlacedOperator:
    """A tree operator's arrays on the library, device and dtype of the tensors."""

    def __init__(
        self, tree: Tree, leaf_matrices: Sequence[Sequence[Any]], inner_cores: Sequence[Array],
        like: Array,
    ) -> None:
        self.tree = tree
        self.leaves = [leaf.LeafMatrices(group, like) for group in leaf_matrices]
        self.cores: list[Array] = [None] * tree.modes + [
            arrays.asarray(c, like=like, dtype=like.dtype) for c in inner_cores
        ]

    def is_finite(self) -> bool:
        """Whether all numbers fit the dtype they were placed in."""
        return all(part.is_finite() for part in self.leaves) and all(
            arrays.all_finite(core) for core in self.cores[self.tree.modes :]
        )

    def apply(self, cores: Sequence[Array]) -> list[Array]:
        """Cores of H Y: ranks multiplied by the bonds."""
        result = []
        for node in self.tree.nodes:
            core = cores[node]
            if self.tree.is_leaf(node):
                applied = permute(self.leaves[node].apply(core), (1, 0, 2))
                result.append(reshape(applied, (core.shape[0], -1)))
            else:
                result.append(algebra.kron(self.cores[node], core))
        return result

    def apply_orthonormal(self, cores: Sequence[Array], keep: Sequence[bool]) -> list[Array]:
        """Cores of H Y with orthonormal columns, the products of ranks and bonds never formed.

        Nodes marked in `keep` are complete: there the basis of Y itself serves.
        """
        result: list[Array] = []
        # per node, H's bonds times Y's basis in the new basis: (bond, new, old)
        maps: list[Array] = []
        for node in self.tree.nodes:
            core = cores[node]
            if self.tree.is_leaf(node):
                made = permute(self.leaves[node].apply(core), (1, 0, 2))
            else:
                below = [maps[c] for c in self.tree.children[node]]
                root = node == self.tree.root
                made = blocks.expanded(core, self.cores[node], below, root)
                if root:
                    result.append(made)
                    break
            lead, (bond, rank) = made.shape[:-2], made.shape[-2:]
            columns = reshape(made, (math.prod(lead), bond * rank))
            if keep[node]:
                result.append(core)
                rest = arrays.adjoint(arrays.unfold(core, core.ndim - 1)) @ columns
            else:
                q, rest = arrays.qr(columns)
                result.append(reshape(q, (*lead, q.shape[1])))
            maps.append(permute(reshape(rest, (rest.shape[0], bond, rank)), (1, 0, 2)))
        return result

    def upward(self, node: int, bra: Array, ket: Array, below: Sequence[Array]) -> Array:
        """The block below the edge of `node`: shape (bond, bra rank, ket rank)."""
        if self.tree.is_leaf(node):
            return arrays.adjoint(bra) @ self.leaves[node].apply(ket)
        return blocks.upward(bra, ket, self.cores[node], below)

    def expectation(self, cores: Sequence[Array]) -> Array:
        """⟨Y|H|Y⟩ as a zero-dimensional array."""
        below: list[Array] = [None] * len(cores)
        for node in self.tree.edges:
            children = [below[c] for c in self.tree.children[node]]
            below[node] = self.upward(node, cores[node], cores[node], children)
        root, xp = cores[-1], namespace(cores[-1])
        children = [below[c] for c in self.tree.children[self.tree.root]]
        centre = xp.reshape(root, (*root.shape, 1))
        applied = blocks.local(tuple(centre.shape), self.cores[-1], children, None)(centre)
        return xp.sum(arrays.conj(centre) * applied)
