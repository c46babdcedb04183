"""Linear right-hand sides: Y' = c(t) H Y + source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.checks import shown
from tensorflowlr.fields.linear_environment import LinearEnvironment
from tensorflowlr.fields.linear_local import coefficient_at
from tensorflowlr.io import storable
from tensorflowlr.moves.enrich import orthonormal_derivative
from tensorflowlr.moves.frame import Frame
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import TreeTensor, inner

Coefficient = complex | Callable[[float], complex]


@storable
class LinearField:
    """The right-hand side Σ_q c_q(t) H_q Y + source(t).

    Parameters
    ----------
    operator
        A `TreeOperator`, or a sequence of them.
    coefficient
        A number or a function of time; a sequence where there are several operators.
    source
        A tree tensor or dense array, or a function of time that returns one; None for none.

    Raises
    ------
    TypeError, ValueError
        If there are no operators, they live on different trees, or the coefficients are not
        as many.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> H = tlr.TreeOperator.from_terms([(1.0, {0: [[0, 1], [1, 0]]})], tlr.Tree.matrix(), (2, 2))
    >>> F = tlr.LinearField(H, coefficient=-1j)
    """

    def __init__(
        self,
        operator: TreeOperator | Sequence[TreeOperator],
        coefficient: Coefficient | Sequence[Coefficient] = 1.0,
        source: Any = None,
    ) -> None:
        several = isinstance(operator, (list, tuple))
        operators = tuple(operator) if isinstance(operator, (list, tuple)) else (operator,)
        coefficients = (
            tuple(coefficient) if isinstance(coefficient, (list, tuple))
            else (coefficient,) * len(operators)
        )
        if not operators or not all(isinstance(h, TreeOperator) for h in operators):
            names = [type(h).__name__ for h in operators]
            raise TypeError(f"operator must be a TreeOperator or several of them, not {names}")
        if len(coefficients) != len(operators) or (
            not several and isinstance(coefficient, (list, tuple))
        ):
            raise ValueError(
                f"coefficient: {len(operators)} operators need as many, not {coefficient!r}"
            )
        for first in operators[1:]:
            if first.tree != operators[0].tree or first.shape != operators[0].shape:
                raise ValueError(
                    "operator: all operators must share one tree and shape, not "
                    f"{operators[0].shape} on {operators[0].tree} and {first.shape} on {first.tree}"
                )
        for c in coefficients:
            if not callable(c):
                coefficient_at(c, 0.0)
        if not (source is None or callable(source) or isinstance(source, TreeTensor)):
            source = self._checked_source(source)
        self.operators = operators
        self.coefficients = coefficients
        self.source = source

    @staticmethod
    def _checked_source(source: Any) -> Array:
        may_be = "source must be a tree tensor, an array or a function"
        try:
            array = arrays.asarray(source)
        except (TypeError, ValueError):
            raise TypeError(f"{may_be}, not {shown(source)}") from None
        if array.ndim == 0:
            raise TypeError(f"{may_be}, not {shown(source)}")
        return array

    def prepare(self, Y: TreeTensor, t: float) -> TreeTensor:
        """The start in the dtype of the run: complex where anything is."""
        for h in self.operators:
            h.check_fits(Y)
        source = self.source_at(t, Y) if self.source is not None else None
        if (
            any(h.is_complex for h in self.operators)
            or any(isinstance(coefficient_at(c, t), complex) for c in self.coefficients)
            or (source is not None and arrays.is_complex(source.cores[-1]))
        ):
            Y = Y.astype(arrays.result_dtype(Y.cores[-1], 1j))
        for h in self.operators:
            h.place(Y.cores[-1])
        return Y

    def source_at(self, t: float, like: TreeTensor) -> TreeTensor:
        """The source at time t as a tree tensor that fits `like`.

        Raises
        ------
        ValueError
            If it is of another tree or shape, or not finite.
        """
        value = self.source(t) if callable(self.source) else self.source
        if not isinstance(value, TreeTensor):
            value = self._dense_source(value, like)
        if value.tree != like.tree or value.shape != like.shape:
            raise ValueError(
                f"source must have shape {like.shape} on {like.tree}, "
                f"not {value.shape} on {value.tree}"
            )
        arrays.check_together([like.cores[-1], value.cores[-1]], "source")
        return value

    def _dense_source(self, value: Any, like: TreeTensor) -> TreeTensor:
        if arrays.is_array(value) and not arrays.is_numpy(value):
            arrays.check_together([like.cores[-1], value], "source")
        try:
            array = arrays.asarray(value, like=like.cores[-1])
        except (TypeError, ValueError):
            raise TypeError(
                f"source must be a tree tensor or an array, not {type(value).__name__}"
            ) from None
        if tuple(array.shape) != like.shape:
            raise ValueError(f"source must have shape {like.shape}, not {tuple(array.shape)}")
        if not arrays.all_finite(array):
            kind = FloatingPointError if callable(self.source) else ValueError
            raise kind("source must be finite, but holds NaN or Inf")
        return TreeTensor.from_dense(array, like.tree)

    def evaluate(self, t: float, Y: TreeTensor) -> TreeTensor:
        """F(t, Y) as a tree tensor."""
        total = None
        for h, c in zip(self.operators, self.coefficients, strict=True):
            part = coefficient_at(c, t) * (h @ Y)
            total = part if total is None else total + part
        assert total is not None
        if self.source is not None:
            total = total + self.source_at(t, Y).astype(Y.dtype)
        return total

    def orthonormal(self, t: float, Y: TreeTensor, complete: Sequence[bool]) -> list[Array]:
        """Cores of F(t, Y) with orthonormal columns, complete nodes in Y's own bases."""
        if len(self.operators) > 1 or self.source is not None:
            return orthonormal_derivative(Y, self.evaluate(t, Y), complete)
        made = self.operators[0].place(Y.cores[-1]).apply_orthonormal(Y.cores, complete)
        return [*made[:-1], made[-1] * coefficient_at(self.coefficients[0], t)]

    def stored(self) -> dict[str, Any]:
        """What a file keeps: the constructor's arguments."""
        return {
            "operator": self.operators, "coefficient": self.coefficients, "source": self.source,
        }

    def probe(self, t: float, Y: TreeTensor) -> list[complex]:
        """Numbers that tell this field from others: expectations and norms at a state."""
        found: list[complex] = []
        for h, c in zip(self.operators, self.coefficients, strict=True):
            found += [coefficient_at(c, t), h.expectation(Y), h.norm()]
        if self.source is not None:
            source = self.source_at(t, Y)
            found += [source.norm(), inner(Y, source)]
        return found

    def environment(self, frame: Frame) -> LinearEnvironment:
        """All blocks of the operators in a frame, from one sweep up and one down."""
        return LinearEnvironment(self, frame)
