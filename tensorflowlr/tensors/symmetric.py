"""Symmetric CP tensors: sums of powers of vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, namespace
from tensorflowlr.checks import shown, whole_number
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.tensors.conversion import cp_tree
from tensorflowlr.tensors.matching import paired_columns
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.trees import Tree

# factors as long as this are taken for unit vectors without touching a digit
UNIT = 4.0
# squared norms below this share of their terms have lost half their digits
CANCELLED = 1e-8


@dataclass(frozen=True, eq=False)
class SymmetricCP:
    """A symmetric tensor Σ w_i a_i^{⊗m} with unit vectors a_i.

    Representation: weights of either sign, shape ``(r,)``, and the vectors as columns of
    ``factors``, shape ``(d, r)``. The order of the terms is free, and so are the signs of the
    vectors: of even order alone, of odd order together with their weights. Complex tensors
    are symmetric, not Hermitian: nothing is conjugated.

    Parameters
    ----------
    weights
        Numbers, shape (r,).
    factors
        Vectors as columns, shape (d, r), of any length but zero; they are normalised, and the
        m-th powers of their lengths go into the weights.
    order
        m, at least 1.
    diagnostics
        How a decomposition found it, if one did.

    Raises
    ------
    TypeError, ValueError
        If the arrays hold no finite numbers, their shapes do not fit, libraries are mixed, or
        a vector is zero.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> cp = tlr.SymmetricCP([2.0, -1.0], np.eye(3)[:, :2], order=4)
    >>> cp.rank, cp.shape, cp.to_dense()[1, 1, 1, 1].item(), round(cp.norm() ** 2, 9)
    (2, (3, 3, 3, 3), -1.0, 5.0)
    """

    weights: Array
    factors: Array
    order: int
    diagnostics: Any = None

    # NumPy would else multiply entry by entry, into an array of tensors
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        order = whole_number(self.order, "order")
        factors = construct.checked_array(self.factors, "factors")
        weights = construct.checked_array(self.weights, "weights", like=factors)
        if factors.ndim != 2:
            raise ValueError(f"factors must have shape (d, r), not {tuple(factors.shape)}")
        if tuple(weights.shape) != (factors.shape[1],):
            raise ValueError(f"weights must have shape ({factors.shape[1]},), one per column of "
                             f"factors, not {tuple(weights.shape)}")
        kind = arrays.result_dtype(factors, weights)
        xp = namespace(factors)
        factors, weights = xp.astype(factors, kind, copy=False), xp.astype(
            weights, kind, copy=False)
        lengths = xp.linalg.vector_norm(factors, axis=0)
        if not bool(xp.all(lengths > 0.0)):
            raise ValueError("factors must have no column that is zero")
        if bool(xp.any(xp.abs(lengths - 1.0) > UNIT * arrays.epsilon(factors))):
            with arrays.quiet():
                factors = factors / lengths
                weights = weights * xp.astype(lengths, kind) ** order
            algebra.not_overflown([factors, weights], "weights times lengths")
        for name, value in (("weights", weights), ("factors", factors), ("order", order)):
            object.__setattr__(self, name, value)

    @classmethod
    def random(
        cls, size: int, rank: int, order: int, *, rng: Any = None, dtype: Any = float,
        like: Any = None,
    ) -> SymmetricCP:
        """Normal weights and normal vectors, normalised, drawn on the host.

        Examples
        --------
        >>> import tensorflowlr as tlr
        >>> tlr.SymmetricCP.random(4, 3, 5, rng=0).shape
        (4, 4, 4, 4, 4)
        """
        generator = arrays.default_rng(rng)
        size, rank = whole_number(size, "size"), whole_number(rank, "rank")
        place = None if like is None else construct.checked_like(like)
        factors = arrays.normal(generator, (size, rank), dtype, place)
        return cls(arrays.normal(generator, (rank,), dtype, place), factors, order)

    @classmethod
    def from_tensorly(cls, obj: Any) -> SymmetricCP:
        """From a TensorLy CP tensor whose factors are the same up to signs and lengths.

        Raises
        ------
        TypeError, ValueError
            If `obj` is none, or its factors differ.
        """
        if type(obj).__name__ != "CPTensor":
            raise TypeError(f"obj must be a TensorLy CP tensor, not {type(obj).__name__}")
        factors = [construct.checked_array(f, f"factors[{k}]") for k, f in enumerate(obj.factors)]
        first = factors[0]
        weights: Array = arrays.asarray(obj.weights, like=first, dtype=first.dtype)
        xp = namespace(first)
        squared = xp.sum(first * conj(first), axis=0)
        for k, factor in enumerate(factors[1:], 1):
            if tuple(factor.shape) != tuple(first.shape):
                raise ValueError(f"factors[{k}] must have the shape of the first, "
                                 f"{tuple(first.shape)}, not {tuple(factor.shape)}")
            ratio = xp.sum(factor * conj(first), axis=0) / squared
            gap = arrays.norm(factor - first * ratio)
            if gap > 1e3 * arrays.epsilon(first) * arrays.norm(factor):
                raise ValueError(f"factors[{k}] must have the directions of the first for a "
                                 f"symmetric tensor, not others (by {gap:.1e})")
            weights = weights * ratio
        return cls(weights, first, len(factors))

    @property
    def rank(self) -> int:
        """The number of terms r."""
        return int(self.weights.shape[0])

    @property
    def size(self) -> int:
        """The length d of the vectors."""
        return int(self.factors.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """(d, …, d), m times."""
        return (self.size,) * self.order

    @property
    def ndim(self) -> int:
        """The order m."""
        return self.order

    @property
    def dtype(self) -> Any:
        """The factors' dtype."""
        return self.factors.dtype

    def stored(self) -> dict[str, Any]:
        """What a file keeps of it."""
        return {"weights": self.weights, "factors": self.factors, "order": self.order}

    def to_dense(self) -> Array:
        """All d^m entries."""
        xp, left = namespace(self.factors), (self.order + 1) // 2
        rows = _products(self.factors, left)
        if self.order == 1:
            return rows @ self.weights
        columns = rows if self.order == 2 * left else _products(self.factors, self.order - left)
        return xp.reshape((rows * self.weights) @ columns.mT, self.shape)

    def evaluate(self, *vectors: Array) -> Array:
        """The form of the tensor at one vector, or the multilinear form at m of them.

        Parameters
        ----------
        *vectors
            One vector of shape (d,) or many of shape (d, k), taken m times; or m of these.

        Returns
        -------
        array, shape () or (k,)
            Σ w_i (a_i·x)^m, or Σ w_i (a_i·x_1) … (a_i·x_m).

        Examples
        --------
        >>> import numpy as np, tensorflowlr as tlr
        >>> float(tlr.SymmetricCP([2.0], [[1.0], [0.0]], 3).evaluate(np.array([3.0, 1.0])))
        54.0
        """
        if len(vectors) not in (1, self.order):
            raise TypeError(f"vectors must be 1 or {self.order} of them, not {len(vectors)}")
        product = None
        for i, vector in enumerate(vectors):
            heights = self.factors.mT @ self._vectors(vector, f"vectors[{i}]")
            heights = heights if len(vectors) > 1 else heights**self.order
            product = heights if product is None else product * heights
        return self.weights @ product

    def gradient(self, vectors: Array) -> Array:
        """The gradient of the form, m T x^{m-1}, at vectors of shape (d,) or (d, k)."""
        heights = self.factors.mT @ self._vectors(vectors, "vectors")
        weights = self.weights if heights.ndim == 1 else self.weights[:, None]
        return self.factors @ (self.order * weights * heights ** (self.order - 1))

    def inner(self, other: SymmetricCP) -> float | complex:
        """The inner product Σ conj(T) T' by powers of the vectors' inner products.

        Raises
        ------
        TypeError, ValueError
            If `other` is no `SymmetricCP` of the same size and order.
        """
        other = self._fitting(other)
        gram = (adjoint(self.factors) @ other.factors) ** self.order
        return algebra.scalar(conj(self.weights) @ (gram @ other.weights))

    def norm(self) -> float:
        """The 2-norm of all entries; good to all digits where terms cancel, if sizes allow."""
        unit = arrays.norm(self.weights)
        if unit == 0.0:
            return 0.0
        scaled = self.weights / unit
        gram = (adjoint(self.factors) @ self.factors) ** self.order
        squared = float(namespace(gram).real(conj(scaled) @ (gram @ scaled))) if arrays.is_complex(
            gram) else float(scaled @ (gram @ scaled))
        left = (self.order + 1) // 2
        if squared > CANCELLED or self.size**left * self.rank > 1 << 24 or self.order == 1:
            return unit * math.sqrt(max(squared, 0.0))
        rows, columns = (arrays.triangle(_products(self.factors, n))
                         for n in (left, self.order - left))
        return unit * arrays.norm((rows * scaled) @ columns.mT)

    def match(self, other: SymmetricCP) -> tuple[list[int], float]:
        """The best pairing of the vectors with those of another, up to signs and phases.

        Returns
        -------
        order, error
            For each vector of this tensor, the number of its partner (of as many as both
            have), and the largest distance of two partners.

        Raises
        ------
        TypeError, ValueError
            If `other` is no `SymmetricCP` of the same size and order.
        """
        return paired_columns(self.factors, self._fitting(other).factors)

    def to_tree(self, tree: Tree | None = None) -> TreeTensor:
        """The same tensor on a tree, balanced by default; `round` lowers its ranks.

        Raises
        ------
        TypeError, ValueError
            If `tree` is none of m modes.
        """
        tree = construct.checked_tree(tree or Tree.balanced(self.order), self.order)
        return cp_tree(self.weights, [self.factors] * self.order, tree)

    def to_tensorly(self) -> Any:
        """TensorLy's CP tensor."""
        from tensorly.cp_tensor import CPTensor

        return CPTensor((self.weights, [self.factors] * self.order))

    def to(self, *, like: Any) -> SymmetricCP:
        """The same tensor on the array library and device of `like`."""
        target = construct.checked_like(like)
        kind = arrays.dtype_like(arrays.dtype_name(self.factors), target)
        return SymmetricCP(
            arrays.asarray(self.weights, like=target, dtype=kind),
            arrays.asarray(self.factors, like=target, dtype=kind), self.order, self.diagnostics)

    def __add__(self, other: SymmetricCP) -> SymmetricCP:
        other = self._fitting(other)
        xp, kind = namespace(self.factors), arrays.result_dtype(self.factors, other.factors)
        parts = [[xp.astype(x, kind) for x in pair] for pair in (
            (self.weights, other.weights), (self.factors, other.factors))]
        return SymmetricCP(xp.concat(parts[0]), xp.concat(parts[1], axis=1), self.order)

    def __sub__(self, other: SymmetricCP) -> SymmetricCP:
        return self + (-1.0) * self._fitting(other)

    def __neg__(self) -> SymmetricCP:
        return (-1.0) * self

    def __mul__(self, other: Any) -> SymmetricCP:
        factor = algebra.checked_scalar(other)
        if factor is None:
            raise TypeError(f"a SymmetricCP multiplies with numbers, not with {shown(other)}")
        (weights,) = algebra.promoted((self.weights,), factor)
        return SymmetricCP(algebra.scaled(weights, factor), self.factors, self.order)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SymmetricCP:
        factor = algebra.checked_scalar(other)
        if factor is None:
            raise TypeError(f"a SymmetricCP is divided by numbers, not by {shown(other)}")
        return self * (1.0 / factor)

    def _fitting(self, other: Any) -> SymmetricCP:
        if not isinstance(other, SymmetricCP):
            raise TypeError(f"other must be a SymmetricCP, not {shown(other)}")
        if other.shape != self.shape:
            raise ValueError(f"other must have shape {self.shape}, not {other.shape}")
        arrays.check_together([self.factors, other.factors], "other")
        return other

    def _vectors(self, value: Any, name: str) -> Array:
        array = construct.checked_array(value, name, like=self.factors)
        if array.ndim > 2 or array.shape[0] != self.size:
            raise ValueError(f"{name} must have shape ({self.size},) or ({self.size}, k), "
                             f"not {tuple(array.shape)}")
        return namespace(array).astype(array, arrays.result_dtype(self.factors, array))

    def __repr__(self) -> str:
        return (f"SymmetricCP(size={self.size}, order={self.order}, rank={self.rank}, "
                f"dtype={arrays.dtype_name(self.factors)})")


def _products(factors: Array, times: int) -> Array:
    """All products of n entries of each column, shape (d^n, r)."""
    xp, made = namespace(factors), factors
    for _ in range(times - 1):
        made = xp.reshape(made[:, None, :] * factors[None, :, :], (-1, factors.shape[1]))
    return made


