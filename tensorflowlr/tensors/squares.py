"""Factorisations by Gram matrices, which are products of large matrices and little else.

Squares of singular values are right up to round-off of the largest one. Each function here
looks whether what it is asked for stands out of that, and returns None where it does not:
the caller then takes QR or SVD.
"""

from __future__ import annotations

import math

from tensorflowlr.arrays import (
    Array,
    adjoint,
    cholesky,
    conj,
    divide,
    eigh,
    epsilon,
    identity,
    namespace,
    norm,
    numerical_errors,
    real_part,
    solve,
    to_numpy,
)

# squares below this many machine epsilons of the largest are not trusted
RESOLVED = 1e4
# how far a Gram matrix may be from the identity for one more pass to end at round-off
NEAR = 0.1
# distances from it, in machine epsilons per root of columns, that a QR by reflections leaves too
ROUND_OFF = 6.0
# a series in the distance from the identity, of three terms, is at round-off below this power
SHORT = 1.0 / 3.0
# eigenvalues this far apart are told apart by a few products, in so many steps at most
RATE = 0.25
STEPS = 20
# the eighth powers of norms below this and above its inverse are numbers in single precision
ORDINARY = 100.0


def orthonormal(columns: Array) -> tuple[Array, Array] | None:
    """Orthonormal columns of the same span and the weights that give the argument back.

    By a Cholesky factorisation of the Gram matrix, and by that of what comes out, which says
    whether the first was good enough (Yamamoto et al., ETNA 44 (2015)). None where the columns
    are too close to dependent.

    Returns
    -------
    q : array, shape (n, s)
    weights : array, shape (s, s)
        ``columns = q @ weights``; not triangular.
    """
    gram = adjoint(columns) @ columns
    factor, _ = cholesky(gram)
    if factor is None or not _squarable(norm(gram) ** 0.5, columns):
        return None
    # one product of many rows costs less than a substitution
    q = columns @ divide(identity(columns.shape[1], columns), factor)
    made = nearest(q)
    if made is None:
        return None
    return made, adjoint(factor) if made is q else adjoint(made) @ columns


def nearest(q: Array, gap: Array | None = None) -> Array | None:
    """Nearly orthonormal columns made orthonormal; themselves where they are.

    `gap` is the Gram matrix without the identity, where it is known. None where the columns
    are not near enough for it to say how.
    """
    one = identity(q.shape[1], q)
    gap = adjoint(q) @ q - one if gap is None else gap
    far = norm(gap)
    if far <= ROUND_OFF * epsilon(q) * q.shape[1] ** 0.5:
        return q
    if not far < NEAR:
        return None
    if far > epsilon(q) ** SHORT:
        # too far for the series of (1 + gap)^(-1/2)
        factor, _ = cholesky(gap + one)
        return None if factor is None else divide(q, factor)
    turn = one - 0.5 * gap
    return q @ (turn if far <= epsilon(q) ** 0.5 else turn + 0.375 * (gap @ gap))


def complement(basis: Array) -> Array | None:
    """Orthonormal columns that complete an orthonormal basis, shape (n, r), to a square.

    With a diagonal S of signs, Y = basis - [S; 0] and Z = (Yᴴ [S; 0])⁻¹, the matrix 1 + Y Z Yᴴ
    is unitary and takes [S; 0] to the basis: its other columns are the complement. None where
    Z is too large for that.
    """
    rows, rank = basis.shape
    xp = namespace(basis)
    top, below = basis[:rank, :], basis[rank:, :]
    corner = xp.linalg.diagonal(top)
    size = xp.abs(corner)
    signs = -xp.where(size > 0.0, corner, xp.ones_like(corner))
    signs = signs / xp.abs(signs)
    try:
        turned = solve(adjoint(top) * signs - identity(rank, basis), adjoint(below))
    except numerical_errors():
        return None
    if not norm(turned) * epsilon(basis) < 1e-2:
        return None
    shifted = xp.concat([top - identity(rank, basis) * signs, below], axis=0)
    made = identity(rows, basis)[:, rank:] + shifted @ turned
    return nearest(made - basis @ (adjoint(basis) @ made))


