"""Ranks, norms and angles of tubal tensors."""

from __future__ import annotations

from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.checks import shown
from tensorflowlr.tubal.algebra import transform_of
from tensorflowlr.tubal.tensor import as_tubal, matched


def tubal_rank(A: Any, *, rtol: float | None = None, transform: Any = "fft") -> int:
    """The tubal rank: the largest rank of a face.

    Parameters
    ----------
    A
        Array or `TubalTensor`.
    rtol
        As in `TubalTensor.ranks`.
    """
    return int(host.max(as_tubal(A, "A", transform).ranks(rtol)))


def multirank(A: Any, *, rtol: float | None = None, transform: Any = "fft") -> Array:
    """The ranks of the faces kept (of conjugate pairs one; see `TubalTensor.faces`)."""
    return as_tubal(A, "A", transform).ranks(rtol)


def t_norm(A: Any, kind: str = "frobenius", *, transform: Any = "fft") -> float:
    """A norm of a tubal tensor.

    Parameters
    ----------
    A
        Array or `TubalTensor`.
    kind
        ``"frobenius"``; ``"spectral"``, the largest singular value of all faces;
        ``"nuclear"``, the mean over faces of the sums of singular values (the convention
        with 1/k).
    """
    a = as_tubal(A, "A", transform)
    norms = {
        "frobenius": a.norm, "spectral": a.spectral_norm, "nuclear": a.nuclear_norm,
    }
    if not isinstance(kind, str) or kind not in norms:
        raise ValueError(f"kind must be one of {tuple(norms)}, not {shown(kind)}")
    return norms[kind]()


def principal_angles(A: Any, B: Any, *, transform: Any = "fft") -> Array:
    """The principal angles between the tubal subspaces that the columns of A and B span.

    Parameters
    ----------
    A, B
        Arrays or `TubalTensor` of shapes (m, r, k, …) and (m, s, k, …), of full rank.

    Returns
    -------
    array, shape (count, min(r, s))
        Radians, ascending, for each face kept; the largest of all is the angle of the
        subspaces. On the host.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> A = np.random.default_rng(0).standard_normal((5, 2, 3))
    >>> bool(tubal.principal_angles(A, 2.0 * A).max() < 1e-7)
    True
    """
    a = as_tubal(A, "A", transform_of(B, transform))
    b = as_tubal(B, "B", transform_of(A, transform))
    a, b = matched(a, b)
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"A and B must have the same rows, not {a.shape[0]} and {b.shape[0]}")
    p, q = (arrays.qr(x.faces)[0] for x in (a, b))
    if p.shape[-1] < q.shape[-1]:
        p, q = q, p
    # sines of small angles, cosines of large ones: neither loses digits
    inside = adjoint(p) @ q
    cosines = to_numpy(namespace(q).linalg.svdvals(inside))
    sines = to_numpy(namespace(q).linalg.svdvals(q - p @ inside))[:, ::-1]
    count = min(sines.shape[1], cosines.shape[1])
    sines, cosines = host.clip(sines[:, :count], 0.0, 1.0), host.clip(cosines, 0.0, 1.0)
    return host.where(cosines[:, :count] ** 2 > 0.5, host.asin(sines),
                      host.acos(cosines[:, :count]))
