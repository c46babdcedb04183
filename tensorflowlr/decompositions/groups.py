"""Tensors symmetric in groups of axes: how to flatten them, and powers of several vectors."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.decompositions.diagnostics import DecompositionWarning
from tensorflowlr.decompositions.flattening import DenseFlattening, scaled
from tensorflowlr.decompositions.sources import NEARLY, ROUND_OFF
from tensorflowlr.tensors.multisets import contracted, multisets, powers

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Side:
    """One side of a flattening: the groups it has a share of.

    Attributes
    ----------
    groups : tuple of int
        Their numbers.
    sizes, orders : tuple of int
        For each, the size d_g of its axes, and how many of them are on this side.
    """

    groups: tuple[int, ...]
    sizes: tuple[int, ...]
    orders: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The multisets of indices of each group."""
        return tuple(multisets(d, n).count for d, n in zip(self.sizes, self.orders, strict=True))

    @property
    def limit(self) -> int:
        """The most products of general vectors whose span holds no other product.

        By the trisecant lemma it is the codimension of the variety of products, and one more
        where its degree is the least that may be.
        """
        bends = [d - 1 for d in self.sizes]
        codimension = math.prod(self.counts) - 1 - sum(bends)
        if codimension == 0:
            return 1
        degree = math.factorial(sum(bends))
        for bend, order in zip(bends, self.orders, strict=True):
            degree = degree // math.factorial(bend) * order**bend
        return codimension + (degree == codimension + 1)

    def powers(self, X: Sequence[Array]) -> Array:
        """The compressed products ⊗_g x_g^{⊗n_g} of columns, shape (Π counts, k)."""
        return joined([powers(x, n) for x, n in zip(X, self.orders, strict=True)])

    def contracted(self, W: Array, X: Sequence[Array], place: int) -> Array:
        """Tensors w_k times all vectors of column k but one of a group, shape (d_g, k)."""
        counts, columns = self.counts, int(W.shape[1])
        before, after = (self._rest(X, slice(0, place)), self._rest(X, slice(place + 1, None)))
        xp = namespace(W)
        if before is not None:
            W = xp.reshape(W, (int(before.shape[0]), -1, columns))
            W = xp.sum(W * before[:, None, :], axis=0)
        if after is not None:
            W = xp.reshape(W, (counts[place], -1, columns))
            W = xp.sum(W * after[None, :, :], axis=1)
        return contracted(W, X[place], self.orders[place])

    def _rest(self, X: Sequence[Array], which: slice) -> Array | None:
        chosen = list(zip(X, self.orders, strict=True))[which]
        return joined([powers(x, n) for x, n in chosen]) if chosen else None


def joined(parts: Sequence[Array]) -> Array:
    """All products of entries of each column, the first matrix slowest."""
    made = parts[0]
    for part in parts[1:]:
        made = namespace(made).reshape(made[:, None, :] * part[None, :, :], (
            -1, int(made.shape[1])))
    return made


def best_split(sizes: Sequence[int], orders: Sequence[int]) -> tuple[Side, Side, int]:
    """The two sides that allow the largest rank, and that rank.

    The left one must determine its vectors; of the right one it is enough that its products
    are independent. Among equals, one whose right side follows from the left is best, since
    deflation is exact there, and then the smaller left side.
    """
    best: tuple[tuple[int, bool, int], Side, Side] | None = None
    for share in itertools.product(*(range(n + 1) for n in orders)):
        if not 0 < sum(share) < sum(orders):
            continue
        left = _side(sizes, share)
        right = _side(sizes, [n - k for n, k in zip(orders, share, strict=True)])
        limit = min(left.limit, math.prod(right.counts))
        follows = set(right.groups) <= set(left.groups)
        merit = (limit, follows, -math.prod(left.counts))
        if best is None or merit > best[0]:
            best = merit, left, right
    assert best is not None
    return best[1], best[2], best[0][0]


def _side(sizes: Sequence[int], share: Sequence[int]) -> Side:
    kept = tuple(g for g, n in enumerate(share) if n)
    return Side(kept, tuple(sizes[g] for g in kept), tuple(share[g] for g in kept))


def flatten_groups(T: Array, symmetry: Groups, left: Side, right: Side) -> DenseFlattening:
    """The compressed flattening of a tensor that is symmetric in groups; nothing is checked."""
    free = [list(group) for group in symmetry]
    axes, sides = [], []
    for side in (left, right):
        for g, d, n in zip(side.groups, side.sizes, side.orders, strict=True):
            axes += [free[g].pop(0) for _ in range(n)]
            sides.append((d, n))
    matrix = arrays.reshape(arrays.permute(T, tuple(axes)), tuple(d**n for d, n in sides))
    for place, (d, n) in enumerate(sides):
        if n > 1:
            table = multisets(d, n)
            matrix = arrays.take(matrix, arrays.integers(table.flat(), T), place)
            shape = tuple(-1 if i == place else 1 for i in range(len(sides)))
            matrix = matrix * arrays.reshape(
                arrays.asarray(table.roots, like=T, dtype=T.dtype), shape)
    return scaled(arrays.reshape(matrix, (math.prod(left.counts), -1)), False)


def symmetric_in_groups(T: Array, symmetry: Groups) -> Array:
    """`T`, or the nearest tensor with the symmetry where it lacks it by little more than round-off.

    Raises
    ------
    ValueError
        If it is not symmetric.

    Warns
    -----
    DecompositionWarning
        If it had to be symmetrised.
    """
    xp, epsilon = namespace(T), arrays.epsilon(T)
    largest = float(xp.max(xp.abs(T))) or 1.0
    gaps = [
        (float(xp.max(xp.abs(T - _swapped(T, pair)))) / largest, group)
        for group in symmetry for pair in itertools.pairwise(group)
    ]
    gap, worst = max(gaps, default=(0.0, ()))
    if gap <= ROUND_OFF * epsilon:
        return T
    if gap > min(NEARLY * epsilon, 1e-3):
        raise ValueError(f"T must be symmetric under permutations of its axes {worst}, not "
                         f"differ by {gap:.1e} of its largest entry")
    warnings.warn(f"T is symmetric only to {gap:.1e} of its largest entry and was symmetrised",
                  DecompositionWarning, stacklevel=4)
    for group in symmetry:
        total: Array = 0.0 * T
        for order in itertools.permutations(group):
            axes = list(range(T.ndim))
            for axis, other in zip(group, order, strict=True):
                axes[axis] = other
            total = total + arrays.permute(T, tuple(axes))
        T = total / math.factorial(len(group))
    return T


def _swapped(T: Array, pair: tuple[int, int]) -> Array:
    axes = list(range(T.ndim))
    axes[pair[0]], axes[pair[1]] = pair[1], pair[0]
    return arrays.permute(T, tuple(axes))
