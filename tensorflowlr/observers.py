"""What a run looks at: settings that are called with time and state, and that files can hold.

Each returns a float, a complex number or a NumPy array of one shape, whatever library the
state lives on. A run whose observers are all of this kind can be resumed from its checkpoint
alone. The functions behind them are in `tensorflowlr.measures`.

Examples
--------
>>> import tensorflowlr as tlr
>>> problem = tlr.problems.nearest_neighbour_ising(4)
>>> look = {"spins": tlr.observers.LocalExpectations([1.0, -1.0]),
...         "entropy": tlr.observers.Entropies()}
>>> sol = tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1, observe=look,
...                     method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)))
>>> sol.observables["spins"].shape, sol.observables["entropy"].shape
((3, 4), (3, 6))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays, measures
from tensorflowlr.arrays import Array, host
from tensorflowlr.io import storable
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import TreeTensor, construct
from tensorflowlr.tensors.entanglement import checked_order
from tensorflowlr.tensors.moments import check_weights


class Observer:
    """Settings of an observer; mappings by mode are kept with texts for keys."""

    def stored(self) -> dict[str, Any]:
        """The constructor's arguments, in the form that files hold."""
        return {f.name: _texts(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


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
        self._set(vectors=_vectors(self.vectors, "vectors"))
        if not self.vectors:
            raise ValueError("vectors must name at least one mode")

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A number, or an array with one axis per mode that remains."""
        return _dense(measures.contract_modes(Y, self.vectors))


@storable
@dataclass(frozen=True, eq=False)
class Mean(Observer):
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

    weights: Mapping[int, Any]
    select: Mapping[int, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(weights=_probabilities(self.weights), select=_vectors(self.select, "select"))

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A number, or an array with one axis per mode that remains."""
        return _dense(measures.mean(Y, self.weights, select=self.select))


@storable
@dataclass(frozen=True, eq=False)
class Variance(Observer):
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

    weights: Mapping[int, Any]
    select: Mapping[int, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(weights=_probabilities(self.weights), select=_vectors(self.select, "select"))

    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """A float, or a real array with one axis per mode that remains."""
        return _dense(measures.variance(Y, self.weights, select=self.select))


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
        self._set(modes=_modes(self.modes))

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
        self._set(modes=_modes(self.modes))

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
        self._set(matrices=_matrices(self.matrices, "matrices"))

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
            raise TypeError(f"connected must be True or False, not {self.connected!r}")
        self._set(first=_matrices(self.first, "first"))
        if self.second is not None:
            self._set(second=_matrices(self.second, "second"))

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
        checked_order(self.order)

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
        for name, least in (("edge", 0), ("count", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value!r}")
            self._set(**{name: int(value)})

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """A descending array of shape (count,)."""
        found = measures.singular_values(Y)
        if self.edge not in found:
            raise ValueError(f"edge must be in 0 … {len(found) - 1}, not {self.edge!r}")
        return arrays.pad(found[self.edge][: self.count], (self.count,))


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
        table = arrays.to_numpy(self.indices)
        if table.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers, not {table.dtype}")
        if table.ndim not in (1, 2) or not table.size:
            raise ValueError(f"indices must have shape (N, d) or (d,), not {table.shape}")
        self._set(indices=table)

    def __call__(self, t: float, Y: TreeTensor) -> Array:
        """An array of shape (N,)."""
        return arrays.to_numpy(Y.entries(self.indices))


def _dense(value: Any) -> Any:
    if isinstance(value, TreeTensor):
        value = value.to_dense()
    return arrays.to_numpy(value) if arrays.is_array(value) else value


def _texts(value: Any) -> Any:
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value


def _mode(mode: Any, name: str) -> int:
    # files and configurations have texts for keys
    if isinstance(mode, str) and mode.isdecimal():
        mode = int(mode)
    if isinstance(mode, bool) or not hasattr(mode, "__index__"):
        raise TypeError(f"{name} must be an integer, not {mode!r}")
    if mode < 0:
        raise ValueError(f"{name} must not be negative, not {mode!r}")
    return int(mode)


def _modes(modes: Any) -> tuple[int, ...]:
    found = (modes,) if hasattr(modes, "__index__") else construct.checked_list(modes, "modes")
    made = tuple(_mode(mode, "modes") for mode in found)
    if len(set(made)) < len(made):
        raise ValueError(f"modes must differ, not {made!r}")
    return made


def _vectors(vectors: Any, name: str) -> dict[int, Any]:
    if not isinstance(vectors, Mapping):
        raise TypeError(f"{name} must map modes to vectors, not {vectors!r}")
    made: dict[int, Any] = {}
    for key, vector in vectors.items():
        mode, label = _mode(key, f"a mode of {name}"), f"{name}[{key}]"
        if hasattr(vector, "__index__") and not isinstance(vector, bool) and (
            getattr(vector, "shape", ()) == ()
        ):
            made[mode] = int(vector)
            continue
        made[mode] = construct.checked_array(vector, label)
        if made[mode].ndim != 1:
            raise ValueError(f"{label} must have one axis, not shape {tuple(made[mode].shape)}")
    return made


def _probabilities(weights: Any) -> dict[int, Any]:
    made = _vectors(weights, "weights")
    if not made:
        raise ValueError("weights must name at least one mode")
    for mode, vector in made.items():
        if isinstance(vector, int):
            raise TypeError(f"weights[{mode}] must be an array of probabilities, not {vector!r}")
        check_weights(vector, f"weights[{mode}]")
    return made


def _matrices(matrices: Any, name: str) -> Any:
    if isinstance(matrices, Mapping):
        if not matrices:
            raise ValueError(f"{name} must name at least one mode")
        return {_mode(key, f"a mode of {name}"): _matrix(m, f"{name}[{key}]")
                for key, m in matrices.items()}
    return _matrix(matrices, name)


def _matrix(matrix: Any, name: str) -> Any:
    if arrays.is_sparse(matrix):
        return matrix
    made = construct.checked_array(matrix, name)
    if made.ndim > 2 or made.shape[0] != made.shape[-1]:
        raise ValueError(
            f"{name} must have shape (n, n), or (n,) for a diagonal, not {tuple(made.shape)}"
        )
    return made
