"""Matrices of single modes: dense, diagonal (one axis) or sparse, and kept as they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host, namespace
from tensorflowlr.tensors import construct

Matrix = Any

# below this size a stack of dense matrices beats separate diagonal or sparse ones
STACKED_SIZE = 32


def checked_matrix(value: Any, size: int, name: str) -> Matrix:
    """A finite (n, n) matrix, a sparse one, or a diagonal of n entries.

    Raises
    ------
    ValueError
        Naming the term and mode, the shape it had and those it may have.
    """
    if arrays.is_sparse(value):
        matrix, finite = value.tocsr(), arrays.sparse_finite(value)
    else:
        matrix = construct.checked_array(value, name)
        finite = arrays.all_finite(matrix)
    if tuple(matrix.shape) not in ((size, size), (size,)):
        raise ValueError(
            f"{name} must have shape ({size}, {size}), or ({size},) for a diagonal, "
            f"not {tuple(matrix.shape)}"
        )
    if not finite:
        raise ValueError(f"{name} must be finite, but holds NaN or Inf")
    return matrix


def on_host(matrix: Matrix) -> Any:
    """The matrix in NumPy (or SciPy sparse), for the compilation alone."""
    if arrays.is_sparse(matrix):
        return matrix.get() if hasattr(matrix, "get") else matrix
    return arrays.to_numpy(matrix)


def frobenius(a: Any, b: Any) -> complex:
    """The Frobenius inner product Σ conj(a) b of two host matrices of any kind."""
    if arrays.is_sparse(a) and arrays.is_sparse(b):
        return complex(a.conj().multiply(b).sum())
    if a.ndim == 1 or b.ndim == 1:
        a = a if a.ndim == 1 else a.diagonal()
        b = b if b.ndim == 1 else b.diagonal()
        return complex(host.vdot(a, b))
    if arrays.is_sparse(a) or arrays.is_sparse(b):
        sparse, dense = (a, b) if arrays.is_sparse(a) else (b, a)
        value = complex(sparse.conj().multiply(dense).sum())
        return value if sparse is a else value.conjugate()
    return complex(host.vdot(a, b))


def dagger(matrix: Any) -> Any:
    """The conjugate transpose of a host matrix of any kind."""
    return matrix.conj() if matrix.ndim == 1 else matrix.conj().T


def combine(factors: Sequence[complex], matrices: Sequence[Matrix]) -> Matrix:
    """A linear combination in the most special kind that holds it.

    Diagonals stay diagonal, sparse plus diagonal is sparse, anything plus dense is dense.
    """
    parts = [(f, m) for f, m in zip(factors, matrices, strict=True) if f != 0.0]
    if not parts:
        first, size = matrices[0], int(matrices[0].shape[0])
        return host.zeros(size) if arrays.is_sparse(first) else arrays.zeros((size,), first)
    if len(parts) == 1 and parts[0][0] == 1.0:
        return parts[0][1]
    kinds = {kind(m) for _, m in parts}
    total = None
    for factor, matrix in parts:
        if "dense" in kinds and kind(matrix) != "dense":
            matrix = dense(matrix)
        elif "sparse" in kinds and kind(matrix) == "diagonal":
            matrix = arrays.sparse_diagonal(matrix)
        scaled = scale(matrix, factor)
        if total is not None and not arrays.is_sparse(total):
            wide = arrays.result_dtype(total, scaled)
            xp = namespace(total)
            total, scaled = xp.astype(total, wide), xp.astype(scaled, wide)
        total = scaled if total is None else total + scaled
    return total


def scale(matrix: Matrix, factor: complex) -> Matrix:
    """The matrix times a number; a real number leaves a real matrix real."""
    number: Any = complex(factor)
    if number.imag == 0.0:
        number = number.real
    if not arrays.is_sparse(matrix):
        matrix = namespace(matrix).astype(
            matrix, arrays.result_dtype(matrix, number), copy=False
        )
    return matrix * number


def kind(matrix: Matrix) -> str:
    """``"dense"``, ``"diagonal"`` or ``"sparse"``."""
    if arrays.is_sparse(matrix):
        return "sparse"
    return "diagonal" if matrix.ndim == 1 else "dense"


def dense(matrix: Matrix) -> Array:
    """The (n, n) array of a matrix of any kind."""
    if arrays.is_sparse(matrix):
        return arrays.sparse_to_dense(matrix)
    if matrix.ndim == 1:
        return arrays.eye(matrix.shape[0], matrix.shape[0], matrix) * matrix
    return matrix


class LeafMatrices:
    """The k matrices of one mode, placed where the tensor is and in its dtype.

    Small modes are held as one dense stack, so that a single batched product applies them
    all; larger ones keep each matrix's kind. Sparse matrices are used as such in NumPy and
    CuPy and made dense elsewhere, where no sparse product exists. In NumPy, sparse ones and
    diagonals, as the identity is, are stacked: one sparse product, and nothing is copied.
    """

    def __init__(self, matrices: Sequence[Matrix], like: Array) -> None:
        place = [self._placed(m, like) for m in matrices]
        self.size = int(matrices[0].shape[0])
        self.count = len(place)
        # what all copies of these matrices are known by
        self.token = secrets.token_hex(8)
        self.stack: Array | None = None
        self.tall: Matrix | None = None
        self.row: Matrix | None = None
        self.matrices: list[Matrix] = place
        if self.size <= STACKED_SIZE or all(kind(m) == "dense" for m in place):
            xp = namespace(like)
            self.stack = xp.stack([dense(m) for m in place])
            # [h_1 … h_k] side by side turns Σ_k h_k X_k into one product
            self.row = xp.reshape(xp.permute_dims(self.stack, (1, 0, 2)), (self.size, -1))
        elif arrays.is_numpy(like) and {"sparse"} <= {kind(m) for m in place} <= {
            "sparse", "diagonal"
        }:
            rows = [m if arrays.is_sparse(m) else arrays.sparse_diagonal(m) for m in place]
            self.tall, self.row = arrays.sparse_stack(rows, 0), arrays.sparse_stack(rows, 1)

    @property
    def entries(self) -> int:
        """How many entries one application of all matrices multiplies."""
        if self.stack is not None:
            return self.count * self.size**2
        return sum(
            m.nnz if arrays.is_sparse(m) else self.size**m.ndim for m in self.matrices
        )

    @staticmethod
    def _placed(matrix: Matrix, like: Array) -> Matrix:
        if arrays.is_sparse(matrix):
            return arrays.sparse_like(matrix, like)
        return arrays.asarray(matrix, like=like, dtype=like.dtype)

    def is_finite(self) -> bool:
        """Whether all numbers fit the dtype they were placed in."""
        return all(
            arrays.sparse_finite(m) if arrays.is_sparse(m) else arrays.all_finite(m)
            for m in self.matrices
        )

    def apply(self, basis: Array) -> Array:
        """All h_k basis, shape (k, n, r)."""
        if self.stack is not None:
            return self.stack @ basis
        if self.tall is not None:
            return arrays.reshape(self.tall @ basis, (self.count, *basis.shape))
        xp = namespace(basis)
        return xp.stack([m @ basis if m.ndim == 2 else m[:, None] * basis for m in self.matrices])

    def apply_sum(self, parts: Array) -> Array:
        """Σ_k h_k parts[k] for parts of shape (k, n, r)."""
        if self.row is not None:
            return self.row @ arrays.reshape(parts, (-1, parts.shape[-1]))
        total = None
        for k, m in enumerate(self.matrices):
            part = m @ parts[k, :, :] if m.ndim == 2 else m[:, None] * parts[k, :, :]
            total = part if total is None else total + part
        return total
