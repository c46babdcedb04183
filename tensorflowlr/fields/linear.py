"""Linear right-hand sides: Y' = c(t) H Y + source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.checks import shown
from tensorflowlr.fields.environment import in_dtype, restrict
from tensorflowlr.io import storable
from tensorflowlr.moves.enrich import orthonormal_derivative
from tensorflowlr.moves.frame import Frame
from tensorflowlr.operators import TreeOperator, blocks
from tensorflowlr.operators.tree_operator import PlacedOperator
from tensorflowlr.tensors import TreeTensor, algebra, inner

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
                self._at(c, 0.0)
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
            or any(isinstance(self._at(c, t), complex) for c in self.coefficients)
            or (source is not None and arrays.is_complex(source.cores[-1]))
        ):
            Y = Y.astype(arrays.result_dtype(Y.cores[-1], 1j))
        for h in self.operators:
            h.place(Y.cores[-1])
        return Y

    @staticmethod
    def _at(coefficient: Any, t: float) -> Any:
        value = coefficient(t) if callable(coefficient) else coefficient
        number = algebra.checked_scalar(value, "coefficient")
        if number is None:
            raise TypeError(f"coefficient must be a number, not {value!r}")
        return number

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
            part = self._at(c, t) * (h @ Y)
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
        return [*made[:-1], made[-1] * self._at(self.coefficients[0], t)]

    def stored(self) -> dict[str, Any]:
        """What a file keeps: the constructor's arguments."""
        return {
            "operator": self.operators, "coefficient": self.coefficients, "source": self.source,
        }

    def probe(self, t: float, Y: TreeTensor) -> list[complex]:
        """Numbers that tell this field from others: expectations and norms at a state."""
        found: list[complex] = []
        for h, c in zip(self.operators, self.coefficients, strict=True):
            found += [self._at(c, t), h.expectation(Y), h.norm()]
        if self.source is not None:
            source = self.source_at(t, Y)
            found += [source.norm(), inner(Y, source)]
        return found

    def environment(self, frame: Frame) -> LinearEnvironment:
        """All blocks of the operators in a frame, from one sweep up and one down."""
        return LinearEnvironment(self, frame)


