"""Batched linear algebra over faces: real faces in real arithmetic, chunks on an executor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, namespace
from tensorflowlr.checks import shown
from tensorflowlr.tubal.spectrum import Spectrum

# chunks that a batch is cut into for an executor
CHUNKS = 8

Stacks = tuple[Array, ...]


def checked_executor(executor: Any) -> Any:
    """Refuse what is no executor."""
    if executor is not None and (
        isinstance(executor, type) or not callable(getattr(executor, "submit", None))
    ):
        raise TypeError(
            f"executor must be None or a concurrent.futures.Executor, not {shown(executor)}"
        )
    return executor


def facewise(
    function: Callable[..., Stacks], spectrum: Spectrum, *stacks: Array, executor: Any = None
) -> Stacks:
    """A function of stacks of faces, returning several, face by face.

    The real faces of a half spectrum go through it as real arrays, so that what comes back
    belongs to real tensors. On an executor, chunks are tasks with one BLAS thread each.
    """
    own = spectrum.real_faces
    if own == 0 or not any(arrays.is_complex(s) for s in stacks):
        return _spread(function, stacks, executor)
    parts = [function(*(arrays.real_part(s[:own, ...]) for s in stacks))]
    if own < spectrum.count:
        rest = _spread(function, tuple(s[own:, ...] for s in stacks), executor)
        parts.append(rest)
    return tuple(_joined([part[i] for part in parts]) for i in range(len(parts[0])))


def _spread(function: Callable[..., Stacks], stacks: Stacks, executor: Any) -> Stacks:
    count = int(stacks[0].shape[0])
    if executor is None or count < 2:
        return function(*stacks)
    size = math.ceil(count / min(CHUNKS, count))
    with arrays.limited_blas_threads(1, inherited=False):
        futures = [
            executor.submit(function, *(s[i : i + size, ...] for s in stacks))
            for i in range(0, count, size)
        ]
        made = [future.result() for future in futures]
    return tuple(_joined([part[i] for part in made]) for i in range(len(made[0])))


def _joined(parts: Sequence[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    xp = namespace(parts[0])
    kind = arrays.result_dtype(*parts)
    return xp.concat([xp.astype(part, kind, copy=False) for part in parts], axis=0)


def svd(a: Array) -> Stacks:
    """Thin SVD by divide and conquer: U, descending singular values, Vᴴ."""
    u, s, vh = arrays.svd(a)
    return u, s, vh


def svds(spectrum: Spectrum, faces: Array, executor: Any = None) -> list[Stacks]:
    """The thin SVD of every face, real ones in real arithmetic."""
    one_by_one = arrays.is_numpy(faces)
    own = spectrum.real_faces if arrays.is_complex(faces) else 0
    if one_by_one and executor is None:
        # LAPACK itself, without the copies of a batch
        return [svd(arrays.real_part(face) if j < own else face) for j, face in enumerate(faces)]
    parts = [arrays.real_part(faces[:own, ...])] if own else []
    parts.append(faces[own:, ...])
    made = []
    for part in parts:
        if part.shape[0]:
            u, s, vh = _spread(svd, (part,), executor)
            made += [(u[j, ...], s[j, ...], vh[j, ...]) for j in range(part.shape[0])]
    return made


def gram_svd(a: Array) -> Stacks:
    """Thin SVD by the Gram matrix of the shorter side: values below √ε of the largest are noise."""
    xp = namespace(a)
    wide = a.shape[-2] < a.shape[-1]
    if wide:
        a = adjoint(a)
    values, v = arrays.eigh(adjoint(a) @ a)
    values, v = xp.flip(values, axis=-1), xp.flip(v, axis=-1)
    u = a @ v
    # columns of A V are orthogonal as far as their values are above round-off
    lengths = xp.linalg.vector_norm(u, axis=-2)
    largest = xp.max(lengths) if 0 not in lengths.shape else 0.0
    small = lengths <= arrays.epsilon(a) ** 0.5 * largest
    safe = xp.where(small, xp.ones_like(lengths), lengths)
    u = xp.where(small[:, None, :], arrays.zeros((1, 1, 1), u), u / xp.astype(
        safe, u.dtype)[:, None, :])
    # one column of an empty face may be wanted all the same
    first = arrays.eye(u.shape[-2], u.shape[-1], u)
    u = xp.where((small & (xp.cumulative_sum(xp.astype(small, xp.int64), axis=-1) == xp.arange(
        1, u.shape[-1] + 1, device=arrays.device(u))))[:, None, :], first, u)
    s = xp.where(small, xp.zeros_like(lengths), lengths)
    return (v, s, adjoint(u)) if wide else (u, s, adjoint(v))


def qr(a: Array) -> Stacks:
    """Thin QR."""
    q, r = arrays.qr(a)
    return q, r


def eigh(a: Array) -> Stacks:
    """Ascending eigenvalues and eigenvectors of Hermitian faces."""
    values, vectors = arrays.eigh(a)
    return values, vectors


def norms(faces: Array) -> Array:
    """The Frobenius norm of every face, on the host."""
    return arrays.to_numpy(namespace(faces).linalg.vector_norm(faces, axis=(-2, -1)))
