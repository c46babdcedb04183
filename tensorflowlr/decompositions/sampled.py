"""The flattening of a moment tensor by products with the data."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.decompositions.samples import Samples
from tensorflowlr.tensors.multisets import expanded, multisets, powers

# random vectors that norms are estimated with
PROBES = 32


@dataclass(frozen=True)
class PairForm:
    """c times the sum of A and B on the six ways to pair four slots.

    Attributes
    ----------
    coefficient : float
        c.
    first, second : array, shape (d, d)
        Symmetric matrices A and B.
    """

    coefficient: float
    first: Array
    second: Array

    def apply(self, W: Array) -> Array:
        """Its contraction with symmetric matrices (k, d, d)."""
        A, B = self.first, self.second
        xp = namespace(W)
        mixed = A @ W @ B
        alone = [xp.sum(M * W, axis=(1, 2), keepdims=True) for M in (A, B)]
        return self.coefficient * (alone[1] * A + alone[0] * B + 2.0 * (mixed + mixed.mT))


@dataclass(frozen=True, eq=False)
class SampledFlattening:
    """Σ p_i s_n(y_i) s_{m-n}(y_i)ᵀ plus pair forms, by products with chunks of the data.

    The norm and what a low-rank matrix leaves of it are estimated with fixed random vectors.
    """

    samples: Samples
    order: int
    pairs: tuple[PairForm, ...] = ()
    unit: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """(N, N')."""
        left = (self.order + 1) // 2
        size = self.samples.size
        return multisets(size, left).count, multisets(size, self.order - left).count

    @property
    def symmetric(self) -> bool:
        """Whether the order is even."""
        return self.order % 2 == 0

    @property
    def like(self) -> Array:
        """A small array beside the data."""
        return self.samples.like

    def apply(self, X: Array) -> Array:
        """M X."""
        return self._product(X, (self.order + 1) // 2, self.order // 2)

    def apply_adjoint(self, Y: Array) -> Array:
        """Mᵀ Y."""
        return self._product(Y, self.order // 2, (self.order + 1) // 2)

    def dense(self) -> None:
        """None: it is too large."""

    def norm(self) -> float:
        """The Frobenius norm, to some percent."""
        return arrays.norm(self._probes[1]) / math.sqrt(PROBES)

    def remainder(self, left: Array, weights: Array, right: Array) -> float:
        """The norm of M - left diag(weights) rightᵀ, to some percent of itself."""
        probes, products = self._probes
        rest = products - (left * weights) @ (right.mT @ probes)
        return arrays.norm(rest) / math.sqrt(PROBES)

    @functools.cached_property
    def _probes(self) -> tuple[Array, Array]:
        probes = arrays.normal(arrays.default_rng(0), (self.shape[1], PROBES),
                               arrays.dtype_name(self.like), self.like)
        return probes, self.apply(probes)

    def _product(self, X: Array, out: int, along: int) -> Array:
        def term(points: Array, mass: Array) -> Array:
            inside = powers(points, along)
            outside = inside if out == along else powers(points, out)
            return outside @ (mass[:, None] * (inside.mT @ X))

        total = self.samples.sum(term)
        if self.pairs:
            xp, size = namespace(X), self.samples.size
            # compressed columns as symmetric matrices: rows by both indices
            W = xp.permute_dims(expanded(X, size, 2), (2, 0, 1))
            made = sum(pair.apply(W) for pair in self.pairs)
            total = total + compressed(made)
        return total


def compressed(W: Array) -> Array:
    """Symmetric matrices (k, d, d) as compressed columns (d (d + 1) / 2, k)."""
    size = int(W.shape[-1])
    table = multisets(size, 2)
    flat = arrays.reshape(W, (int(W.shape[0]), size * size))
    picked = arrays.take(flat, arrays.integers(table.flat(), W), 1)
    return picked.mT * table.on(W).roots
