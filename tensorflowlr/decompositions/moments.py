"""Moment and cumulant tensors of data, of which d^m entries are never formed."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.checks import not_negative, real_number, shown, whole_number
from tensorflowlr.decompositions.flattening import Flattening, scaled
from tensorflowlr.decompositions.partitions import Term, added_terms
from tensorflowlr.decompositions.sampled import PairForm, SampledFlattening
from tensorflowlr.decompositions.samples import Samples, dense
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.multisets import multisets, powers

# entries of flattenings that are formed, since products with them are cheaper then
MOST_ENTRIES = 1 << 22
MOST_FORMED = 1 << 27
ORDERS = (3, 6)


class MomentTensor:
    """The moment tensor Σ_i p_i y_i^{⊗m} of points y_i, given by the points.

    Decompose it with `subspace_power_method`: its flattening is known by products with the
    data, N d^n numbers at most pass through memory in chunks.

    Parameters
    ----------
    samples
        The points as rows: an array (N, d), a list of such, or a function that returns an
        iterator over them (and is called for every pass), for data that fit no memory.
    order
        m, at least 1.
    weights
        Numbers p_i, not negative, one per point, in the form of `samples`; they are divided
        by their sum. A function gives pairs of points and weights instead.
    noise
        The covariance (d, d), or the variance, of Gaussian noise on the points: its share is
        taken out, so that the moments are those of the points without it, on average.

    Raises
    ------
    TypeError, ValueError
        If the points are no finite real numbers, or shapes do not fit.

    Notes
    -----
    With noise of covariance R on y, E[x^{⊗m}] = Σ_k (-1)^k Σ_pairings E[y^{⊗(m-2k)}] ⊗ R^{⊗k},
    the Hermite polynomials of the points.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> points = np.random.default_rng(0).standard_normal((50, 3))
    >>> M = tlr.MomentTensor(points, 4)
    >>> bool(np.allclose(M.to_dense()[0, 0, 1, 2],
    ...                  (points[:, 0] ** 2 * points[:, 1] * points[:, 2]).mean()))
    True
    """

    def __init__(
        self, samples: Any, order: int, *, weights: Any = None, noise: Any = None
    ) -> None:
        self.order = whole_number(order, "order", 1, 20)
        self.samples = Samples(samples, weights, self.order)
        self.size = self.samples.size
        self.noise = None if noise is None else _covariance(noise, self.samples)
        if self.noise is not None:
            whole_number(self.order, "order of a moment tensor without its noise", 1, ORDERS[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """(d, …, d), m times."""
        return (self.size,) * self.order

    @property
    def ndim(self) -> int:
        """The order m."""
        return self.order

    def evaluate(self, vectors: Array) -> Array:
        """The form Σ p_i (y_i·x)^m at vectors (d,) or (d, k); of noisy data without the noise.

        Raises
        ------
        TypeError, ValueError
            If the vectors do not fit.
        """
        X = construct.checked_array(vectors, "vectors", like=self.samples.like)
        if X.ndim > 2 or X.shape[0] != self.size:
            raise ValueError(f"vectors must have shape ({self.size},) or ({self.size}, k), "
                             f"not {tuple(X.shape)}")
        columns = X if X.ndim == 2 else X[:, None]
        xp = namespace(columns)
        spread = None if self.noise is None else xp.sum(columns * (self.noise @ columns), axis=0)

        def term(points: Array, mass: Array) -> Array:
            return (mass[None, :] @ _hermite(points.mT @ columns, self.order, spread))[0, :]

        value = self.samples.sum(term)
        return value if X.ndim == 2 else value[0]

    def to_dense(self) -> Array:
        """All d^m entries."""
        if self.order == 1:
            return self.samples.moment(1)
        if self.order == 2:
            return self.samples.moment(2) - (0.0 if self.noise is None else self.noise)
        left, right = _halves(self.order)
        rows = dense(self._formed(), self.size, left)
        columns = arrays.permute(arrays.reshape(rows, (self.size**left, -1)), (1, 0))
        whole = arrays.permute(arrays.reshape(dense(columns, self.size, right), (
            self.size**right, self.size**left)), (1, 0))
        return arrays.reshape(whole, self.shape)

    def flattening(self) -> Flattening:
        """What the decomposition multiplies with: formed where it is small, else by the data.

        Raises
        ------
        ValueError
            If the order is below 3.
        MemoryError
            If a correction needs a flattening that is too large.
        """
        if self.order < 3:
            raise ValueError(f"order must be at least 3 for a decomposition, not {self.order}")
        left, right = (multisets(self.size, n) for n in _halves(self.order))
        if left.count * right.count <= MOST_ENTRIES:
            return scaled(self._formed(), self.order % 2 == 0)
        if self.order != 4 and self._terms():
            if left.count * right.count > MOST_FORMED:
                raise MemoryError(f"the flattening of shape {(left.count, right.count)} is too "
                                  f"large for corrections of order {self.order}; order 4 needs "
                                  "none formed")
            return scaled(self._formed(), self.order % 2 == 0)
        return SampledFlattening(self.samples, self.order, tuple(self._pairs()))

    def _formed(self) -> Array:
        """The compressed flattening, corrections and all."""
        left, right = _halves(self.order)

        def term(points: Array, mass: Array) -> Array:
            rows = powers(points, left)
            columns = rows if left == right else powers(points, right)
            return (rows * mass) @ columns.mT

        matrix = self.samples.sum(term)
        return added_terms(matrix, self.size, self.order, self._terms(), self._lower())

    def _lower(self) -> dict[str, Array]:
        """Low-order tensors of the corrections, by name."""
        made = {f"moment{k}": self.samples.moment(k) for k in range(1, self.order - 1)
                if self._terms()}
        if self.noise is not None:
            made["noise"] = self.noise
        return made

    def _terms(self) -> list[Term]:
        """Corrections as sums over partitions of the m slots."""
        return [] if self.noise is None else list(_noise_terms(self.order))

    def _pairs(self) -> Iterator[PairForm]:
        """The corrections of order four."""
        if self.noise is not None:
            yield PairForm(-1.0, self.samples.moment(2), self.noise)
            yield PairForm(0.5, self.noise, self.noise)

    def __repr__(self) -> str:
        return (f"{type(self).__name__}(size={self.size}, order={self.order}, "
                f"samples={self.samples.count})")


class CumulantTensor(MomentTensor):
    """The cumulant tensor of points, given by the points.

    For independent sources mixed linearly, y = A s, it is Σ κ_m(s_i) a_i^{⊗m}; of Gaussian
    parts nothing is left. Order three is the central moment; order four subtracts the three
    pairings of the covariance; the plain estimators, biased by O(1/N).

    Parameters
    ----------
    samples, weights
        As for `MomentTensor`.
    order
        3, 4, 5 or 6.

    Raises
    ------
    TypeError, ValueError
        As for `MomentTensor`.

    References
    ----------
    P. McCullagh, *Tensor Methods in Statistics*, section 2.3.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> sources = np.random.default_rng(0).laplace(size=(20000, 3))
    >>> cp = tlr.subspace_power_method(tlr.CumulantTensor(sources, 4), rank=3, rng=0)
    >>> bool(abs(cp.factors).max(axis=0).min() > 0.99)
    True
    """

    def __init__(self, samples: Any, order: int, *, weights: Any = None) -> None:
        whole_number(order, "order of a cumulant tensor", *ORDERS)
        super().__init__(samples, order, weights=weights)
        self.mean = self.samples.mean()
        self.samples.shift = self.mean

    def evaluate(self, vectors: Array) -> Array:
        """The cumulants of the projections y·x on vectors (d,) or (d, k).

        Raises
        ------
        TypeError, ValueError
            If the vectors do not fit.
        """
        made = {k: _moments(self, vectors, k) for k in range(2, self.order + 1)}
        total: Any = 0.0
        for term in self._terms_with_whole():
            product: Any = term.coefficient
            for slots, _ in term.blocks:
                product = product * made[len(slots)]
            total = total + product
        return total

    def _terms_with_whole(self) -> Iterator[Term]:
        for blocks in _partitions(tuple(range(self.order))):
            if min(len(b) for b in blocks) > 1:
                sign = (-1.0) ** (len(blocks) - 1) * math.factorial(len(blocks) - 1)
                yield Term(sign, tuple((b, f"moment{len(b)}") for b in blocks))

    def _terms(self) -> list[Term]:
        return [t for t in self._terms_with_whole() if len(t.blocks) > 1]

    def _pairs(self) -> Iterator[PairForm]:
        spread = self.samples.moment(2)
        yield PairForm(-0.5, spread, spread)


def _halves(order: int) -> tuple[int, int]:
    return (order + 1) // 2, order // 2


def _moments(tensor: MomentTensor, vectors: Array, order: int) -> Array:
    lower = object.__new__(MomentTensor)
    lower.order, lower.samples, lower.size, lower.noise = order, tensor.samples, tensor.size, None
    return MomentTensor.evaluate(lower, vectors)


def _hermite(values: Array, order: int, spread: Array | None) -> Array:
    """Powers of projections without the noise on them, whose variances are `spread`."""
    if spread is None:
        return values**order
    before, now = values * 0.0 + 1.0, values
    for k in range(1, order):
        before, now = now, values * now - k * spread * before
    return now


def _covariance(noise: Any, samples: Samples) -> Array:
    """A variance or covariance matrix as a matrix beside the data."""
    if not arrays.is_array(noise) or noise.ndim == 0:
        if isinstance(noise, (list, tuple)):
            noise = construct.checked_array(noise, "noise", like=samples.like)
        else:
            variance = real_number(noise, "noise", "a variance or covariance matrix",
                                   not_negative)
            return variance * arrays.eye(samples.size, samples.size, samples.like)
    matrix = construct.checked_array(noise, "noise", like=samples.like)
    if tuple(matrix.shape) != (samples.size, samples.size):
        raise ValueError(f"noise must be a variance or a covariance matrix of shape "
                         f"{(samples.size, samples.size)}, not {shown(noise)}")
    if arrays.norm(matrix - matrix.mT) > 1e-10 * arrays.norm(matrix):
        raise ValueError("noise must be a symmetric covariance matrix, not one that is not")
    return namespace(matrix).astype(matrix, samples.like.dtype, copy=False)


@functools.cache
def _noise_terms(order: int) -> tuple[Term, ...]:
    made = []
    for pairs in range(1, order // 2 + 1):
        for chosen in itertools.combinations(range(order), 2 * pairs):
            rest = tuple(s for s in range(order) if s not in chosen)
            for blocks in _partitions(chosen):
                if all(len(b) == 2 for b in blocks):
                    named = tuple((b, "noise") for b in blocks)
                    whole = ((rest, f"moment{len(rest)}"),) if rest else ()
                    made.append(Term((-1.0) ** pairs, named + whole))
    return tuple(made)


def _partitions(slots: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """All partitions of some slots into blocks."""
    if not slots:
        yield ()
        return
    first, rest = slots[0], slots[1:]
    for size in range(len(rest) + 1):
        for others in itertools.combinations(rest, size):
            left = tuple(s for s in rest if s not in others)
            for blocks in _partitions(left):
                yield ((first, *others), *blocks)
