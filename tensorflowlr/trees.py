"""Topology of a tree tensor, and nothing else."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from tensorflowlr.checks import is_whole, shown, whole_number

# larger trees are slips of the pen that would fill the memory
MOST_MODES = 1 << 20
_END = object()


class Tree:
    """A rooted tree whose leaves are the modes of a tensor.

    Parameters
    ----------
    spec
        Nested tuples (or lists) of mode numbers, each of 0 … d-1 exactly once; every tuple is
        an inner node, the outermost one the root.

    Attributes
    ----------
    modes : int
        The number d of leaves. Leaf ``i`` is node ``i`` and belongs to mode ``i``.
    nodes : range
        All nodes. Inner nodes follow the leaves, children before their parents; the root is
        the last.
    children : tuple of tuple of int
        The children of each node, in order; empty for leaves.
    parent : tuple of int
        The parent of each node; -1 for the root.

    Raises
    ------
    TypeError, ValueError
        If `spec` is no nesting of integers or does not hold each mode once.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> tree = tlr.Tree(((0, 1), (2, 3)))
    >>> tree.modes, tree.root, tree.children[tree.root]
    (4, 6, (4, 5))
    """

    modes: int
    nodes: range
    children: tuple[tuple[int, ...], ...]
    parent: tuple[int, ...]

    def __init__(self, spec: Any) -> None:
        if not isinstance(spec, (tuple, list)):
            raise TypeError(f"spec must be nested tuples of mode numbers, not {shown(spec)}")
        leaves: list[int] = []
        inner: list[list[Any]] = []
        # children before parents without recursion, so that combs of any length work
        stack: list[tuple[list[Any], Iterator[Any]]] = [([], iter(spec))]
        while stack:
            found, rest = stack[-1]
            child: Any = next(rest, _END)
            if child is _END:
                if not found:
                    raise ValueError(
                        f"spec: every nested tuple must hold at least one mode, not {shown(spec)}"
                    )
                stack.pop()
                inner.append(found)
                if stack:
                    stack[-1][0].append(("inner", len(inner) - 1))
            elif isinstance(child, (tuple, list)):
                stack.append(([], iter(child)))
            elif not is_whole(child):
                raise TypeError(f"spec: a mode must be an integer, not {shown(child)}")
            else:
                leaves.append(operator.index(child))
                found.append(leaves[-1])
        if len(leaves) > MOST_MODES:
            raise ValueError(f"spec must hold at most {MOST_MODES} modes, not {len(leaves)}")
        if sorted(leaves) != list(range(len(leaves))):
            raise ValueError(
                f"spec must hold each mode 0 … {len(leaves) - 1} exactly once, not {shown(leaves)}"
            )
        d = self.modes = len(leaves)
        children: list[tuple[int, ...]] = [()] * d
        parent = [-1] * (d + len(inner))
        for i, found in enumerate(inner):
            ids = tuple(d + c[1] if isinstance(c, tuple) else c for c in found)
            children.append(ids)
            for c in ids:
                parent[c] = d + i
        self.nodes = range(len(children))
        self.children = tuple(children)
        self.parent = tuple(parent)

    @classmethod
    def matrix(cls) -> Tree:
        """Two leaves below a root: Y = U S Vᵀ."""
        return cls((0, 1))

    @classmethod
    def tucker(cls, modes: int) -> Tree:
        """All leaves below the root: the Tucker format."""
        return cls(tuple(range(whole_number(modes, "modes", 1, MOST_MODES))))

    @classmethod
    def train(cls, modes: int, *, root: int = 0) -> Tree:
        """The tensor train as a comb, ``(0, (1, (2, …)))`` by default.

        Parameters
        ----------
        modes
            The number of modes.
        root
            The mode beside the root. A comb rooted in the middle has half the depth, and the
            integrators' errors on it are much smaller.

        Examples
        --------
        >>> import tensorflowlr as tlr
        >>> tlr.Tree.train(5, root=2).spec
        ((0, 1), 2, (3, 4))
        """
        modes = whole_number(modes, "modes", 1, MOST_MODES)
        root = whole_number(root, "root", 0, modes - 1)
        arms: list[Any] = []
        if root:
            left: Any = 0
            for mode in range(1, root):
                left = (left, mode)
            arms.append(left)
        arms.append(root)
        if root < modes - 1:
            right: Any = modes - 1
            for mode in reversed(range(root + 1, modes - 1)):
                right = (mode, right)
            arms.append(right)
        return cls(tuple(arms))

    @classmethod
    def balanced(cls, modes: int) -> Tree:
        """A binary tree of the least height, modes in order."""
        modes = whole_number(modes, "modes", 1, MOST_MODES)

        def split(first: int, last: int) -> Any:
            if last - first == 1:
                return first
            middle = first + (last - first + 1) // 2
            return (split(first, middle), split(middle, last))

        return cls((0,)) if modes == 1 else cls(split(0, modes))

    @property
    def root(self) -> int:
        """The root's node number, the last."""
        return len(self.children) - 1

    @property
    def edges(self) -> range:
        """All nodes but the root; each stands for the edge to its parent."""
        return range(len(self.children) - 1)

    @property
    def inner(self) -> range:
        """The inner nodes, children before parents, the root last."""
        return range(self.modes, len(self.children))

    def is_leaf(self, node: int) -> bool:
        """Whether `node` is a leaf."""
        return self._checked(node) < self.modes

    @cached_property
    def position(self) -> tuple[int, ...]:
        """Where each node stands among its parent's children; -1 for the root."""
        positions = [-1] * len(self.children)
        for below in self.children:
            for i, child in enumerate(below):
                positions[child] = i
        return tuple(positions)

    @cached_property
    def leaves_below(self) -> tuple[tuple[int, ...], ...]:
        """The modes below each node, in the tree's order."""
        below: list[tuple[int, ...]] = [(i,) for i in range(self.modes)]
        for node in self.inner:
            below.append(tuple(m for c in self.children[node] for m in below[c]))
        return tuple(below)

    @cached_property
    def downward(self) -> tuple[int, ...]:
        """The inner nodes, parents before children."""
        return tuple(reversed(self.inner))

    @cached_property
    def height(self) -> tuple[int, ...]:
        """The longest way from each node down to a leaf, in edges."""
        heights = [0] * self.modes
        for node in self.inner:
            heights.append(1 + max(heights[c] for c in self.children[node]))
        return tuple(heights)

    def levels(self, nodes: Iterable[int]) -> list[list[int]]:
        """Nodes grouped by their height, lowest first: none is above another of its group.

        Examples
        --------
        >>> import tensorflowlr as tlr
        >>> tlr.Tree(((0, 1), 2)).levels([0, 1, 2, 3, 4])
        [[0, 1, 2], [3], [4]]
        """
        groups: dict[int, list[int]] = {}
        for node in nodes:
            groups.setdefault(self.height[self._checked(node)], []).append(node)
        return [groups[height] for height in sorted(groups)]

    def descendants(self, node: int) -> tuple[int, ...]:
        """All nodes strictly below `node`, children before parents."""
        found: list[int] = []
        stack = list(self.children[self._checked(node)])
        while stack:
            found.append(stack.pop())
            stack.extend(self.children[found[-1]])
        return tuple(sorted(found))

    @property
    def rounding_edges(self) -> int:
        """How many edges add to the error of a rounding.

        The two edges below a binary root separate the same two halves: they count once.
        """
        edges = len(self.children) - 1
        return max(edges - 1, 1) if len(self.children[self.root]) == 2 else max(edges, 1)

    @cached_property
    def spec(self) -> Any:
        """The nested tuples that build this tree."""
        built: list[Any] = list(range(self.modes))
        for node in self.inner:
            built.append(tuple(built[c] for c in self.children[node]))
        return built[-1]

    def _checked(self, node: int) -> int:
        # the common case without a call: nodes are asked for in every contraction
        if type(node) is int and 0 <= node < len(self.children):
            return node
        return whole_number(node, "node", 0, len(self.children) - 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.children == other.children

    def __hash__(self) -> int:
        return hash(self.children)

    def __repr__(self) -> str:
        if self.modes > 64:
            return f"Tree(<{self.modes} modes, {len(self.inner)} inner nodes>)"
        return f"Tree({self.spec!r})"
