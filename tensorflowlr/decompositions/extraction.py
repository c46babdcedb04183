"""The range of a flattening: its leading subspaces, and how many dimensions they have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, epsilon, host, namespace, to_numpy
from tensorflowlr.decompositions.flattening import Flattening
from tensorflowlr.decompositions.spectrum import choose_rank

# flattenings with shorter sides are factorised as they are
SMALL = 48
# and all whose range fills more than this share of the shorter side
FULL_SHARE = 0.4
# columns of a first sketch, and those beyond a given rank
SKETCH, OVERSAMPLING = 32, 10
# of stored matrices, whose products are cheap, the share that a first sketch takes, and its most
FIRST_SHARE, FIRST_MOST = 0.3, 512


@dataclass(frozen=True)
class Subspace:
    """The range of a flattening M ≈ V C⁻¹ Uᵀ.

    Attributes
    ----------
    left, right : array, shapes (N, r) and (N', r)
        Orthonormal V and U (M = V C⁻¹ Uᵀ, U not conjugated); `right` is None where M is
        symmetric and U = V.
    inverse : array, shape (r, r)
        C, diagonal.
    spectrum : NumPy array
        Known singular values (absolute eigenvalues), descending.
    rank : int
        r.
    norm, noise : float
        The norm of M, and that of what is left out, relative to it.
    exact : bool
        Whether what is left out is round-off.
    clear : bool
        Whether the spectrum shows where to cut.
    wider : Subspace or None
        The one of full rank, where the spectrum does not rule it out: an exact tensor of odd
        order and full rank looks like a noisy one of lower rank.
    """

    left: Array
    right: Array | None
    inverse: Array
    spectrum: Any
    rank: int
    norm: float
    noise: float
    exact: bool
    clear: bool
    wider: Subspace | None = None

    @property
    def error(self) -> float:
        """The sine of the angle by which round-off turns the range (Wedin's theorem)."""
        after = float(self.spectrum[self.rank]) if self.rank < len(self.spectrum) else 0.0
        left_out = max(epsilon(self.left) * self.norm, after)
        return min(left_out / float(self.spectrum[self.rank - 1]), 1.0)


def extract(
    M: Flattening, *, rank: int | None = None, tol: float | None = None, limit: int,
    rng: Any = None,
) -> Subspace:
    """The leading subspaces of a flattening.

    Small or full ones are factorised, the others by a sketch that grows until nothing but
    round-off is left out: fresh random vectors check it (Halko, Martinsson and Tropp,
    arXiv 0909.4061, section 4.4).

    Parameters
    ----------
    M
        The flattening, not zero.
    rank
        Its rank, where it is known.
    tol
        Singular values below ``tol * norm`` are noise; by default the spectrum tells.
    limit
        The largest rank that may be.
    rng
        What `numpy.random.default_rng` takes, for the sketch.
    """
    rng, least = arrays.default_rng(rng), min(M.shape)
    sketch = None
    if least > SMALL:
        sketch = _sketch(M, rank, tol, rng)
    dense = M.dense() if sketch is None else None
    if dense is None and least <= SMALL:
        dense = M.apply(arrays.eye(M.shape[1], M.shape[1], M.like))
    if sketch is None and dense is None:
        raise MemoryError(f"the flattening of shape {M.shape} is too large for its full spectrum: "
                          "give a rank or a tol")
    if dense is not None:
        left, values, right = _factorised(dense, M.symmetric)
    else:
        left, values, right = _compressed(M, sketch)
    signed = to_numpy(values)
    choice = choose_rank(host.abs(signed), M.norm(), (M.shape[0], least), rank, tol, limit,
                         epsilon(M.like))

    def cut(kept: int, noise: float, exact: bool, wider: Subspace | None) -> Subspace:
        if M.dense() is None and noise > 0.0:
            # sums of squares say little where the norm is an estimate
            share = arrays.asarray(signed[:kept], like=M.like, dtype=M.like.dtype)
            noise = M.remainder(left[:, :kept], share, left[:, :kept] if right is None else (
                right[:, :kept])) / M.norm()
        inverse = arrays.asarray(host.diag(1.0 / signed[:kept]), like=M.like, dtype=M.like.dtype)
        return Subspace(
            arrays.contiguous(left[:, :kept]),
            None if right is None else arrays.contiguous(right[:, :kept]),
            inverse, host.abs(signed), kept, M.norm(), noise, exact, choice.clear, wider,
        )

    wider = cut(least, 0.0, True, None) if choice.full else None
    return cut(choice.rank, choice.noise, choice.exact, wider)


def _factorised(matrix: Array, symmetric: bool) -> tuple[Array, Array, Array | None]:
    """V, descending values (signed for symmetric matrices) and U, None for symmetric ones."""
    xp = namespace(matrix)
    if symmetric:
        values, vectors = arrays.eigh(matrix)
        order = arrays.integers(host.argsort(-host.abs(to_numpy(values)), kind="stable"), matrix)
        return arrays.take(vectors, order, 1), arrays.take(values, order), None
    rows, columns = matrix.shape
    if rows > 2 * columns:
        q, r = arrays.qr(matrix)
        u, values, vh = arrays.svd(r)
        return q @ u, values, vh.mT
    u, values, vh = arrays.svd(matrix)
    return u, values, xp.matrix_transpose(vh)


def _compressed(M: Flattening, Q: Array) -> tuple[Array, Array, Array | None]:
    """The same from an orthonormal basis of the range."""
    if M.symmetric:
        core = adjoint(Q) @ M.apply(Q)
        left, values, right = _factorised(0.5 * (core + core.mT), True)
    else:
        left, values, vh = arrays.svd(adjoint(M.apply_adjoint(Q)))
        right = vh.mT
    return Q @ left, values, right


def _sketch(
    M: Flattening, rank: int | None, tol: float | None, rng: Any
) -> Array | None:
    """An orthonormal basis of the range up to round-off (or of leading directions of noise).

    None where the range fills too much of the space to be worth it.
    """
    least, total = min(M.shape), M.norm()
    stored = M.dense() is not None
    if rank is not None:
        width = min(rank + OVERSAMPLING, least)
    else:
        width = max(SKETCH, min(int(FIRST_SHARE * least), FIRST_MOST) if stored else 0)
    basis: Array | None = None
    while True:
        if stored and (0 if basis is None else basis.shape[1]) + width > FULL_SHARE * least:
            return None
        fresh = M.apply(_random(M, width, rng))
        if basis is not None:
            fresh = _without(fresh, basis)
        made, triangle = arrays.qr(fresh)
        # of a random sketch, no more columns than the range has dimensions are independent
        seen = _independent(triangle, _round_off(M) * total)
        made = made[:, :seen]
        if basis is not None and seen:
            made = namespace(made).concat([basis, arrays.qr(_without(made, basis))[0]], axis=1)
        basis = made if seen or basis is None else basis
        if (rank is not None or seen < width) and arrays.norm(
            _without(M.apply(_random(M, 4, rng)), basis)
        ) <= 2.0 * _round_off(M) * total:
            return basis
        if rank is not None or (tol is not None and not stored):
            return None if stored else _sharpened(M, basis)
        width = min(max(SKETCH, basis.shape[1] // 2), least - basis.shape[1])
        if width <= 0:
            return basis


def _random(M: Flattening, width: int, rng: Any) -> Array:
    return arrays.normal(rng, (M.shape[1], width), arrays.dtype_name(M.like), M.like)


def _independent(triangle: Array, floor: float) -> int:
    """How many rows of R come before those that are round-off."""
    sizes = to_numpy(namespace(triangle).linalg.vector_norm(triangle, axis=1))
    return max(int(host.argmax(sizes <= floor)), 1) if (sizes <= floor).any() else len(sizes)


def _sharpened(M: Flattening, basis: Array, times: int = 2) -> Array:
    """The basis after some steps of subspace iteration, which noise asks for."""
    for _ in range(times):
        basis = arrays.qr(M.apply(arrays.qr(M.apply_adjoint(basis))[0]))[0]
    return basis


def _without(X: Array, basis: Array) -> Array:
    return X - basis @ (adjoint(basis) @ X)


def _round_off(M: Flattening) -> float:
    return 10.0 * math.sqrt(M.shape[0]) * epsilon(M.like)
