"""Linear operators on tree tensors, as trees of small cores themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host, namespace
from tensorflowlr.checks import shown
from tensorflowlr.operators import leaf
from tensorflowlr.operators.compile import compile_terms
from tensorflowlr.operators.placed import PlacedOperator
from tensorflowlr.tensors import TreeTensor, algebra, construct
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation

DEFAULT_RULE = Truncation(rtol=1e-12)


class TreeOperator:
    """A sum of products of matrices, compiled to a tree with small bonds.

    Representation: mode ``i`` holds k_i matrices, each dense (n, n), diagonal (n,) or SciPy
    sparse, as they were given; an inner node holds a coefficient core (k_1, …, k_m, k), the
    root without its last axis. `from_terms` is the usual way to make one.

    Parameters
    ----------
    tree
        The topology.
    leaf_matrices
        The matrices of every mode.
    cores
        One array per inner node, in the order of `tree.inner`.

    Raises
    ------
    TypeError, ValueError
        If matrices and cores do not fit the tree and one another, or hold NaN or Inf.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> X, Z = np.array([[0.0, 1], [1, 0]]), np.array([1.0, -1.0])
    >>> terms = [(-1.0, {0: X}), (-1.0, {1: X}), (-1.0, {0: Z, 1: Z})]
    >>> H = tlr.TreeOperator.from_terms(terms, tlr.Tree.matrix(), (2, 2))
    >>> H.ranks
    {0: 3, 1: 3}
    """

    __array_ufunc__ = None

    def __init__(
        self, tree: Tree, leaf_matrices: Sequence[Sequence[Any]], cores: Sequence[Array]
    ) -> None:
        self._hold(tree, *_checked_parts(tree, leaf_matrices, cores))

    def _hold(self, tree: Tree, leaf_matrices: Any, cores: Any) -> None:
        self.tree = tree
        self.leaf_matrices = tuple(tuple(m) for m in leaf_matrices)
        self.inner_cores = tuple(cores)
        self._placed: dict[tuple[Any, ...], PlacedOperator] = {}

    @classmethod
    def trusted(
        cls, tree: Tree, leaf_matrices: Sequence[Sequence[Any]], cores: Sequence[Array]
    ) -> TreeOperator:
        """An operator from parts known to fit, unchecked; for code that just made them."""
        made = object.__new__(cls)
        made._hold(tree, leaf_matrices, cores)
        return made

    @classmethod
    def from_terms(
        cls,
        terms: Sequence[tuple[complex, dict[int, Any]]],
        tree: Tree,
        shape: Sequence[int],
        rule: Truncation | None = None,
    ) -> TreeOperator:
        """Compile Σ c · ⊗ matrices; a mode that a term does not name carries the identity.

        Parameters
        ----------
        terms
            Pairs of a coefficient and a mapping from modes to matrices: (n, n) arrays, (n,)
            diagonals or SciPy sparse matrices.
        tree, shape
            The tree and the mode sizes of the tensors to act on.
        rule
            How far bonds are compressed, edge by edge: at every edge the coefficients of the
            products that are open there (matrices scaled to unit Frobenius norm) are kept
            up to a tail of max(atol, rtol times their norm). Default ``rtol=1e-12``.

        Raises
        ------
        TypeError, ValueError
            Naming the term and mode that does not fit.

        Notes
        -----
        For a pair interaction the bonds are at most the numerical ranks of the coupling
        matrix's off-diagonal blocks plus 2 (arXiv 2405.09952).
        """
        shape = construct.checked_shape(shape)
        tree = construct.checked_tree(tree, len(shape))
        rule = DEFAULT_RULE if rule is None else construct.checked_rule(rule)
        return cls.trusted(tree, *compile_terms(terms, tree, shape, rule))

    @property
    def shape(self) -> tuple[int, ...]:
        """The mode sizes of the tensors it acts on."""
        return tuple(int(m[0].shape[0]) for m in self.leaf_matrices)

    @property
    def ranks(self) -> dict[int, int]:
        """The bond of every edge, by child node."""
        d = self.tree.modes
        found = {i: len(m) for i, m in enumerate(self.leaf_matrices)}
        found.update({d + i: int(c.shape[-1]) for i, c in enumerate(self.inner_cores[:-1])})
        return found

    @functools.cached_property
    def is_complex(self) -> bool:
        """Whether any core or matrix is complex."""
        data = [m.dtype for group in self.leaf_matrices for m in group]
        return "complex" in " ".join(str(k) for k in data) or any(
            arrays.is_complex(c) for c in self.inner_cores
        )

    @functools.cached_property
    def is_hermitian(self) -> bool:
        """Whether H equals its adjoint, up to 1e-7 of its Frobenius norm."""
        hosts = [[leaf.on_host(m) for m in group] for group in self.leaf_matrices]
        daggers = [[leaf.dagger(m) for m in group] for group in hosts]
        cores, _ = self._in_units()
        conjugated = [arrays.conj(c) for c in cores]
        straight = self._overlap(hosts, cores, hosts, cores)
        crossed = self._overlap(hosts, cores, daggers, conjugated)
        difference = 2.0 * (straight.real - crossed.real)
        return bool(difference <= 1e-14 * max(straight.real, 1e-300))

    def norm(self) -> float:
        """The Frobenius norm divided by the square root of the dimension.

        Examples
        --------
        >>> import tensorflowlr as tlr
        >>> flips = [(1.0, {i: [[0, 1], [1, 0]]}) for i in range(4)]
        >>> tlr.TreeOperator.from_terms(flips, tlr.Tree.balanced(4), (2,) * 4).norm()
        2.0
        """
        hosts = [[leaf.on_host(m) for m in group] for group in self.leaf_matrices]
        cores, unit = self._in_units()
        return unit * max(self._overlap(hosts, cores, hosts, cores).real, 0.0) ** 0.5

    def _in_units(self) -> tuple[list[Array], float]:
        """Inner cores in units of the root's largest entry: squares of extreme ones overflow."""
        largest = float(abs(self.inner_cores[-1]).max()) or 1.0
        return [*self.inner_cores[:-1], self.inner_cores[-1] / largest], largest

    def _overlap(self, left: Any, left_cores: Any, right: Any, right_cores: Any) -> complex:
        below = [
            # the mean over the diagonal entries: sums over a thousand modes would overflow
            host.asarray([[leaf.frobenius(a, b) / a.shape[0] for b in second] for a in first])
            for first, second in zip(left, right, strict=True)
        ]
        for i, (a, b) in enumerate(zip(left_cores, right_cores, strict=True)):
            node = self.tree.modes + i
            children = [below[c] for c in self.tree.children[node]]
            below.append(algebra.overlap_block(a, b + 0j, children, node == self.tree.root))
        return complex(below[-1])

    def place(self, like: Array) -> PlacedOperator:
        """The operator on the library, device and dtype of an array, remembered.

        Raises
        ------
        TypeError
            If the operator's own arrays live on another library or device than `like`, or
            the operator is complex and `like` is real.
        ValueError
            If the dtype of `like` does not hold the operator's numbers.
        """
        key = (namespace(like).__name__, str(arrays.device(like)), arrays.dtype_name(like))
        if key not in self._placed:
            self._check(like)
            with arrays.quiet():
                placed = PlacedOperator(self.tree, self.leaf_matrices, self.inner_cores, like)
            if not placed.is_finite():
                raise ValueError(f"the operator has entries larger than {key[-1]} holds")
            self._placed[key] = placed
        return self._placed[key]

    def _check(self, like: Array) -> None:
        if self.is_complex and not arrays.is_complex(like):
            raise TypeError("a complex operator needs a complex tensor: use Y.astype(complex)")
        own = [m for g in self.leaf_matrices for m in g if not arrays.is_sparse(m)]
        foreign = [m for m in own if not arrays.is_numpy(m)]
        if foreign:
            arrays.check_together([like, foreign[0]], "operator and tensor")

    def check_fits(self, Y: TreeTensor) -> None:
        """Refuse a tensor of another tree or shape.

        Raises
        ------
        TypeError
            If `Y` is no tree tensor.
        ValueError
            Naming both trees or both shapes.
        """
        if not isinstance(Y, TreeTensor):
            raise TypeError(f"Y must be a TreeTensor, not {type(Y).__name__}")
        if self.tree != Y.tree:
            raise ValueError(f"the operator lives on {self.tree}, the tensor on {Y.tree}")
        if self.shape != Y.shape:
            raise ValueError(f"the operator has shape {self.shape}, the tensor {Y.shape}")

    def __matmul__(self, Y: TreeTensor) -> TreeTensor:
        if not isinstance(Y, TreeTensor):
            raise TypeError(f"a TreeOperator acts on a TreeTensor, not on {shown(Y)}")
        self.check_fits(Y)
        if self.is_complex:
            kind = arrays.result_dtype(Y.cores[-1], 1j)
            Y = Y.astype(kind)
        place = self.place(Y.cores[-1])
        with arrays.quiet():
            cores = place.apply(Y.cores)
        return TreeTensor.trusted(self.tree, algebra.not_overflown(cores, "H @ Y"))

    def expectation(self, Y: TreeTensor) -> Any:
        """⟨Y|H|Y⟩, not divided by ‖Y‖²: a float where H is Hermitian or all is real.

        Raises
        ------
        TypeError, ValueError
            If the tensor is none, or of another tree or shape.
        OverflowError
            If the result is larger than the dtype holds.
        """
        self.check_fits(Y)
        if self.is_complex:
            Y = Y.astype(arrays.result_dtype(Y.cores[-1], 1j))
        place = self.place(Y.cores[-1])
        with arrays.quiet():
            made = place.expectation(Y.cores)
        algebra.not_overflown([made], "the expectation")
        value = algebra.scalar(made)
        return float(value.real) if self.is_hermitian else value

    def to_dense(self) -> Array:
        """The N × N matrix, row-major over the modes in order; for small problems."""
        d, tree = self.tree.modes, self.tree
        kind = complex if self.is_complex else float
        full: list[Array] = [
            host.stack([host.asarray(leaf.dense(leaf.on_host(m)), dtype=kind) for m in group])
            for group in self.leaf_matrices
        ]
        for node in tree.inner:
            core = self.inner_cores[node - d]
            made = core[..., None] if node == tree.root else core
            made = host.moveaxis(made, -1, 0)[..., None, None]
            for child in tree.children[node]:
                # contract the first open bond, append the child's rows and columns
                made = host.tensordot(made, full[child], axes=(1, 0))
                made = host.moveaxis(made, -2, -3)
                size = made.shape[-4] * made.shape[-3], made.shape[-2] * made.shape[-1]
                made = host.reshape(made, (*made.shape[:-4], *size))
            full.append(made)
        order = tree.leaves_below[tree.root]
        sizes = [self.shape[m] for m in order]
        axes = [order.index(m) for m in range(d)]
        matrix = host.reshape(full[-1][0], (*sizes, *sizes))
        matrix = host.transpose(matrix, (*axes, *(d + a for a in axes)))
        total = int(host.prod(host.asarray(sizes)))
        return host.reshape(matrix, (total, total))

    def __mul__(self, factor: Any) -> TreeOperator:
        number = algebra.checked_scalar(factor)
        if number is None:
            raise TypeError(f"a TreeOperator multiplies with numbers, not with {shown(factor)}")
        cores = (*self.inner_cores[:-1], algebra.scaled(self.inner_cores[-1], number))
        return TreeOperator.trusted(self.tree, self.leaf_matrices, cores)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"TreeOperator(shape={self.shape}, largest bond={max(self.ranks.values())})"


