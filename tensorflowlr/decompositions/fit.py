"""From the points found to components: polished on the whole subspace, weights, residual."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, epsilon, host, namespace
from tensorflowlr.decompositions import power
from tensorflowlr.decompositions.deflation import coordinates, weights
from tensorflowlr.decompositions.extraction import Subspace
from tensorflowlr.decompositions.flattening import Flattening
from tensorflowlr.decompositions.search import Found
from tensorflowlr.tensors.multisets import expanded, powers

# Gauss–Newton steps that undo the errors of deflation, and how long one may be
POLISHINGS, SHORT = 4, 0.1
# more of them where neighbours are so near that they only halve the errors at first
MOST_POLISHINGS = 16
# one of this length, in roots of the precision, leaves round-off
POLISHED = 3.0
# residuals that another correction of the weights hardly lowers
FLOOR = 5e-14


@dataclass(frozen=True)
class Fit:
    """Components of a tensor.

    Attributes
    ----------
    weights, factors : array, shapes (r,) and (d, r)
        The terms.
    residual : float
        Relative to the tensor's norm.
    unique : bool
        Whether every component is an isolated maximum.
    space, found
        Where they come from.
    seconds : float
        Processor seconds of polishing and weights.
    """

    weights: Array
    factors: Array
    residual: float
    unique: bool
    space: Subspace
    found: Found
    seconds: float


def fitted(M: Flattening, space: Subspace, found: Found, order: int) -> Fit:
    """Polish what was found and fit the weights."""
    clock = time.process_time()
    A = namespace(found.points[0]).concat(found.points, axis=1)
    A, unique = polished(space.left, A, (order + 1) // 2, space.error)
    if not space.exact:
        unique = True
    left = coordinates(space.left, A, (order + 1) // 2)
    right = left if space.right is None else coordinates(
        space.right, A, order - (order + 1) // 2)
    w, residual = corrected(M, A, weights(space.inverse, left, right), order)
    return Fit(w, A, residual, unique, space, found, time.process_time() - clock)


def polished(V: Array, A: Array, order: int, error: float) -> tuple[Array, bool]:
    """The maxima of f on the whole subspace next to some points, and whether they are isolated.

    `error` is how far round-off turns the subspace, as for `power.isolated`.

    Deflation hands its errors on from component to component; the subspace before any has
    none of them.
    """
    xp, size = namespace(A), int(A.shape[0])
    if V.shape[0] * V.shape[1] * order > power.MOST_ROWS or size == 1:
        for _ in range(POLISHINGS):
            A = power.power_step(V, A, order)[1]
        return A, True
    rows = expanded(V, size, order)
    unique, enough = True, POLISHED * epsilon(V) ** 0.5
    at_once = max(1, power.MOST_ROWS // 8 // (size * max(int(V.shape[1]), size)))
    blocks = []
    for first in range(0, int(A.shape[1]), at_once):
        X = A[:, first : min(first + at_once, int(A.shape[1]))]
        moving = host.arange(int(X.shape[1]))
        for _ in range(MOST_POLISHINGS):
            chosen = arrays.take(X, arrays.integers(moving, X), 1)
            moved, sizes, loose = power.newton_points(rows, chosen, order)
            alone = power.isolated(loose, error, size, V)
            unique = unique and bool(alone.all())
            # along a continuum there is nothing to gain
            short = host.flatnonzero(alone & (sizes < SHORT))
            X = power.replaced(X, moved, moving[short], short)
            moving = moving[short[sizes[short] > enough]]
            if not len(moving):
                break
        blocks.append(X)
    return blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=1), unique


def corrected(M: Flattening, A: Array, w: Array, order: int) -> tuple[Array, float]:
    """Weights after a least-squares correction on the Gram matrix, and the relative residual.

    The correction solves ((AᴴA)^∘m) δ = ⟨a_i^{⊗m}, T - Σ w_j a_j^{⊗m}⟩, which loses no digits
    where the residual is small.
    """
    left = (order + 1) // 2
    gram = (adjoint(A) @ A) ** order
    return corrected_terms(M, powers(A, left), powers(A, order - left), gram, w)


def corrected_terms(
    M: Flattening, rows: Array, columns: Array, gram: Array, w: Array
) -> tuple[Array, float]:
    """The same for terms rows_i columns_iᵀ of any kind, whose Gram matrix is known."""
    total = M.norm()
    before = M.remainder(rows, w, columns) / total
    if before <= FLOOR:
        return w, before
    whole = M.dense()
    if whole is not None:
        rest = (whole - (rows * w) @ columns.mT) @ conj(columns)
        better = w + _solved(gram, overlaps(rest, rows))
    else:
        better = w + _solved(gram, overlaps(M.apply(conj(columns)), rows) - gram @ w)
    after = M.remainder(rows, better, columns) / total
    return (better, after) if after < before else (w, before)


def overlaps(products: Array, rows: Array) -> Array:
    """The inner products of columns, ⟨rows_i, products_i⟩."""
    return namespace(rows).sum(conj(rows) * products, axis=0)


def _solved(gram: Array, right: Array) -> Array:
    # components found twice make it singular
    count = int(gram.shape[0])
    ridge = count * epsilon(gram) * arrays.eye(count, count, gram)
    return arrays.solve(gram + ridge, right[:, None])[:, 0]
