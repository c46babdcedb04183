"""Flattenings: what the extraction multiplies with, whether it is stored or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint
from tensorflowlr.tensors.multisets import multisets

# entries gathered at a time
BLOCK = 1 << 22


class Flattening(Protocol):
    """A matrix (N, N') known by its products."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, N'), N at least N'."""

    @property
    def symmetric(self) -> bool:
        """Whether it is real and symmetric."""

    @property
    def like(self) -> Array:
        """An array of the library, device and dtype of the products."""

    @property
    def unit(self) -> float:
        """What its entries are multiples of, a power of two near the norm of the tensor."""

    def apply(self, X: Array) -> Array:
        """M X for a matrix X (N', k)."""

    def apply_adjoint(self, Y: Array) -> Array:
        """Mᴴ Y for a matrix Y (N, k)."""

    def norm(self) -> float:
        """The Frobenius norm."""

    def dense(self) -> Array | None:
        """The matrix, or None where it would be too large."""

    def remainder(self, left: Array, weights: Array, right: Array) -> float:
        """The norm of M - left diag(weights) rightᵀ."""


@dataclass(frozen=True)
class DenseFlattening:
    """A stored matrix, real symmetric or any."""

    matrix: Array
    symmetric: bool = False
    unit: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """(N, N')."""
        rows, columns = self.matrix.shape
        return int(rows), int(columns)

    @property
    def like(self) -> Array:
        """The matrix."""
        return self.matrix

    def apply(self, X: Array) -> Array:
        """M X."""
        return self.matrix @ X

    def apply_adjoint(self, Y: Array) -> Array:
        """Mᴴ Y."""
        return adjoint(self.matrix) @ Y

    def norm(self) -> float:
        """The Frobenius norm."""
        return arrays.norm(self.matrix)

    def dense(self) -> Array:
        """The matrix."""
        return self.matrix

    def remainder(self, left: Array, weights: Array, right: Array) -> float:
        """The norm of M - left diag(weights) rightᵀ."""
        return arrays.norm(self.matrix - (left * weights) @ right.mT)


@dataclass(frozen=True)
class LowRankFlattening:
    """V diag(values) Uᵀ, which stands for a matrix that is dear to multiply with."""

    left: Array
    values: Array
    right: Array
    symmetric: bool = False
    unit: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """(N, N')."""
        return int(self.left.shape[0]), int(self.right.shape[0])

    @property
    def like(self) -> Array:
        """The left basis."""
        return self.left

    def apply(self, X: Array) -> Array:
        """M X."""
        return self.left @ (self.values[:, None] * (self.right.mT @ X))

    def apply_adjoint(self, Y: Array) -> Array:
        """Mᴴ Y."""
        kept = arrays.conj(self.values)[:, None] * (adjoint(self.left) @ Y)
        return arrays.conj(self.right) @ kept

    def norm(self) -> float:
        """The Frobenius norm."""
        return arrays.norm(self.values)

    def dense(self) -> None:
        """None: it is kept in factors."""

    def remainder(self, left: Array, weights: Array, right: Array) -> float:
        """The norm of M - left diag(weights) rightᵀ."""
        xp = arrays.namespace(left)
        lefts, rights = (arrays.triangle(xp.concat(pair, axis=1)) for pair in (
            [self.left, left], [self.right, right]))
        return arrays.norm((lefts * xp.concat([self.values, -weights])) @ rights.mT)


def flatten(T: Array) -> DenseFlattening:
    """The compressed flattening of a dense symmetric tensor, ceil(m/2) indices in the rows.

    One row and column per multiset of indices, times the roots of their numbers of
    rearrangements: the norm is that of the tensor.

    Parameters
    ----------
    T
        A symmetric tensor of order m ≥ 2 and size d; nothing is checked.

    Returns
    -------
    DenseFlattening of shape (C(d + n - 1, n), C(d + m - n - 1, m - n))
    """
    xp, size, order = arrays.namespace(T), int(T.shape[0]), T.ndim
    left = (order + 1) // 2
    rows, columns = multisets(size, left), multisets(size, order - left)
    stride = size ** (order - left)
    entries = arrays.reshape(T, (-1,))
    right = columns.flat()
    step = max(1, BLOCK // columns.count)
    blocks = [
        arrays.take(entries, arrays.integers(
            rows.flat()[first : first + step, None] * stride + right, T))
        for first in range(0, rows.count, step)
    ]
    scale: Any = arrays.asarray(rows.roots, like=T, dtype=T.dtype)[:, None]
    scale_right = arrays.asarray(columns.roots, like=T, dtype=T.dtype)[None, :]
    matrix = (blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=0)) * scale * scale_right
    return scaled(matrix, order == 2 * left and not arrays.is_complex(T))


def scaled(matrix: Array, symmetric: bool) -> DenseFlattening:
    """A matrix of any scale as a flattening of norm near one."""
    unit = arrays.power_of_two(arrays.norm(matrix) or 1.0,
                               single=arrays.epsilon(matrix) > 1e-10)
    matrix = matrix * (1.0 / unit)
    return DenseFlattening(0.5 * (matrix + matrix.mT) if symmetric else matrix, symmetric, unit)
