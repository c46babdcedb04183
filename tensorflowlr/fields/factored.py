"""Right-hand sides given as functions: tree in, tree out, or dense in, dense out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.checks import shown
from tensorflowlr.fields.environment import in_dtype, prolong, restrict
from tensorflowlr.moves.enrich import orthonormal_derivative
from tensorflowlr.moves.frame import Frame
from tensorflowlr.tensors import TreeTensor, inner


class FactoredField:
    """Y' = f(t, Y) with f from tree tensors to tree tensors.

    Parameters
    ----------
    function
        Called with a time and a `TreeTensor`; returns a `TreeTensor` on the same tree and of
        the same shape, at any rank.

    Raises
    ------
    TypeError
        If `function` is not callable.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> decay = tlr.FactoredField(lambda t, Y: -1.0 * Y)
    """

    def __init__(self, function: Callable[[float, TreeTensor], TreeTensor]) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, not {type(function).__name__}")
        self.function: Callable[[float, Any], Any] = function

    def prepare(self, Y: TreeTensor, t: float) -> TreeTensor:
        """The start in the dtype of the run: complex where the function returns complex."""
        value = self.evaluate(t, Y)
        return Y.astype(arrays.result_dtype(Y.cores[-1], value.cores[-1]))

    def evaluate(self, t: float, Y: TreeTensor) -> TreeTensor:
        """F(t, Y), checked."""
        value = self.function(t, Y)
        if not isinstance(value, TreeTensor):
            raise TypeError(f"function must return a TreeTensor, not {type(value).__name__}")
        if value.tree != Y.tree or value.shape != Y.shape:
            raise ValueError(
                f"function must return shape {Y.shape} on {Y.tree}, "
                f"not {value.shape} on {value.tree}"
            )
        arrays.check_together([Y.cores[-1], value.cores[-1]], "function")
        return value

    def orthonormal(self, t: float, Y: TreeTensor, complete: Sequence[bool]) -> list[Array]:
        """Cores of F(t, Y) with orthonormal columns, complete nodes in Y's own bases."""
        return orthonormal_derivative(Y, self.evaluate(t, Y), complete)

    def probe(self, t: float, Y: TreeTensor) -> list[complex]:
        """Numbers that tell this field from others: its norm and overlap at a state."""
        value = self.evaluate(t, Y)
        return [value.norm(), inner(Y, value)]

    def environment(self, frame: Frame) -> CallableEnvironment:
        """The field seen from a frame."""
        return CallableEnvironment(self, frame)


class DenseField(FactoredField):
    """Y' = f(t, y) with f from dense arrays to dense arrays; for small problems and tests.

    Parameters
    ----------
    function
        Called with a time and the dense array; returns an array of the same shape.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> decay = tlr.DenseField(lambda t, y: -y)
    """

    def evaluate(self, t: float, Y: TreeTensor) -> TreeTensor:
        """F(t, Y) on the tree, without truncation."""
        dense = Y.to_dense()
        value = self.function(t, dense)
        if not arrays.is_array(value) or tuple(value.shape) != tuple(dense.shape):
            raise ValueError(
                f"function must return an array of shape {Y.shape}, not {shown(value)}"
            )
        if not arrays.holds_numbers(value):
            raise TypeError(f"function must return numbers, not of dtype {value.dtype}")
        if not arrays.all_finite(value):
            raise FloatingPointError("function returned NaN or Inf")
        return TreeTensor.from_dense(value, Y.tree)


class CallableEnvironment:
    """A function of tree tensors seen from the nodes of one frame."""

    def __init__(self, field: FactoredField, frame: Frame) -> None:
        self.field, self.frame = field, frame
        self.bases = list(frame.basis)

    def update(self, node: int, basis: Array) -> None:
        """Replace the basis of a node."""
        self.bases[node] = basis

    def flops(self, node: int) -> float:
        """Not known: a function is called where it is."""
        return 0.0

    def local(self, node: int) -> CallableLocal:
        """The field at one node."""
        return CallableLocal(self, node, list(self.bases))

    def groups(self, nodes: Sequence[int]) -> list[tuple[list[int], CallableLocal]]:
        """One group per node: the function knows single states alone."""
        return [([node], self.local(node)) for node in nodes]


class CallableLocal:
    """A function of tree tensors at one node."""

    def __init__(self, environment: CallableEnvironment, node: int, bases: list[Array]) -> None:
        self.environment, self.node, self.bases = environment, node, bases

    def linear(self, t: float) -> Callable[[Array], Array] | None:
        """Not known to be linear."""
        del t
        return None

    def __call__(self, t: float, centre: Array) -> Array:
        """The derivative of the centre at time t."""
        frame, node = self.environment.frame, self.node
        value = self.environment.field.evaluate(t, prolong(frame, node, centre, self.bases))
        return in_dtype(restrict(frame, node, value, self.bases), centre, "function")
