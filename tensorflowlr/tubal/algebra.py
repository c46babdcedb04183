"""The t-product algebra: dense arrays in, dense arrays out; tubal tensors stay tubal tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace
from tensorflowlr.checks import not_negative, real_number, shown
from tensorflowlr.tubal import facewise
from tensorflowlr.tubal.facewise import checked_executor
from tensorflowlr.tubal.spectrum import given_transform
from tensorflowlr.tubal.tensor import TubalTensor, as_tubal


def _as_given(result: TubalTensor, *given: Any) -> Any:
    """Dense, unless a tubal tensor was given."""
    return result if any(isinstance(x, TubalTensor) for x in given) else result.to_dense()


def _square(x: Any, name: str, transform: Any) -> TubalTensor:
    a = as_tubal(x, name, transform)
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} must have square faces, not {a.shape[:2]}")
    return a


def t_product(A: Any, B: Any, *, transform: Any = "fft") -> Any:
    """The t-product A * B: circular convolution of tubes in place of products of numbers.

    Parameters
    ----------
    A, B
        Arrays of shapes (m, p, k, …) and (p, n, k, …), or `TubalTensor`.
    transform
        As for `TubalTensor`; tubal tensors bring their own.

    Returns
    -------
    array or TubalTensor, shape (m, n, k, …)

    Raises
    ------
    TypeError, ValueError
        If shapes, libraries or transforms do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> tube = lambda *entries: np.array(entries, float).reshape(1, 1, -1)
    >>> tubal.t_product(tube(1, 2, 0), tube(0, 1, 0)).ravel().round(12).tolist()
    [0.0, 1.0, 2.0]
    """
    a = as_tubal(A, "A", transform_of(B, transform))
    b = as_tubal(B, "B", transform_of(A, transform))
    return _as_given(a @ b, A, B)


def transform_of(other: Any, transform: Any) -> Any:
    """The transform that an array takes beside another operand."""
    if isinstance(other, TubalTensor):
        return given_transform(other.spectrum)
    return transform


def t_transpose(A: Any, *, transform: Any = "fft") -> Any:
    """The t-transpose: the conjugate transpose of every face in the transform domain.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> x = np.arange(12.0).reshape(2, 2, 3)
    >>> bool(np.allclose(tubal.t_transpose(x)[:, :, 1], x[:, :, 2].T))
    True
    """
    return _as_given(as_tubal(A, "A", transform).H, A)


def t_inverse(A: Any, *, transform: Any = "fft") -> Any:
    """The inverse under the t-product.

    Raises
    ------
    ValueError
        If a face is singular.
    """
    a = _square(A, "A", transform)
    values = a.singular_values()
    least, largest = float(host.min(values)), float(host.max(values))
    if not least > arrays.epsilon(a.faces) * a.shape[0] * largest:
        raise ValueError("A must have an inverse, but a face is singular: use t_pinv")
    return _as_given(TubalTensor.trusted(
        namespace(a.faces).linalg.inv(a.faces), a.spectrum), A)


def t_pinv(A: Any, *, rtol: float | None = None, transform: Any = "fft") -> Any:
    """The Moore–Penrose inverse under the t-product.

    Parameters
    ----------
    A
        Array or `TubalTensor` of shape (m, n, k, …).
    rtol
        Singular values below this times the largest of all faces count as zero; by default
        the machine precision times the longer side.
    """
    a = as_tubal(A, "A", transform)
    if rtol is None:
        rtol = max(a.shape[:2]) * arrays.epsilon(a.faces)
    else:
        rtol = real_number(rtol, "rtol", "finite and not negative", not_negative)
    u, s, vh = facewise.facewise(facewise.svd, a.spectrum, a.faces)
    v, xp = adjoint(vh), namespace(s)
    kept = s > rtol * xp.max(s)
    inverse = xp.where(kept, 1.0 / xp.where(kept, s, xp.ones_like(s)), xp.zeros_like(s))
    faces = (v * xp.astype(inverse, v.dtype)[:, None, :]) @ adjoint(u)
    return _as_given(TubalTensor.trusted(faces, a.spectrum), A)


def t_qr(A: Any, *, transform: Any = "fft", executor: Any = None) -> tuple[Any, Any]:
    """The thin t-QR: A = Q * R, Qᵀ * Q the identity, faces of R upper triangular.

    Returns
    -------
    Q, R : arrays or TubalTensor, shapes (m, min(m, n), k, …) and (min(m, n), n, k, …)
    """
    a = as_tubal(A, "A", transform)
    made = facewise.facewise(
        facewise.qr, a.spectrum, a.faces, executor=checked_executor(executor)
    )
    q, r = (_as_given(TubalTensor.trusted(part, a.spectrum), A) for part in made)
    return q, r


def t_eigh(A: Any, *, transform: Any = "fft", executor: Any = None) -> tuple[Any, Any]:
    """The t-eigendecomposition A = V * D * Vᵀ of a Hermitian tubal tensor (Aᵀ = A).

    Returns
    -------
    D, V : arrays or TubalTensor, shape (n, n, k, …)
        Faces of D are diagonal in the transform domain, with ascending eigenvalues.

    Raises
    ------
    ValueError
        If A is not Hermitian under the t-product.
    """
    a = _hermitian(A, transform)
    values, vectors = facewise.facewise(
        facewise.eigh, a.spectrum, a.faces, executor=checked_executor(executor)
    )
    pair = (_diagonal(values, vectors), vectors)
    d, v = (_as_given(TubalTensor.trusted(part, a.spectrum), A) for part in pair)
    return d, v


def _diagonal(values: Array, like: Array) -> Array:
    """Faces with the given diagonals, in the dtype of `like`."""
    xp = namespace(like)
    size = int(values.shape[-1])
    return xp.astype(values, like.dtype)[:, :, None] * arrays.eye(size, size, like)


def _hermitian(A: Any, transform: Any) -> TubalTensor:
    a = _square(A, "A", transform)
    gap = arrays.norm(a.faces - adjoint(a.faces))
    if gap > arrays.epsilon(a.faces) ** 0.75 * arrays.norm(a.faces):
        raise ValueError("A must be Hermitian under the t-product: A = t_transpose(A)")
    return TubalTensor.trusted(0.5 * (a.faces + adjoint(a.faces)), a.spectrum)


def t_function(
    A: Any, function: Callable[[Array], Array], *, transform: Any = "fft"
) -> Any:
    """A function of a Hermitian tubal tensor, by its eigenvalues.

    Parameters
    ----------
    A
        Hermitian under the t-product, shape (n, n, k, …).
    function
        Takes an array of eigenvalues and returns one of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> A = tubal.TubalTensor.identity(2, 3) * 4.0
    >>> tubal.t_function(A, np.sqrt).to_dense()[0, 0].round(12).tolist()
    [2.0, 0.0, 0.0]
    """
    if not callable(function):
        raise TypeError(f"function must be callable, not {shown(function)}")
    a = _hermitian(A, transform)
    values, v = facewise.facewise(facewise.eigh, a.spectrum, a.faces)
    made = function(values)
    if tuple(getattr(made, "shape", ())) != tuple(values.shape):
        raise ValueError(
            f"function must return an array of shape {tuple(values.shape)}, not {shown(made)}"
        )
    with arrays.quiet():
        finite = arrays.all_finite(made)
    if not finite:
        raise ValueError("function must return finite values, but gave NaN or Inf")
    kind = arrays.result_dtype(v, made)
    if a.spectrum.halved and arrays.is_complex(made):
        raise TypeError("function must return real values for real tensors")
    xp = namespace(v)
    faces = (v * xp.astype(made, kind)[:, None, :]) @ adjoint(xp.astype(v, kind, copy=False))
    return _as_given(TubalTensor.trusted(faces, a.spectrum), A)


def t_exp(A: Any, *, transform: Any = "fft") -> Any:
    """The exponential under the t-product, of any tensor with square faces.

    Computed face by face on the host.
    """
    a = _square(A, "A", transform)
    made = facewise.facewise(lambda faces: (arrays.expm(faces),), a.spectrum, a.faces)[0]
    if not arrays.all_finite(made):
        raise OverflowError("the exponential of A is larger than its dtype holds")
    return _as_given(TubalTensor.trusted(made, a.spectrum), A)


def t_sqrt(A: Any, *, transform: Any = "fft") -> Any:
    """The square root of a positive semidefinite Hermitian tubal tensor.

    Raises
    ------
    ValueError
        If a face has a negative eigenvalue.
    """
    a = _hermitian(A, transform)
    values, v = facewise.facewise(facewise.eigh, a.spectrum, a.faces)
    xp = namespace(values)
    least, largest = float(xp.min(values)), float(xp.max(xp.abs(values)))
    if least < -arrays.epsilon(a.faces) ** 0.75 * largest:
        raise ValueError(f"A must have no negative eigenvalue, but has {least:g}")
    roots = xp.sqrt(xp.where(values > 0.0, values, xp.zeros_like(values)))
    faces = (v * xp.astype(roots, v.dtype)[:, None, :]) @ adjoint(v)
    return _as_given(TubalTensor.trusted(faces, a.spectrum), A)


def t_identity(size: int, tube: Sequence[int] | int, *, transform: Any = "fft") -> Array:
    """The identity of the t-product as a dense array of shape (size, size, *tube)."""
    return TubalTensor.identity(size, tube, transform=transform).to_dense()
