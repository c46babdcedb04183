"""Discrete transforms and quadrature."""

from __future__ import annotations

import numpy as np

from tensorflowlr.arrays.backends import Array, namespace
from tensorflowlr.arrays.dtypes import complex_dtype, is_complex


def fft(array: Array, axis: int, *, real: bool = False) -> Array:
    """The discrete Fourier transform along an axis; of real data half of it, if `real`."""
    transform = namespace(array).fft
    if real:
        return transform.rfft(array, axis=axis)
    xp = namespace(array)
    if not is_complex(array):
        array = xp.astype(array, complex_dtype(array))
    return transform.fft(array, axis=axis)


def ifft(array: Array, axis: int, *, size: int | None = None) -> Array:
    """The inverse of `fft`; with the `size` of the axis, that of its real half."""
    transform = namespace(array).fft
    if size is None:
        return transform.ifft(array, axis=axis)
    return transform.irfft(array, n=size, axis=axis)


def cosine_matrix(size: int) -> np.ndarray:
    """The orthogonal discrete cosine transform (type II) as a matrix."""
    import scipy.fft

    return scipy.fft.dct(np.eye(size), axis=0, norm="ortho")


def gauss_legendre(count: int) -> tuple[Array, Array]:
    """Points in [-1, 1] and weights of the Gauss–Legendre quadrature."""
    return np.polynomial.legendre.leggauss(count)
