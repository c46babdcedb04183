"""The third move: an orthonormal basis of [old basis, new directions], the old part untouched."""

from __future__ import annotations

from tensorflowlr.arrays import (
    Array,
    adjoint,
    cholesky,
    divide,
    epsilon,
    fold,
    identity,
    namespace,
    norm,
    qr,
    svd,
    to_numpy,
    unfold,
)
from tensorflowlr.tensors import squares
from tensorflowlr.truncation import kept

# a direction below this many machine epsilons of its candidate is noise of the projection
NOISE = 20.0
# from so many columns on, Gram matrices or a QR and a bound save much of an SVD
WIDE = 64
# a complement is taken as a whole where candidates give so much of it
MOST = 0.75


def new_directions(basis: Array, candidate: Array, drop: float = 0.0) -> Array:
    """Orthonormal columns that complete `basis` to the range of [basis, candidate].

    Parameters
    ----------
    basis
        Orthonormal columns, shape (N, r).
    candidate
        Columns to take up, shape (N, s), carrying their weight in the whole tensor.
    drop
        Directions whose weights have together at most this 2-norm are left out, and those
        at round-off too, unless the others are most of what the basis lacks.

    Returns
    -------
    array, shape (N, at most min(s, N - r))
    """
    rows, old = basis.shape
    if rows <= old or not candidate.shape[1]:
        return basis[:, :0]
    size = norm(candidate)
    if not size < float("inf"):
        raise FloatingPointError("a flow returned NaN or Inf")
    residual = candidate - basis @ (adjoint(basis) @ candidate)
    noise = NOISE * epsilon(basis) * size
    u = None
    if drop == 0.0 and candidate.shape[1] >= WIDE:
        made = from_squares(basis, residual, noise)
        if made is not None:
            return made
        if rows >= old + candidate.shape[1]:
            u = independent(residual, noise)
    if u is None:
        u, s, _ = svd(residual)
        values = to_numpy(s).tolist()
        if values[0] <= noise:
            return basis[:, :0]
        u = u[:, : min(kept(values, drop, noise / values[0]), rows - old)]
    # weak directions lost their orthogonality to the basis in the first projection
    overlap = adjoint(basis) @ u
    if u.shape[1] and norm(overlap) > 4.0 * epsilon(basis):
        u, _ = qr(u - basis @ overlap)
    return u


def from_squares(basis: Array, residual: Array, noise: float) -> Array | None:
    """An orthonormal basis of the residual by its Gram matrix, else None.

    Where candidates are enough to fill what is orthogonal to `basis`, and fill most of it, the
    whole complement is taken: a few directions at round-off cost less than to tell them apart.
    """
    missing, columns = basis.shape[0] - basis.shape[1], residual.shape[1]
    gram = adjoint(residual) @ residual
    factor, leading = cholesky(gram)
    if columns >= missing and leading >= MOST * missing:
        found = factor if factor is not None else cholesky(gram[:leading, :leading])[0]
        if found is not None and _above(found, noise) >= MOST * missing:
            return squares.complement(basis)
    if factor is None or columns > missing:
        return None
    inverse = divide(identity(columns, residual), factor)
    # one over the norm of the inverse is no more than the least singular value
    if not norm(inverse) * noise < 1.0:
        sharper = squares.largest_bound(inverse @ adjoint(inverse)) ** 0.5
        if not sharper * noise < 1.0:
            return None
    q = residual @ inverse
    # weak directions lost their orthogonality to the basis in the first projection
    return squares.nearest(q - basis @ (adjoint(basis) @ q))


def _above(factor: Array, noise: float) -> int:
    """How many entries of a triangular factor's diagonal exceed `noise`."""
    xp = namespace(factor)
    return int(xp.sum(xp.astype(xp.abs(xp.linalg.diagonal(factor)) > noise, xp.int64)))


def independent(columns: Array, noise: float) -> Array | None:
    """An orthonormal basis of columns whose singular values all exceed `noise`, else None."""
    q, r = qr(columns)
    xp = namespace(r)
    least = float(xp.min(xp.abs(xp.linalg.diagonal(r))))
    # one over the norm of the inverse is no more than the least singular value
    if least > noise and norm(xp.linalg.inv(r)) * noise < 1.0:
        return q
    return None


def augment(core: Array, candidate: Array, drop: float = 0.0) -> tuple[Array, Array]:
    """The core with new columns appended, and the coefficients of `candidate` in them.

    Parameters
    ----------
    core
        Orthonormal columns, shape (…, r).
    candidate
        Shape (…, s), the other axes equal to those of `core`.
    drop
        As in `new_directions`.

    Returns
    -------
    core : array, shape (…, r + new)
        Its first r columns are those of the argument.
    coefficients : array, shape (new, s)
    """
    last = core.ndim - 1
    columns = unfold(candidate, last)
    new = new_directions(unfold(core, last), columns, drop)
    coefficients = adjoint(new) @ columns
    if not new.shape[1]:
        return core, coefficients
    grown = namespace(core).concat([core, fold(new, core.shape, last)], axis=last)
    return grown, coefficients