class LinearEnvironment:
    """Blocks (bond, bra, ket) below and above every edge of a frame, for each operator."""

    def __init__(self, field: LinearField, frame: Frame) -> None:
        self.field, self.frame = field, frame
        self.bases = list(frame.basis)
        like = frame.centre[-1]
        self.placed = [h.place(like) for h in field.operators]
        self.below = [self._sweep_up(h) for h in self.placed]
        self.above = [
            self._sweep_down(h, b) for h, b in zip(self.placed, self.below, strict=True)
        ]
        constant = field.source is not None and not callable(field.source)
        self.source = field.source_at(0.0, self._like()) if constant else None

    def _like(self) -> TreeTensor:
        cores = [*self.frame.basis[:-1], self.frame.centre[-1][..., 0]]
        return TreeTensor.trusted(self.frame.tree, cores)

    def _sweep_up(self, placed: PlacedOperator) -> list[Array]:
        below: list[Array] = [None] * len(self.bases)
        for node in self.frame.tree.edges:
            children = [below[c] for c in self.frame.tree.children[node]]
            below[node] = placed.upward(node, self.bases[node], self.bases[node], children)
        return below

    def _sweep_down(self, placed: PlacedOperator, below: list[Array]) -> list[Array]:
        tree, above = self.frame.tree, [None] * len(self.bases)
        for node in tree.downward:
            for i, child in enumerate(tree.children[node]):
                outer = self.frame.outer[child]
                if outer is not None:
                    others = [below[c] for c in tree.children[node] if c != child]
                    above[child] = blocks.downward(
                        outer, placed.cores[node], others, i, above[node]
                    )
        return above

    def update(self, node: int, basis: Array) -> None:
        """Replace the basis of a node and its blocks."""
        self.bases[node] = basis
        for placed, below in zip(self.placed, self.below, strict=True):
            children = [below[c] for c in self.frame.tree.children[node]]
            below[node] = placed.upward(node, basis, basis, children)

    def _operator(self, q: int, node: int, below: list[Array]) -> Callable[[Array], Array]:
        placed, above = self.placed[q], self.above[q][node]
        if self.frame.tree.is_leaf(node):
            leaf = placed.leaves[node]
            return lambda x: leaf.apply_sum(x @ above.mT)
        children = self.frame.tree.children[node]
        shape = (*(below[c].shape[2] for c in children), self.frame.centre[node].shape[-1])
        return blocks.local(shape, placed.cores[node], [below[c] for c in children], above)

    def local(self, node: int) -> LinearLocal:
        """The field at one node."""
        parts = [self._operator(q, node, below) for q, below in enumerate(self.below)]
        return LinearLocal(self, node, parts)

    def groups(self, nodes: Sequence[int]) -> list[tuple[list[int], LinearLocal]]:
        """Nodes of equal shapes together, their operators stacked into batched products."""
        tree = self.frame.tree
        found: dict[Any, list[int]] = {}
        for node in nodes:
            key: Any = node
            if self.field.source is None and not tree.is_leaf(node) and node != tree.root:
                key = tuple(
                    tuple(tuple(a.shape) for a in self._blocks(q, node, below))
                    for q, below in enumerate(self.below)
                )
            found.setdefault(key, []).append(node)
        return [
            (group, self.local(group[0]) if len(group) == 1 else self._stacked(group))
            for group in found.values()
        ]

    def _blocks(self, q: int, node: int, below: Sequence[Array]) -> list[Array]:
        children = self.frame.tree.children[node]
        return [self.placed[q].cores[node], *(below[c] for c in children), self.above[q][node]]

    def _stacked(self, nodes: list[int]) -> LinearLocal:
        xp = namespace(self.frame.centre[-1])
        shape = (len(nodes), *self.frame.centre[nodes[0]].shape)
        parts = []
        for q, below in enumerate(self.below):
            columns = zip(*(self._blocks(q, node, below) for node in nodes), strict=True)
            core, *children, above = (xp.stack(column) for column in columns)
            parts.append(blocks.local(shape, core, children, above))
        return LinearLocal(self, nodes[0], parts)


class LinearLocal:
    """A linear field at one node: Σ_q c_q(t) H_q X + source."""

    def __init__(
        self, environment: LinearEnvironment, node: int, parts: list[Callable[[Array], Array]]
    ) -> None:
        self.environment, self.node, self.parts = environment, node, parts
        field = environment.field
        self.constants: list[Any] = [
            None if callable(c) else field._at(c, 0.0) for c in field.coefficients
        ]
        self.fixed = self._restricted(environment.source) if environment.source else None
        self.moving = field.source is not None and environment.source is None

    def _restricted(self, source: TreeTensor) -> Array:
        made = restrict(self.environment.frame, self.node, source, self.environment.bases)
        return in_dtype(made, self.environment.frame.centre[-1], "source")

    def _linear(self, t: float, x: Array) -> Array:
        total = None
        for q, part in enumerate(self.parts):
            c = self.constants[q]
            if c is None:
                c = self.environment.field._at(self.environment.field.coefficients[q], t)
                if isinstance(c, complex) and not arrays.is_complex(x):
                    raise TypeError(
                        "coefficient turned complex in a real run: start from Y0.astype(complex)"
                    )
            value = part(x) if c == 1.0 else part(x) * c
            total = value if total is None else total + value
        return total

    def linear(self, t: float) -> Callable[[Array], Array]:
        """X ↦ Σ_q c_q(t) H_q X."""
        return lambda x: self._linear(t, x)

    def __call__(self, t: float, centre: Array) -> Array:
        """The derivative of the centre at time t."""
        value = self._linear(t, centre)
        if self.moving:
            source = self.environment.field.source_at(t, self.environment._like())
            return value + self._restricted(source)
        return value if self.fixed is None else value + self.fixed
