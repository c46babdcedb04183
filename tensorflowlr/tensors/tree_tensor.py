"""Tree tensors: the one data structure of the library."""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.checks import shown
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.tensors.rounding import Discarded, orthogonalize, truncate
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation


class TreeTensor:
    """A tensor of d modes held as a tree of small cores.

    Representation: leaf core ``i`` has shape ``(n_i, r_i)``; an inner node with children
    ``1 … m`` has ``(r_1, …, r_m, r)``; the root has no last axis. A node's columns span the
    tensor's range in the modes below it. Bases are stored unconjugated, as in Y = U S Vᵀ.
    The gauge is free: `orthogonalize` makes every core but the root's an orthonormal basis.

    Parameters
    ----------
    tree
        The topology.
    cores
        One array per node, in the order of `tree.nodes`.

    Raises
    ------
    TypeError
        If `tree` is no `Tree`, or the cores mix array libraries, devices or dtypes.
    ValueError
        If a core has the wrong shape, or holds NaN or Inf.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> x = np.add.outer(np.arange(4.0), np.arange(5.0))
    >>> Y = tlr.TreeTensor.from_dense(x, tlr.Tree.matrix(), tlr.Truncation(rtol=1e-12))
    >>> Y.shape, Y.ranks
    ((4, 5), {0: 2, 1: 2})
    """

    # NumPy would else multiply entry by entry, into an array of tensors
    __array_ufunc__ = None
    __slots__ = ("_cores", "_orthonormal", "_tree")

    _tree: Tree
    _cores: tuple[Array, ...]
    _orthonormal: bool

    def __init__(self, tree: Tree, cores: Sequence[Array]) -> None:
        self._tree, self._orthonormal = tree, False
        self._cores = construct.checked_cores(tree, cores, self._core_names(cores))

    @classmethod
    def trusted(cls, tree: Tree, cores: Sequence[Array], *, orthonormal: bool = False) -> Self:
        """A tree tensor from cores known to fit, unchecked; for code that just made them."""
        made = object.__new__(cls)
        made._tree, made._cores, made._orthonormal = tree, tuple(cores), orthonormal
        return made

    @classmethod
    def _core_names(cls, cores: Sequence[Array]) -> Sequence[str] | None:
        """What the cores are called in messages."""
        return None

    def _like(self, cores: Sequence[Array], orthonormal: bool = False) -> Self:
        return type(self).trusted(self._tree, cores, orthonormal=orthonormal)

    @classmethod
    def check_tree(cls, tree: Tree) -> None:
        """Refuse a tree that is not one of this class.

        Raises
        ------
        ValueError
            Naming both.
        """
        cls._tree_for(tree, tree.modes)

    @classmethod
    def _tree_for(cls, tree: Tree | None, modes: int) -> Tree:
        if tree is None:
            raise TypeError("tree must be given: a tlr.Tree")
        return construct.checked_tree(tree, modes)

    @classmethod
    def from_dense(
        cls, x: Array, tree: Tree | None = None, rule: Truncation | None = None
    ) -> Self:
        """The quasi-optimal tree tensor of a dense array.

        Sequentially truncated, from the leaves to the root: the error satisfies
        ``‖x - Y‖ ≤ max(atol, rtol ‖x‖)`` unless `max_rank` cuts. Singular vectors come from
        Gram matrices where the tolerance is wide enough for their squared condition, else
        from QR and SVD.

        Parameters
        ----------
        x
            Array of shape (n_0, …, n_{d-1}).
        tree
            The topology; named shapes know theirs.
        rule
            The truncation; by default only round-off is dropped.

        Raises
        ------
        ValueError
            If `x` holds NaN or Inf, or its order is not the tree's number of modes.
        """
        dense = construct.checked_array(x, "x")
        tree = cls._tree_for(tree, dense.ndim)
        cores = construct.from_dense(dense, tree, construct.checked_rule(rule))
        return cls.trusted(tree, cores, orthonormal=True)

    @classmethod
    def product(cls, vectors: Sequence[Array], tree: Tree | None = None) -> Self:
        """The rank-one tensor v_0 ⊗ … ⊗ v_{d-1}.

        Examples
        --------
        >>> import tensorflowlr as tlr
        >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 4, tlr.Tree.balanced(4))
        >>> up.norm()
        1.0
        """
        vectors = construct.checked_list(vectors, "vectors")
        tree = cls._tree_for(tree, len(vectors))
        return cls.trusted(tree, construct.product(vectors, tree), orthonormal=True)

    @classmethod
    def random(
        cls,
        tree: Tree,
        shape: Sequence[int],
        rank: int | Mapping[int, int],
        *,
        rng: Any = None,
        dtype: Any = float,
        like: Any = None,
    ) -> Self:
        """A random tree tensor of norm one with orthonormal cores.

        Parameters
        ----------
        tree, shape
            Topology and mode sizes.
        rank
            The rank of every edge, or one per edge (child node); lowered where the sizes
            around an edge do not allow it.
        rng
            What `numpy.random.default_rng` takes; drawn on the host, so that every array
            library sees the same numbers.
        dtype
            ``float``, ``complex`` or any floating dtype of NumPy.
        like
            An array whose library and device the result shall have.
        """
        shape = construct.checked_shape(shape)
        tree = cls._tree_for(tree, len(shape))
        cores = construct.random(tree, shape, rank, arrays.default_rng(rng), dtype, like)
        made = orthogonalize(tree, cores)
        root = made[tree.root]
        made = (*made[:-1], root * (1.0 / arrays.norm(root)))
        return cls.trusted(tree, made, orthonormal=True)

    @property
    def tree(self) -> Tree:
        """The topology."""
        return self._tree

    @property
    def cores(self) -> tuple[Array, ...]:
        """One core per node, in the order of `tree.nodes`."""
        return self._cores

    @property
    def orthonormal(self) -> bool:
        """Whether all cores but the root's are known to have orthonormal columns."""
        return self._orthonormal

    @property
    def shape(self) -> tuple[int, ...]:
        """The mode sizes."""
        return tuple(int(c.shape[0]) for c in self._cores[: self._tree.modes])

    @property
    def ndim(self) -> int:
        """The number of modes."""
        return self._tree.modes

    @property
    def ranks(self) -> dict[int, int]:
        """The rank of every edge, by child node."""
        return {node: int(self._cores[node].shape[-1]) for node in self._tree.edges}

    @property
    def max_rank(self) -> int:
        """The largest rank of any edge."""
        return max(self.ranks.values())

    @property
    def dtype(self) -> Any:
        """The cores' dtype."""
        return self._cores[-1].dtype

    @property
    def nbytes(self) -> int:
        """Bytes held by all cores."""
        width = 2 if arrays.is_complex(self._cores[-1]) else 1
        single = arrays.epsilon(self._cores[-1]) > 1e-10
        entries = sum(int(arrays.host.prod(arrays.host.asarray(c.shape))) for c in self._cores)
        return entries * width * (4 if single else 8)

    def to_dense(self) -> Array:
        """The full array of shape (n_0, …, n_{d-1}), modes in order whatever the tree."""
        return algebra.to_dense(self._tree, self._cores)

    def entries(self, indices: Any) -> Array:
        """Entries at given multi-indices, without forming the dense tensor.

        Parameters
        ----------
        indices
            Integers of shape (N, d), or (d,) for a single entry; negative ones count from
            the end.

        Returns
        -------
        array, shape (N,)

        Raises
        ------
        IndexError, ValueError
            If an index is out of range or the shape does not fit.
        """
        return algebra.entries(self._tree, self._cores, indices)

    def norm(self) -> float:
        """The 2-norm of all entries."""
        made = self if self._orthonormal else self.orthogonalize()
        return arrays.norm(made._cores[-1])

    def orthogonalize(self) -> Self:
        """The same tensor with orthonormal columns at every node but the root."""
        if self._orthonormal:
            return self
        return self._like(orthogonalize(self._tree, self._cores), True)

    def round(self, rule: Truncation) -> Self:
        """The same tensor at lower ranks.

        The error is at most ``max(atol, rtol ‖Y‖)`` in total, unless `max_rank` cuts.
        """
        rule = construct.checked_rule(rule)
        cores, _ = self._truncate_cores(self._tree, self.orthogonalize()._cores, rule)
        return self._like(cores, True)

    @classmethod
    def _truncate_cores(
        cls, tree: Tree, cores: Sequence[Array], rule: Truncation, *, squared: bool = False
    ) -> tuple[Sequence[Array], Discarded]:
        """Orthonormal cores of this class at lower ranks, and what was dropped."""
        return truncate(tree, cores, rule, squared=squared)

    def conj(self) -> Self:
        """The complex conjugate."""
        return self._like([arrays.conj(c) for c in self._cores], self._orthonormal)

    def astype(self, dtype: Any) -> Self:
        """The same tensor with another floating dtype (a name, Python or library dtype).

        Raises
        ------
        TypeError
            If `dtype` is no floating one, or a complex tensor would become real.
        """
        xp = arrays.namespace(self._cores[-1])
        wanted = arrays.dtype_like(arrays.floating_name(dtype), self._cores[-1])
        if wanted == self.dtype:
            return self
        if arrays.is_complex(self._cores[-1]) and xp.isdtype(wanted, "real floating"):
            raise TypeError(f"dtype must be complex for a complex tensor, not {dtype!r}")
        return self._like([xp.astype(c, wanted) for c in self._cores], self._orthonormal)

    def to(self, *, like: Any) -> Self:
        """The same tensor on the array library and device of `like` (array or tensor)."""
        target = construct.checked_like(like)
        return self._like([arrays.asarray(c, like=target) for c in self._cores], self._orthonormal)

    def __add__(self, other: TreeTensor) -> Self:
        if not isinstance(other, TreeTensor):
            raise TypeError(f"a TreeTensor adds to another TreeTensor, not to {shown(other)}")
        return self._like(algebra.add(*algebra.matched(self, other)))

    def __radd__(self, other: Any) -> Self:
        return self + other

    def __sub__(self, other: TreeTensor) -> Self:
        return self + ((-1.0) * other if isinstance(other, TreeTensor) else other)

    def __rsub__(self, other: Any) -> Self:
        return self + other

    def __neg__(self) -> Self:
        return (-1.0) * self

    def __mul__(self, other: Any) -> Self:
        if isinstance(other, TreeTensor):
            pair = algebra.matched(self, other)
            with arrays.quiet():
                products = algebra.hadamard(*pair)
            return self._like(algebra.not_overflown(products, "the product"))
        factor = algebra.checked_scalar(other)
        if factor is None:
            raise TypeError(f"a TreeTensor multiplies with numbers, not with {shown(other)}")
        cores = algebra.promoted(self._cores, factor)
        return self._like((*cores[:-1], algebra.scaled(cores[-1], factor)), self._orthonormal)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        factor = algebra.checked_scalar(other)
        if factor is None:
            raise TypeError(f"a TreeTensor is divided by numbers, not by {shown(other)}")
        inverse = 1.0 / factor
        if not cmath.isfinite(inverse):
            # below 1e-308 the inverse overflows, the quotient need not
            return self * 2.0**1000 * (1.0 / (factor * 2.0**1000))
        return self * inverse

    def to_tensorly(self) -> Any:
        """The tensorly object of the same format: Tucker for trees of height one, TT for trains.

        Raises
        ------
        ValueError
            If the tree is neither: tensorly has no format for it.
        """
        from tensorflowlr.tensors.conversion import to_tensorly

        return to_tensorly(self)

    def __repr__(self) -> str:
        ranks = sorted(set(self.ranks.values()))
        spread = f"{ranks[0]}" if len(ranks) == 1 else f"{ranks[0]} … {ranks[-1]}"
        kind = arrays.dtype_name(self._cores[-1])
        return f"{type(self).__name__}(shape={self.shape}, ranks={spread}, dtype={kind})"


def inner(first: TreeTensor, second: TreeTensor) -> Any:
    """The inner product Σ conj(Y) Z, without forming anything dense.

    Returns
    -------
    float or complex

    Raises
    ------
    TypeError, ValueError
        If an argument is no tree tensor, or they differ in tree, shape, library or device.
    OverflowError
        If the result is larger than the dtype holds.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.random(tlr.Tree.tucker(3), (4, 5, 6), 2, rng=0)
    >>> abs(tlr.inner(Y, Y) - 1.0) < 1e-12
    True
    """
    for name, value in (("first", first), ("second", second)):
        if not isinstance(value, TreeTensor):
            raise TypeError(f"{name} must be a TreeTensor, not {type(value).__name__}")
    tree, left, right = algebra.matched(first, second)
    with arrays.quiet():
        value = algebra.overlap(tree, left, right)
    algebra.not_overflown([value], "the inner product")
    return algebra.scalar(value)
