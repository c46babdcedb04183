"""Factorisations and what is solved with them; NumPy's go to LAPACK without a detour."""

from __future__ import annotations

import functools
from typing import Any

import array_api_compat
import numpy as np

from tensorflowlr.arrays.backends import Array, namespace, numerical_errors, to_numpy
from tensorflowlr.arrays.creation import asarray
from tensorflowlr.arrays.entries import adjoint, all_finite, conj
from tensorflowlr.arrays.threads import one_torch_thread


def qr(matrix: Array) -> tuple[Array, Array]:
    """Thin QR over the last two axes; the signs of R are not normalised."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_qr(matrix)
    with one_torch_thread(matrix):
        return namespace(matrix).linalg.qr(matrix, mode="reduced")


def triangle(matrix: Array) -> Array:
    """R of the thin QR alone."""
    if type(matrix) is np.ndarray and matrix.ndim == 2 and min(matrix.shape):
        return _packed_qr(matrix)[2]
    if type(matrix) is not np.ndarray and array_api_compat.is_torch_array(matrix):
        # Q is half the work
        with one_torch_thread(matrix):
            return namespace(matrix).linalg.qr(matrix, mode="r")[1]
    return qr(matrix)[1]


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Thin SVD over the last two axes: U, descending singular values, Vᴴ."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_svd(matrix)
    find = namespace(matrix).linalg.svd
    with one_torch_thread(matrix):
        try:
            return find(matrix, full_matrices=False)
        except RuntimeError:
            # torch's LinAlgError: repeated values can stop LAPACK, which then gets the transpose
            if not all_finite(matrix):
                raise
            u, s, vh = find(adjoint(matrix), full_matrices=False)
            return adjoint(vh), s, adjoint(u)


@functools.cache
def _lapack(name: str) -> Any:
    # SciPy's wrappers cost a third of NumPy's on the small matrices of a tree
    import scipy.linalg.lapack

    return getattr(scipy.linalg.lapack, name)


@functools.cache
def _upper(rows: int, columns: int) -> np.ndarray:
    return np.tri(columns, rows, dtype=bool).T


def _lapack_kind(matrix: np.ndarray) -> str:
    return {"f": "s", "d": "d", "F": "c", "D": "z"}[matrix.dtype.char]


def _packed_qr(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """LAPACK's reflectors and their weights, and R."""
    least, columns = min(matrix.shape), matrix.shape[1]
    packed, weights, _, info = _lapack(_lapack_kind(matrix) + "geqrf")(matrix, lwork=32 * columns)
    if info:
        raise np.linalg.LinAlgError(f"QR failed with LAPACK's info = {info}")
    return packed, weights, packed[:least] * _upper(least, columns)


def _lapack_qr(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    least = min(matrix.shape)
    if not least:
        return np.linalg.qr(matrix)
    packed, weights, r = _packed_qr(matrix)
    kind = _lapack_kind(matrix)
    name = kind + ("orgqr" if kind in "sd" else "ungqr")
    q, _, _ = _lapack(name)(packed[:, :least], weights, lwork=32 * least, overwrite_a=1)
    return q, r


def _lapack_svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not min(matrix.shape):
        return np.linalg.svd(matrix, full_matrices=False)
    kind = _lapack_kind(matrix)
    # C order goes in and comes out without copies as the transposed view
    left, values, right, info = _lapack(kind + "gesdd")(matrix.T, full_matrices=0)
    if info:
        raise np.linalg.LinAlgError(f"SVD did not converge (LAPACK's info = {info})")
    return right.T, values, left.T


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Ascending eigenvalues and eigenvectors of Hermitian matrices over the last two axes."""
    with one_torch_thread(matrix):
        return namespace(matrix).linalg.eigh(matrix)


def cholesky(matrix: Array) -> tuple[Array | None, int]:
    """The lower Cholesky factor of a Hermitian matrix, or None where it is not positive definite.

    Beside it the number of leading rows that have one, as far as the library tells, else 0.
    """
    if type(matrix) is np.ndarray:
        if not matrix.size:
            return matrix, 0
        factor, info = _lapack(_lapack_kind(matrix) + "potrf")(matrix, lower=1, clean=1)
        return (factor, matrix.shape[0]) if info == 0 else (None, max(info - 1, 0))
    xp = namespace(matrix)
    if hasattr(xp.linalg, "cholesky_ex"):
        factor, info = xp.linalg.cholesky_ex(matrix)
        failed = int(info)
        return (factor, matrix.shape[0]) if failed == 0 else (None, max(failed - 1, 0))
    try:
        factor = xp.linalg.cholesky(matrix)
    except numerical_errors():
        return None, 0
    # CuPy returns NaN
    return (factor, matrix.shape[0]) if all_finite(factor) else (None, 0)


def divide(columns: Array, lower: Array) -> Array:
    """`columns` times the inverse of the adjoint of a lower triangular matrix."""
    if type(columns) is np.ndarray:
        solution, info = _lapack(_lapack_kind(lower) + "trtrs")(
            lower, columns.conj().T, lower=1)
        if info:
            raise np.linalg.LinAlgError(f"no solution: LAPACK's info = {info}")
        return conj(solution.T)
    xp = namespace(columns)
    if hasattr(xp.linalg, "solve_triangular"):
        return xp.linalg.solve_triangular(adjoint(lower), columns, upper=True, left=False)
    return adjoint(xp.linalg.solve(lower, adjoint(columns)))


def solve(matrices: Array, columns: Array) -> Array:
    """Solutions of linear systems, over the last two axes."""
    return namespace(matrices).linalg.solve(matrices, columns)


def rotate_out(basis: Array, directions: Array) -> Array:
    """`basis` (n, r) times an orthonormal basis of what is orthogonal to `directions` (r, k).

    The Householder reflections of a QR factorisation of `directions`, applied from the right;
    the columns that belong to the directions are left out. NumPy's memory is reused.
    """
    count = directions.shape[1]
    if type(basis) is np.ndarray and basis.flags.c_contiguous and basis.flags.writeable:
        packed, weights, _ = _packed_qr(directions)
        kind = _lapack_kind(basis)
        name, turn = (kind + "ormqr", "T") if kind in "sd" else (kind + "unmqr", "")
        if turn:
            turned, _, info = _lapack(name)("L", turn, packed, weights, basis.T,
                                            max(1, 32 * basis.shape[0]), overwrite_c=1)
            if not info:
                return np.ascontiguousarray(turned[count:].T)
    full, _ = namespace(directions).linalg.qr(directions, mode="complete")
    return basis @ full[:, count:]


def expm(matrix: Array) -> Array:
    """Matrix exponential by SciPy on the host; for the small matrices of single nodes."""
    import scipy.linalg

    return asarray(scipy.linalg.expm(to_numpy(matrix)), like=matrix, dtype=matrix.dtype)