def _checked_parts(tree: Any, leaf_matrices: Any, cores: Any) -> tuple[Any, Any]:
    """Leaf matrices and inner cores that fit the tree and one another."""
    if not isinstance(tree, Tree):
        raise TypeError(f"tree must be a tlr.Tree, not {type(tree).__name__}")
    groups = [
        construct.checked_list(group, f"leaf_matrices[{mode}]")
        for mode, group in enumerate(construct.checked_list(leaf_matrices, "leaf_matrices"))
    ]
    made = [
        arrays.to_numpy(construct.checked_array(core, f"cores[{i}]"))
        for i, core in enumerate(construct.checked_list(cores, "cores"))
    ]
    for name, found, wanted in (
        ("leaf_matrices", groups, tree.modes), ("cores", made, len(tree.inner)),
    ):
        if len(found) != wanted:
            raise ValueError(f"{name}: {tree} needs {wanted}, not {len(found)}")
    for mode, group in enumerate(groups):
        size = getattr(group[0], "shape", None) or (len(group[0]) if hasattr(
            group[0], "__len__") else 0,)
        for k, matrix in enumerate(group):
            group[k] = leaf.checked_matrix(matrix, int(size[0]), f"leaf_matrices[{mode}][{k}]")
    dense = [m for group in groups for m in group if not arrays.is_sparse(m)]
    if dense:
        arrays.check_together(dense, "leaf_matrices")
    bonds = [len(group) for group in groups]
    for i, (node, core) in enumerate(zip(tree.inner, made, strict=True)):
        open_bonds = tuple(bonds[c] for c in tree.children[node])
        order = len(open_bonds) + (node != tree.root)
        if core.ndim != order or core.shape[: len(open_bonds)] != open_bonds:
            text = ", ".join([*map(str, open_bonds), *(["k"] if node != tree.root else [])])
            raise ValueError(f"cores[{i}] must have shape ({text}), not {core.shape}")
        bonds.append(int(core.shape[-1]))
    return groups, made
