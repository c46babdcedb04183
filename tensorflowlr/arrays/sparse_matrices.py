"""Sparse matrices of SciPy and CuPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat

from tensorflowlr.arrays.backends import Array, is_numpy, to_numpy
from tensorflowlr.arrays.creation import asarray
from tensorflowlr.arrays.dtypes import dtype_name
from tensorflowlr.arrays.entries import all_finite


def is_sparse(matrix: Any) -> bool:
    """Whether `matrix` is a SciPy (or CuPy) sparse matrix or array."""
    return hasattr(matrix, "tocsr") and hasattr(matrix, "nnz")


def sparse(matrix: Array) -> Any:
    """The SciPy sparse (CSR) matrix of the entries that are not zero."""
    import scipy.sparse

    return scipy.sparse.csr_array(to_numpy(matrix))


def sparse_rows(data: Any, indices: Any, indptr: Any, shape: tuple[int, int]) -> Any:
    """A SciPy sparse (CSR) matrix from its three arrays, checked.

    Raises
    ------
    ValueError
        If the arrays do not describe a matrix of that shape.
    """
    import scipy.sparse

    made = scipy.sparse.csr_array((data, indices, indptr), shape=shape)
    made.check_format(full_check=True)
    return made


def sparse_parts(matrix: Any) -> tuple[Any, Any, Any]:
    """The NumPy arrays ``data``, ``indices`` and ``indptr`` of a sparse matrix by rows."""
    rows = matrix.tocsr()
    return to_numpy(rows.data), to_numpy(rows.indices), to_numpy(rows.indptr)


def sparse_entries(rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> Any:
    """A SciPy sparse (CSR) matrix from the places and values of its entries."""
    import scipy.sparse

    return scipy.sparse.csr_array((values, (rows, columns)), shape=shape)


def sparse_tridiagonal(lower: float, diagonal: float, upper: float, size: int) -> Any:
    """A SciPy sparse (CSR) tridiagonal matrix with constant bands."""
    import scipy.sparse

    return scipy.sparse.diags_array(
        [lower, diagonal, upper], offsets=[-1, 0, 1], shape=(size, size), format="csr"
    )


def sparse_diagonal(diagonal: Array) -> Any:
    """A SciPy sparse matrix with the given diagonal."""
    import scipy.sparse

    return scipy.sparse.diags_array(to_numpy(diagonal), format="csr")


def sparse_kron(first: Any, second: Any) -> Any:
    """The Kronecker product of two sparse matrices, sparse (CSR)."""
    import scipy.sparse

    return scipy.sparse.kron(first, second, format="csr")


def sparse_stack(matrices: Sequence[Any], axis: int) -> Any:
    """Sparse matrices one below the other (axis 0) or side by side (axis 1), sparse (CSR)."""
    import scipy.sparse

    join = scipy.sparse.hstack if axis else scipy.sparse.vstack
    return join(matrices, format="csr")


def sparse_to_dense(matrix: Any) -> Array:
    """The dense array of a SciPy or CuPy sparse matrix, on the matrix's own device."""
    return matrix.toarray()


def sparse_like(matrix: Any, like: Array) -> Any:
    """A sparse matrix where an array is, in its dtype; dense where no sparse product exists."""
    if is_numpy(like):
        return (matrix.get() if hasattr(matrix, "get") else matrix).astype(dtype_name(like))
    if array_api_compat.is_cupy_array(like):
        import cupyx.scipy.sparse

        return cupyx.scipy.sparse.csr_matrix(matrix).astype(dtype_name(like))
    return asarray(sparse_to_dense(matrix), like=like, dtype=like.dtype)


def sparse_finite(matrix: Any) -> bool:
    """Whether the stored entries of a sparse matrix are all finite."""
    return all_finite(matrix.tocsr().data)
