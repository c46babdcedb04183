"""What can be decomposed: dense symmetric arrays, and tensors that are given by data."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, runtime_checkable

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.decompositions.diagnostics import DecompositionWarning
from tensorflowlr.decompositions.flattening import Flattening, flatten
from tensorflowlr.tensors.symmetric import SymmetricCP
from tensorflowlr.tensors.symmetry import checked_cube, symmetrize
from tensorflowlr.tensors.symmetry import unchecked_asymmetry as asymmetry

# relative asymmetry that is round-off, and that which is still taken for symmetric, in units
# of machine precision: 1e-13 and 1e-10 in double precision
ROUND_OFF, NEARLY = 450.0, 450_000.0


@runtime_checkable
class Source(Protocol):
    """A symmetric tensor known by its flattening."""

    order: int
    size: int

    def flattening(self) -> Flattening:
        """Its compressed flattening."""


def flattened(T: Any) -> tuple[int, int, Flattening]:
    """Order, size and flattening of a dense symmetric tensor, a source, or a CP tensor.

    Raises
    ------
    TypeError, ValueError
        If it is not finite, not symmetric, zero, or of order below 3.
    """
    if isinstance(T, SymmetricCP):
        T = T.to_dense()
    elif isinstance(T, Source):
        return T.order, T.size, T.flattening()
    array = checked_cube(T, "T", 3)
    array = _symmetric(array)
    return array.ndim, int(array.shape[0]), flatten(array)


def _symmetric(T: Array) -> Array:
    gap, epsilon = asymmetry(T), arrays.epsilon(T)
    if gap <= ROUND_OFF * epsilon:
        return T
    nearly = min(NEARLY * epsilon, 1e-3)
    if gap > nearly:
        raise ValueError(
            f"T must be symmetric under all permutations of its axes, not differ by {gap:.1e} of "
            "its largest entry; symmetrize(T) gives the nearest symmetric tensor"
        )
    warnings.warn(f"T is symmetric only to {gap:.1e} of its largest entry and was symmetrised",
                  DecompositionWarning, stacklevel=4)
    return symmetrize(T)