def right_vectors(rows: Array, unit: float) -> tuple[Array, list[float]]:
    """The conjugate right singular vectors of a matrix and its singular values, descending.

    Computed in units in which squares cannot overflow.
    """
    rows = rows * (1.0 / unit)
    squares, vectors = eigh(adjoint(rows) @ rows)
    values = [math.sqrt(max(v, 0.0)) * unit for v in reversed(to_numpy(squares).tolist())]
    return conj(namespace(rows).flip(vectors, axis=1)), values


def leading_span(
    rows: Array, rank: int, size: float
) -> tuple[Array, float] | None:
    """The span of the `rank` leading right singular vectors, conjugate, near the first axes.

    With the Gram matrix in blocks A, B, Bᴴ, D of the first `rank` columns and the others, the
    span is that of [1; X] with X A = Bᴴ + D X - X B X. While all of D is well below all of A,
    its leading `rank` eigenvalues are the ones meant and products converge to X at the ratio
    of the two. That is the case where few and small columns were added to others; else None.
    Products end where the squares outside are least to machine epsilon of themselves.

    Parameters
    ----------
    rows
        Shape (N, n).
    rank
        Less than n.
    size
        The 2-norm of all entries.

    Returns
    -------
    basis : array, shape (n, rank)
        Orthonormal columns, in no order.
    rest : float
        The share of the squares of all entries that is outside.
    """
    if rank >= rows.shape[1] or not _squarable(size, rows):
        return None
    first, others = rows[:, :rank], rows[:, rank:]
    unit = 1.0 if 1.0 / ORDINARY < size < ORDINARY else 1.0 / size**2

    def gram(left: Array, right: Array) -> Array:
        made = adjoint(left) @ right
        return made if unit == 1.0 else unit * made

    above = gram(first, first)
    factor, _ = cholesky(above)
    if factor is None:
        return None
    one = identity(rank, rows)
    inverse = divide(one, factor)
    inverse = inverse @ adjoint(inverse)
    cross = gram(others, rows)
    beside, below = cross[:, :rank], cross[:, rank:]
    xp = namespace(rows)

    def trace(matrix: Array) -> float:
        return float(real_part(xp.linalg.trace(matrix)))

    def outside(turned: Array) -> float:
        # with G [1; X] = [1; X] (A + B X), the trace of G inside is that of A and of B X
        return max(tail - trace(turned), 0.0)

    tail = trace(below)
    # norms bound eigenvalues too, and mostly say enough
    smallest, largest = 1.0 / norm(inverse), norm(above)
    if not smallest > RESOLVED * epsilon(rows) * largest:
        smallest, largest = 1.0 / largest_bound(inverse), largest_bound(above)
        if not smallest > RESOLVED * epsilon(rows) * largest:
            return None
    if not (tail < RATE * smallest or largest_bound(below) * largest_bound(inverse) < RATE):
        return None
    x = start = beside @ inverse
    step = norm(x)
    for _ in range(STEPS):
        last, before = x, step
        turned = adjoint(beside) @ x
        x = start - (x @ turned - below @ x) @ inverse
        step = norm(x - last)
        if not step <= RATE * before:
            return None
        # steps shrink by about one factor
        left = 2.0 * step * (step / before if before else 0.0)
        if left <= epsilon(rows) or largest * left**2 <= epsilon(rows) * outside(turned):
            break
    else:
        return None
    made = nearest(xp.concat([one, x], axis=0), adjoint(x) @ x)
    if made is None:
        return None
    return conj(made), outside(adjoint(beside) @ x) / (unit * size**2)


def largest_bound(matrix: Array) -> float:
    """A bound of the largest eigenvalue of a Hermitian matrix, at most n^(1/8) times too large."""
    square = matrix @ matrix
    return norm(square @ square) ** 0.25


def _squarable(size: float, like: Array) -> bool:
    """Whether squares of numbers of that size are far from both ends of the range."""
    most = 1e12 if epsilon(like) > 1e-10 else 1e100
    return 1.0 / most < size < most
