"""Conjugates, norms and what else goes through all entries."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat
import numpy as np

from tensorflowlr.arrays.backends import Array, namespace
from tensorflowlr.arrays.dtypes import epsilon, is_complex


def adjoint(matrix: Array) -> Array:
    """The conjugate transpose over the last two axes."""
    return conj(matrix.mT)


def conj(array: Array) -> Array:
    """The complex conjugate; a real array is returned as it is."""
    if type(array) is np.ndarray:
        return array.conj() if array.dtype.kind == "c" else array
    return namespace(array).conj(array) if is_complex(array) else array


def real_part(array: Array) -> Array:
    """The real part; a real array is returned as it is."""
    return namespace(array).real(array) if is_complex(array) else array


def all_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite."""
    xp = namespace(array)
    return bool(xp.all(xp.isfinite(array)))


def quiet() -> Any:
    """A context in which NumPy does not warn of Inf and NaN: who made them looks for them."""
    return np.errstate(all="ignore")


def norm(array: Array) -> float:
    """The 2-norm of all entries, as a Python float."""
    if type(array) is np.ndarray:
        flat = array.reshape(-1)
        value, single = math.sqrt(np.vdot(flat, flat).real), array.dtype.char in "fF"
    else:
        flat, single = array, epsilon(array) > 1e-10
        measure = namespace(array).linalg.vector_norm
        if array_api_compat.is_torch_array(array):
            value = float(measure(array))
        else:
            with quiet():
                value = float(measure(array))
    if (1e-15 < value < 1e15) if single else (1e-140 < value < 1e140):
        return value
    if 0 in array.shape:
        return 0.0
    # squares near the ends of the range: in units of the largest entry
    xp = namespace(flat)
    largest = float(xp.max(xp.abs(flat)))
    if not 0.0 < largest < math.inf:
        return largest
    unit = power_of_two(largest, single=single)
    return unit * float(xp.linalg.vector_norm(flat * (1.0 / unit)))


def power_of_two(number: float, *, single: bool = False) -> float:
    """The power of two near a positive number, as far as its inverse is a number too."""
    most = 120 if single else 1000
    return 2.0 ** min(max(math.frexp(number)[1], -most), most)
