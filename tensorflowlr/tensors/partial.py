"""CP tensors that are symmetric in groups of their axes, or in none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, namespace
from tensorflowlr.checks import is_whole, sequence, shown
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.tensors.conversion import cp_tree
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.trees import Tree


def checked_symmetry(symmetry: Any, order: int | None = None) -> tuple[tuple[int, ...], ...]:
    """Groups of axes, each axis in one of them; `order` is how many axes there are.

    Raises
    ------
    TypeError, ValueError
        Saying what it was and what it may be.
    """
    wanted = "symmetry must be groups of axes such as ((0, 1), (2,))"
    try:
        groups = tuple(tuple(sequence(group)) for group in sequence(symmetry))
    except TypeError:
        raise TypeError(f"{wanted}, not {shown(symmetry)}") from None
    axes = [axis for group in groups for axis in group]
    if not all(is_whole(axis) for axis in axes):
        raise TypeError(f"{wanted}, not {shown(symmetry)}")
    order = len(axes) if order is None else order
    if sorted(int(axis) for axis in axes) != list(range(order)) or not all(groups) or not axes:
        raise ValueError(f"{wanted}, every axis of {order} in one group, not {shown(symmetry)}")
    return tuple(tuple(int(axis) for axis in group) for group in groups)


@dataclass(frozen=True, eq=False)
class PartiallySymmetricCP:
    """A tensor Σ w_i ⊗_g a_{g,i}^{⊗m_g}: the axes of one group share their vectors.

    Representation: weights, shape ``(r,)``, and for every group of axes a matrix of unit
    vectors as columns, shape ``(d_g, r)``. The order of the terms is free, and so are signs.

    Parameters
    ----------
    weights
        Numbers, shape (r,).
    factors
        One matrix (d_g, r) per group, of columns of any length but zero; they are normalised
        and their lengths go into the weights.
    symmetry
        Groups of axes, such as ``((0, 1), (2,))``; every axis is in one.
    diagnostics
        How a decomposition found it, if one did.

    Raises
    ------
    TypeError, ValueError
        If the arrays hold no finite numbers, shapes do not fit, libraries are mixed, a vector
        is zero, or the groups hold an axis twice or not at all.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> cp = tlr.PartiallySymmetricCP([2.0], [np.ones((2, 1)), np.ones((3, 1))], ((0, 2), (1,)))
    >>> cp.shape, cp.to_dense()[0, 2, 1].item()
    ((2, 3, 2), 2.0)
    """

    weights: Array
    factors: tuple[Array, ...]
    symmetry: tuple[tuple[int, ...], ...]
    diagnostics: Any = None

    # NumPy would else multiply entry by entry, into an array of tensors
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        symmetry = checked_symmetry(self.symmetry)
        given = construct.checked_list(self.factors, "factors")
        if len(given) != len(symmetry):
            raise ValueError(f"factors must be one matrix per group of symmetry, "
                             f"{len(symmetry)}, not {len(given)}")
        first = construct.checked_array(given[0], "factors[0]")
        factors = [first, *(construct.checked_array(f, f"factors[{g}]", like=first)
                            for g, f in enumerate(given[1:], 1))]
        weights = construct.checked_array(self.weights, "weights", like=first)
        if weights.ndim != 1:
            raise ValueError(f"weights must have shape (r,), not {tuple(weights.shape)}")
        kind = arrays.result_dtype(weights, *factors)
        xp = namespace(first)
        weights = xp.astype(weights, kind, copy=False)
        for g, factor in enumerate(factors):
            if factor.ndim != 2 or factor.shape[1] != weights.shape[0]:
                raise ValueError(f"factors[{g}] must have shape (d, {weights.shape[0]}), one "
                                 f"column per weight, not {tuple(factor.shape)}")
            factor = xp.astype(factor, kind, copy=False)
            lengths = xp.linalg.vector_norm(factor, axis=0)
            if not bool(xp.all(lengths > 0.0)):
                raise ValueError(f"factors[{g}] must have no column that is zero")
            with arrays.quiet():
                factors[g] = factor / lengths
                weights = weights * xp.astype(lengths, kind) ** len(symmetry[g])
        algebra.not_overflown([*factors, weights], "weights times lengths")
        for name, value in (("weights", weights), ("factors", tuple(factors)),
                            ("symmetry", symmetry)):
            object.__setattr__(self, name, value)

    @property
    def rank(self) -> int:
        """The number of terms r."""
        return int(self.weights.shape[0])

    @property
    def order(self) -> int:
        """The number of axes m."""
        return sum(len(group) for group in self.symmetry)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(int(factor.shape[0]) for factor in self._by_axis())

    def to_dense(self) -> Array:
        """All entries."""
        xp = namespace(self.weights)
        factors = self._by_axis()
        half = self.order // 2
        rows, columns = (_products(part, self.weights) for part in (
            factors[:half], factors[half:]))
        return xp.reshape((rows * self.weights) @ columns.mT, self.shape)

    def inner(self, other: PartiallySymmetricCP) -> complex | float:
        """The inner product Σ conj(self) other, from products of the factors alone.

        Raises
        ------
        TypeError, ValueError
            If `other` is none of the same shape, or lives elsewhere.
        """
        if not isinstance(other, PartiallySymmetricCP):
            raise TypeError(f"other must be a PartiallySymmetricCP, not {shown(other)}")
        if other.shape != self.shape:
            raise ValueError(f"other must have shape {self.shape}, not {other.shape}")
        arrays.check_together([self.weights, other.weights], "other")
        kind = arrays.result_dtype(self.weights, other.weights)
        xp = namespace(self.weights)
        product: Any = 1.0
        for a, b in zip(self._by_axis(), other._by_axis(), strict=True):
            product = product * (adjoint(xp.astype(a, kind)) @ xp.astype(b, kind))
        left, right = (xp.astype(x.weights, kind) for x in (self, other))
        value = xp.sum(arrays.conj(left) * (product @ right))
        return complex(value) if arrays.is_complex(value) else float(value)

    def norm(self) -> float:
        """The Frobenius norm, from products of the factors alone.

        Norms much smaller than those of the terms lose digits.
        """
        return math.sqrt(max(self.inner(self).real, 0.0))

    def to_tree(self, tree: Tree | None = None) -> TreeTensor:
        """The same tensor on a tree, balanced by default.

        Raises
        ------
        TypeError, ValueError
            If `tree` is none of m modes.
        """
        tree = construct.checked_tree(tree or Tree.balanced(self.order), self.order)
        return cp_tree(self.weights, self._by_axis(), tree)

    def to_tensorly(self) -> Any:
        """TensorLy's CP tensor, one factor per axis."""
        from tensorly.cp_tensor import CPTensor

        return CPTensor((self.weights, self._by_axis()))

    def _by_axis(self) -> list[Array]:
        """The factor of every axis."""
        group = {axis: g for g, axes in enumerate(self.symmetry) for axis in axes}
        return [self.factors[group[axis]] for axis in range(len(group))]

    def __repr__(self) -> str:
        return (f"PartiallySymmetricCP(shape={self.shape}, symmetry={self.symmetry}, "
                f"rank={self.rank}, dtype={arrays.dtype_name(self.weights)})")


def _products(factors: list[Array], like: Array) -> Array:
    """All products of entries of each column, shape (Π d, r)."""
    made = arrays.zeros((1, int(like.shape[0])), like) + 1.0
    for factor in factors:
        made = namespace(like).reshape(made[:, None, :] * factor[None, :, :], (
            -1, int(like.shape[0])))
    return made
