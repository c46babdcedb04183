"""Observers of the state: norm, expectation values, entries, moments over random modes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays, measures
from tensorflowlr.arrays import Array
from tensorflowlr.checks import shown
from tensorflowlr.io import storable
from tensorflowlr.observers.settings import Observer, checked_vectors, checked_weights
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import TreeTensor


@storable
@dataclass(frozen=True)
class Norm(Observer):
    """The 2-norm of the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[3.0, 0.0], [0.0, 2.0]], tlr.Tree.matrix())
    >>> tlr.observers.Norm()(0.0, Y)
    6.0
    """

    def __call__(self, t: float, Y: TreeTensor) -> float:
        """‖Y‖."""
        return Y.norm()


@storable
@dataclass(frozen=True, eq=False)
class Expectation(Observer):
    """⟨Y|H|Y⟩, not divided by ‖Y‖²: a float where H is Hermitian or all is real.

    Parameters
    ----------
    operator
        A tree operator on the tree of the state.

    Raises
    ------
    TypeError
        If `operator` is no tree operator.
    ValueError
        When called, if the state is of another tree or shape.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> H = tlr.TreeOperator.from_terms([(2.0, {0: [1.0, -1.0]})], tlr.Tree.matrix(), (2, 2))
    >>> up = tlr.TreeTensor.product([[1.0, 0.0]] * 2, tlr.Tree.matrix())
    >>> tlr.observers.Expectation(H)(0.0, up)
    2.0
    """

    operator: TreeOperator

    def __post_init__(self) -> None:
        if not isinstance(self.operator, TreeOperator):
            raise TypeError(
                f"operator must be a TreeOperator, not {type(self.operator).__name__}"
            )

    def __call__(self, t: float, Y: TreeTensor) -> float | complex:
        """⟨Y|H|Y⟩."""
        return self.operator.expectation(Y)


@storable
@dataclass(frozen=True, eq=False)
class Entries(Observer):
    """Entries of the state at given multi-indices, as `TreeTensor.entries`.

    Parameters
    ----------
    indices
        Integers of shape (N, d), or (d,) for a single entry.

    Raises
    ------
    TypeError, ValueError
        If `indices` cannot be.
    IndexError, ValueError
        When called, if they do not fit the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 3.0]], tlr.Tree.matrix())
    >>> tlr.observers.Entries([[1, 1], [0, 1]])(0.0, Y)
    array([6., 3.])
    """

    indices: Any

    def __post_init__(self) -> None:
        try:
            table = arrays.to_numpy(self.indices)
        except (TypeError, ValueError):
            raise TypeError(f"indices must be integers, not {shown(self.indices)}") from None
        if table.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers, not {table.dtype}")
        if table.ndim not in (1, 2) or not table.size:
            raise ValueError(f"indices must have shape (N, d) or (d,), not {table.shape}")
        self._set(indices=table)

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array of shape (N,)."""
        return arrays.to_numpy(Y.entries(self.indices))


@storable
@dataclass(frozen=True, eq=False)
class Contraction(Observer):
    """The state with some modes contracted with vectors, as `measures.contract_modes`.

    Parameters
    ----------
    vectors
        By mode, a vector of numbers or an index.

    Raises
    ------
    TypeError, ValueError
        If a mode or vector cannot be; when called, if one does not fit the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 3.0]], tlr.Tree.matrix())
    >>> tlr.observers.Contraction({1: 1})(0.0, Y)
    array([3., 6.])
    """

    vectors: Mapping[int, Any]

    def __post_init__(self) -> None:
        self._set(vectors=checked_vectors(self.vectors, "vectors"))
        if not self.vectors:
            raise ValueError("vectors must name at least one mode")

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A number, or an array with one axis per mode that remains."""
        return _dense(measures.contract_modes(Y, self.vectors))


@dataclass(frozen=True, eq=False)
class Moment(Observer):
    """The settings of `Mean` and `Variance`."""

    weights: Mapping[int, Any]
    select: Mapping[int, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(weights=checked_weights(self.weights))
        self._set(select=checked_vectors(self.select, "select"))


@storable
@dataclass(frozen=True, eq=False)
class Mean(Moment):
    """The expectation over random modes, entry by entry, as `measures.mean`.

    Parameters
    ----------
    weights
        By random mode, the probabilities of its points: not negative, of sum one.
    select
        By further mode, a vector or an index to contract with first.

    Raises
    ------
    TypeError, ValueError
        If a mode, vector or weight cannot be; when called, if one does not fit the state.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 4.0]], tlr.Tree.matrix())
    >>> tlr.observers.Mean({1: [0.5, 0.5]})(0.0, Y)
    array([2., 4.])
    """

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A number, or an array with one axis per mode that remains."""
        return _dense(measures.mean(Y, self.weights, select=self.select))


@storable
@dataclass(frozen=True, eq=False)
class Variance(Moment):
    """The variance over random modes, entry by entry, as `measures.variance`.

    Parameters
    ----------
    weights, select
        As for `Mean`.

    Raises
    ------
    TypeError, ValueError
        As for `Mean`.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[1.0, 2.0], [0.0, 4.0]], tlr.Tree.matrix())
    >>> tlr.observers.Variance({1: [0.5, 0.5]})(0.0, Y)
    array([ 4., 16.])
    """

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A float, or a real array with one axis per mode that remains."""
        return _dense(measures.variance(Y, self.weights, select=self.select))


def _dense(value: Any) -> Any:
    if isinstance(value, TreeTensor):
        value = value.to_dense()
    return arrays.to_numpy(value) if arrays.is_array(value) else value
