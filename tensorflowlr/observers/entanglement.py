"""Observers of few modes and of edges: densities, correlations, entropies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays, measures
from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import shown, whole_number
from tensorflowlr.io import storable
from tensorflowlr.observers.settings import Observer, checked_matrices, checked_modes
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.entanglement import checked_order


@storable
@dataclass(frozen=True)
class Marginal(Observer):
    """The sum of |Y|² over all modes but the given ones, as `measures.marginal`.

    Parameters
    ----------
    modes
        A mode, or several in the order of the result's axes.

    Raises
    ------
    TypeError, ValueError
        If a mode cannot be; when called, if the state has no such mode.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[0.6, 0.8], [0.0, 1.0]], tlr.Tree.matrix())
    >>> tlr.observers.Marginal(1)(0.0, Y).round(12)
    array([0., 1.])
    """

    modes: int | Sequence[int]

    def __post_init__(self) -> None:
        self._set(modes=checked_modes(self.modes))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """A real array with one axis per mode."""
        return arrays.to_numpy(measures.marginal(Y, self.modes))


@storable
@dataclass(frozen=True)
class ReducedDensity(Observer):
    """The reduced density matrix of some modes, as `measures.reduced_density`.

    Parameters
    ----------
    modes
        A mode, or several in the order of the matrix.

    Raises
    ------
    TypeError, ValueError
        If a mode cannot be; when called, if the state has no such mode.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[0.6, 0.8], [0.0, 1.0]], tlr.Tree.matrix())
    >>> tlr.observers.ReducedDensity(0)(0.0, Y).round(12)
    array([[0.36, 0.48],
           [0.48, 0.64]])
    """

    modes: int | Sequence[int]

    def __post_init__(self) -> None:
        self._set(modes=checked_modes(self.modes))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array of shape (N, N)."""
        return arrays.to_numpy(measures.reduced_density(Y, self.modes))


@storable
@dataclass(frozen=True, eq=False)
class LocalExpectations(Observer):
    """⟨Y|A_i|Y⟩ for every mode, as `measures.local_expectations`.

    Parameters
    ----------
    matrices
        One matrix for all modes, or by mode: (n, n), a diagonal (n,) or SciPy sparse.

    Raises
    ------
    TypeError, ValueError
        If a mode cannot be; when called, if a mode or matrix does not fit the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 3, tlr.Tree.balanced(3))
    >>> tlr.observers.LocalExpectations([1.0, -1.0])(0.0, up)
    array([1., 1., 1.])
    """

    matrices: Any

    def __post_init__(self) -> None:
        self._set(matrices=checked_matrices(self.matrices, "matrices"))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array with one entry per matrix."""
        return measures.local_expectations(Y, self.matrices)


@storable
@dataclass(frozen=True, eq=False)
class Correlations(Observer):
    """⟨Y|A_i B_j|Y⟩ for all pairs of modes, as `measures.correlations`.

    Parameters
    ----------
    first, second
        The matrices A and B, as for `LocalExpectations`; by default B is A.
    connected
        Whether to subtract ⟨A_i⟩⟨B_j⟩ / ‖Y‖².

    Raises
    ------
    TypeError, ValueError
        If a mode or `connected` cannot be; when called, if a matrix does not fit the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 3, tlr.Tree.balanced(3))
    >>> tlr.observers.Correlations([1.0, -1.0], connected=True)(0.0, up).shape
    (3, 3)
    """

    first: Any
    second: Any = None
    connected: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.connected, bool):
            raise TypeError(f"connected must be True or False, not {shown(self.connected)}")
        self._set(first=checked_matrices(self.first, "first"))
        if self.second is not None:
            self._set(second=checked_matrices(self.second, "second"))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array with a row per matrix A and a column per matrix B."""
        return measures.correlations(Y, self.first, self.second, connected=self.connected)


@storable
@dataclass(frozen=True)
class Entropies(Observer):
    """The entanglement entropy of every edge, as `measures.entropies`.

    Parameters
    ----------
    order
        One is von Neumann's entropy, others are Rényi's; infinity is allowed.

    Raises
    ------
    TypeError, ValueError
        If `order` is no number or negative.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 2, tlr.Tree.matrix())
    >>> tlr.observers.Entropies()(0.0, up)
    array([0., 0.])
    """

    order: float = 1.0

    def __post_init__(self) -> None:
        self._set(order=checked_order(self.order))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array with one entry per edge, in the order of the tree's edges."""
        return host.asarray([*measures.entropies(Y, order=self.order).values()])


@storable
@dataclass(frozen=True)
class SingularValues(Observer):
    """The largest singular values of one edge, filled up with zeros.

    Parameters
    ----------
    edge
        The child node of the edge.
    count
        How many.

    Raises
    ------
    TypeError, ValueError
        If a setting cannot be; when called, if the tree has no such edge.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> up = tlr.TreeTensor.product([[2.0, 0.0]] * 2, tlr.Tree.matrix())
    >>> tlr.observers.SingularValues(0, 3)(0.0, up)
    array([4., 0., 0.])
    """

    edge: int
    count: int

    def __post_init__(self) -> None:
        self._set(edge=whole_number(self.edge, "edge", least=0))
        self._set(count=whole_number(self.count, "count"))

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """A descending array of shape (count,)."""
        found = measures.singular_values(Y)
        if self.edge not in found:
            raise ValueError(f"edge must be in 0 … {len(found) - 1}, not {self.edge!r}")
        return arrays.pad(found[self.edge][: self.count], (self.count,))
