"""Symmetric tensors with one entry per multiset of indices, and powers of vectors among them.

A symmetric tensor W of order n over R^d is kept as the vector ``w_I = sqrt(c_I) W_I`` over the
sorted multi-indices I, c_I being the number of their rearrangements: an isometry, with up to
n! times fewer entries. A power x^{⊗n} becomes ``sqrt(c_I) x^I``.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host

# tables and their copies on devices; a decomposition uses two
KEPT_TABLES = 16


class Multisets:
    """Tables of the multisets of n indices below d, in lexicographic order.

    Attributes
    ----------
    size, order : int
        d and n.
    count : int
        How many there are, N = C(d + n - 1, n).
    indices : array, shape (N, n)
        The sorted multi-indices.
    roots : array, shape (N,)
        The square roots of the numbers of rearrangements.
    prefix, last : array, shape (N,)
        The place of the first n - 1 indices among the multisets of order n - 1, and the last.
    lower : Multisets or None
        The table of order n - 1, where n > 1.
    joined : array, shape (N', d)
        For each multiset J of order n - 1 and index a, the place of J + {a}.
    ratios : array, shape (N', d)
        ``sqrt(c_J / c_{J + a})``, which turns a compressed tensor into rows by J and a.
    """

    def __init__(self, size: int, order: int) -> None:
        self.size, self.order = size, order
        self.count = math.comb(size + order - 1, order)
        self.lower = multisets(size, order - 1) if order > 1 else None
        if self.lower is None:
            self.indices = host.arange(size)[:, None]
            self.prefix = host.zeros(size, dtype=int)
            self.last = host.arange(size)
            self.roots = host.ones(size)
            return
        low = self.lower
        follow = size - low.last
        self.prefix = host.repeat(host.arange(low.count), follow)
        start = host.cumulative_sum(follow) - follow
        self.last = host.arange(self.count) - start[self.prefix] + low.last[self.prefix]
        self.indices = host.concat(
            [low.indices[self.prefix], self.last[:, None]], axis=1)
        # how often the last index occurs: c_I = c_J n / that number
        repeats = (self.indices == self.last[:, None]).sum(axis=1)
        self.roots = low.roots[self.prefix] * host.sqrt(order / repeats)

    @functools.cached_property
    def joined(self) -> Array:
        """For each multiset J of order n - 1 and index a, the place of J + {a}."""
        low = self.lower
        assert low is not None
        both = host.empty((low.count, self.size, self.order), dtype=int)
        both[:, :, :-1] = low.indices[:, None, :]
        both[:, :, -1] = host.arange(self.size)
        return self.places(both)

    @functools.cached_property
    def ratios(self) -> Array:
        """sqrt(c_J / c_{J + a})."""
        assert self.lower is not None
        return self.lower.roots[:, None] / self.roots[self.joined]

    def places(self, indices: Array) -> Array:
        """The places of multi-indices (…, n), sorted or not."""
        strides = self.size ** host.arange(self.order - 1, -1, -1)
        codes = self.indices @ strides
        return host.searchsorted(codes, host.sort(indices, axis=-1) @ strides)

    def flat(self) -> Array:
        """The places of the sorted multi-indices in the dense tensor, C order."""
        return self.indices @ (self.size ** host.arange(self.order - 1, -1, -1))

    @functools.cached_property
    def _moved(self) -> dict[Any, Tables]:
        return {}

    def on(self, like: Array) -> Tables:
        """The tables where an array is, in its precision."""
        key = (arrays.library(like), str(arrays.device(like)), arrays.dtype_name(like))
        if key not in self._moved:
            if len(self._moved) > KEPT_TABLES:
                self._moved.clear()
            self._moved[key] = Tables(self, like)
        return self._moved[key]


class Tables:
    """The tables of `Multisets` that powers and contractions need, beside an array."""

    def __init__(self, table: Multisets, like: Array) -> None:
        self.last = arrays.integers(table.last, like)
        self.prefix = arrays.integers(table.prefix, like)
        kind = like.dtype
        self.roots = arrays.asarray(table.roots[:, None], like=like, dtype=kind)
        if table.lower is not None:
            self.joined = arrays.integers(table.joined, like)
            self.ratios = arrays.asarray(table.ratios[:, :, None], like=like, dtype=kind)
            self.low_roots = arrays.asarray(table.lower.roots[:, None], like=like, dtype=kind)
            # roots of the last step alone: sqrt(c_I / c_J)
            step = table.roots / table.lower.roots[table.prefix]
            self.step = arrays.asarray(step[:, None], like=like, dtype=kind)


@functools.lru_cache(maxsize=KEPT_TABLES)
def multisets(size: int, order: int) -> Multisets:
    """The table for sizes and order, kept for the next call."""
    return Multisets(size, order)


def powers(X: Array, order: int) -> Array:
    """The compressed powers x^{⊗n} of the columns of a matrix.

    Parameters
    ----------
    X
        Vectors, shape (d, k).
    order
        n, at least 1.

    Returns
    -------
    array, shape (C(d + n - 1, n), k)

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr.tensors.multisets import powers
    >>> x = np.array([[1.0], [2.0]])
    >>> np.round(powers(x, 2)[:, 0] ** 2, 12).tolist()
    [1.0, 8.0, 16.0]
    """
    if order == 1:
        return X
    table = multisets(int(X.shape[0]), order).on(X)
    low = powers(X, order - 1)
    return arrays.take(low, table.prefix) * arrays.take(X, table.last) * table.step


def expanded(V: Array, size: int, order: int) -> Array:
    """Compressed tensors of order n as rows: shape (C(d + n - 2, n - 1), d, r).

    Contracting the first axis with ``powers(x, n - 1)`` gives the tensors times x^{⊗(n-1)}.
    """
    table = multisets(size, order).on(V)
    return arrays.take(V, table.joined) * table.ratios


def contracted(W: Array, X: Array, order: int) -> Array:
    """Each compressed tensor w_k times x_k^{⊗(n-1)}: what remains is a vector.

    Parameters
    ----------
    W
        Compressed tensors of order n, shape (N, k).
    X
        Vectors, shape (d, k).
    order
        n, at least 1.

    Returns
    -------
    array, shape (d, k)
    """
    if order == 1:
        return W
    tables = multisets(int(X.shape[0]), order).on(X)
    low = powers(X, order - 1) * tables.low_roots
    rows = arrays.take(W / tables.roots, tables.joined) * low[:, None, :]
    return arrays.namespace(rows).sum(rows, axis=0)


def identifiable_rank(size: int, order: int) -> int:
    """The largest rank that the subspace power method can find in general.

    Both flattenings must have full rank, and a space of that many dimensions must meet the
    powers x^{⊗n} nowhere else: r ≤ C(d + n - 1, n) - d by the trisecant lemma.
    """
    left = (order + 1) // 2
    right = order - left
    count = math.comb(size + left - 1, left)
    general = count - size + (size <= 2)
    return max(min(general, math.comb(size + right - 1, right)), 1)
