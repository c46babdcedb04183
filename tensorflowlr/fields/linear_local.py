"""A linear field at one node, made of arrays alone so that it can travel to a worker."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, contiguous
from tensorflowlr.operators import blocks
from tensorflowlr.operators.leaf import LeafMatrices
from tensorflowlr.tensors import algebra

Apply = Callable[[Array], Array]


@dataclass(frozen=True)
class InnerPart:
    """One operator at an inner node: its core, and the blocks below and above."""

    shape: tuple[int, ...]
    core: Array
    below: tuple[Array, ...]
    above: Array | None

    def bind(self) -> Apply:
        """The operator as a function of the centre."""
        return blocks.local(self.shape, self.core, self.below, self.above)

    @property
    def sample(self) -> Array:
        """One of its arrays."""
        return self.core

    @property
    def flops(self) -> int:
        """What one application costs."""
        return blocks.local_flops(self.shape, self.core, self.below, self.above)

    def settled(self) -> InnerPart:
        """The same in C order: what travels computes the same bits as what stays."""
        above = None if self.above is None else contiguous(self.above)
        below = tuple(contiguous(b) for b in self.below)
        return replace(self, core=contiguous(self.core), below=below, above=above)


@dataclass(frozen=True)
class LeafPart:
    """One operator at a leaf: its matrices, and the block above; the matrices may stay away."""

    leaf: LeafMatrices | None
    above: Array

    def bind(self) -> Apply:
        """The operator as a function of the centre."""
        leaf, above = self.leaf, self.above.mT
        # without its matrices it is on its way
        return _absent if leaf is None else lambda x: leaf.apply_sum(x @ above)

    @property
    def sample(self) -> Array:
        """One of its arrays."""
        return self.above

    @property
    def flops(self) -> int:
        """What one application costs."""
        assert self.leaf is not None
        bond, rank = self.above.shape[:2]
        return 2 * rank * (self.leaf.size * bond * rank + self.leaf.entries)

    def settled(self) -> LeafPart:
        """The same in C order."""
        return replace(self, above=contiguous(self.above))


class LinearLocal:
    """A linear field at one node: X ↦ Σ_q c_q(t) H_q X + source.

    Parameters
    ----------
    parts
        The operators there.
    coefficients
        Numbers, or functions of time.
    fixed
        The constant source at the node, or None.
    moving
        The source as a function of time, or None.
    """

    def __init__(
        self,
        parts: Sequence[InnerPart | LeafPart],
        coefficients: Sequence[Any],
        fixed: Array | None = None,
        moving: Callable[[float], Array] | None = None,
    ) -> None:
        self.parts, self.coefficients = tuple(parts), tuple(coefficients)
        self.fixed, self.moving = fixed, moving
        self._apply = [part.bind() for part in self.parts]

    def __reduce__(self) -> Any:
        return LinearLocal, (self.parts, self.coefficients, self.fixed, self.moving)

    @property
    def portable(self) -> bool:
        """Whether it can travel to another process."""
        return self.moving is None and all(
            _pickles(c) for c in self.coefficients if callable(c)
        )

    def settled(self) -> LinearLocal:
        """The same in C order, so that it computes the same bits here and elsewhere."""
        fixed = None if self.fixed is None else contiguous(self.fixed)
        parts = [part.settled() for part in self.parts]
        return LinearLocal(parts, self.coefficients, fixed, self.moving)

    @property
    def luggage(self) -> tuple[LeafMatrices, ...] | None:
        """Leaf matrices, the same in every step, which need not travel each time."""
        found = [part.leaf for part in self.parts if isinstance(part, LeafPart)]
        return tuple(leaf for leaf in found if leaf is not None) or None

    def with_luggage(self, luggage: Sequence[LeafMatrices] | None) -> LinearLocal:
        """The same with leaf matrices, or without."""
        parts = [
            replace(part, leaf=None if luggage is None else luggage[q])
            if isinstance(part, LeafPart) else part
            for q, part in enumerate(self.parts)
        ]
        return LinearLocal(parts, self.coefficients, self.fixed, self.moving)

    def _linear(self, t: float, x: Array) -> Array:
        total = None
        for apply, c in zip(self._apply, self.coefficients, strict=True):
            if callable(c):
                c = coefficient_at(c, t)
                if isinstance(c, complex) and not arrays.is_complex(x):
                    raise TypeError(
                        "coefficient turned complex in a real run: start from Y0.astype(complex)"
                    )
            value = apply(x) if c == 1.0 else apply(x) * c
            total = value if total is None else total + value
        return total

    def linear(self, t: float) -> Apply:
        """X ↦ Σ_q c_q(t) H_q X."""
        return lambda x: self._linear(t, x)

    def __call__(self, t: float, centre: Array) -> Array:
        """The derivative of the centre at time t."""
        value = self._linear(t, centre)
        if self.moving is not None:
            return value + self.moving(t)
        return value if self.fixed is None else value + self.fixed


def coefficient_at(coefficient: Any, t: float) -> Any:
    """A coefficient, a number or a function of time, at a time.

    Raises
    ------
    TypeError, ValueError
        If it is no finite number.
    """
    value = coefficient(t) if callable(coefficient) else coefficient
    number = algebra.checked_scalar(value, "coefficient")
    if number is None:
        raise TypeError(f"coefficient must be a number, not {value!r}")
    return number


def _absent(x: Array) -> Array:
    raise RuntimeError("the matrices of this leaf did not travel along")


def _pickles(function: Callable[..., Any]) -> bool:
    try:
        pickle.dumps(function)
    except Exception:
        return False
    return True
