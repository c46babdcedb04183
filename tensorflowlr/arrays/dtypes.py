"""Dtypes by name and by precision, on any library."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tensorflowlr.arrays.backends import Array, Namespace, is_array, namespace

FLOATING = ("float32", "float64", "complex64", "complex128")


def dtype_name(array: Array) -> str:
    """The dtype as NumPy spells it: ``"float64"``, ``"complex64"`` and so on."""
    if type(array) is np.ndarray:
        return _spelled(array.dtype)
    return str(array.dtype).rsplit(".", 1)[-1]


@functools.cache
def _spelled(dtype: np.dtype[Any]) -> str:
    return str(dtype)


def dtype_like(name: Any, like: Array) -> Any:
    """The dtype called `name` (a name, a Python or a NumPy type) in the library of `like`."""
    return getattr(namespace(like), np.dtype(name).name if not isinstance(name, str) else name)


def floating_name(dtype: Any) -> str:
    """The name of a single or double precision dtype, given in any library's way.

    Raises
    ------
    TypeError
        If `dtype` is none of `FLOATING`.
    """
    if dtype is float or dtype is complex:
        return "float64" if dtype is float else "complex128"
    name = getattr(dtype, "__name__", None) or str(dtype).rsplit(".", 1)[-1]
    if name not in FLOATING:
        raise TypeError(f"dtype must be float, complex or one of {FLOATING}, not {dtype!r}")
    return name


def result_dtype(*values: Any) -> Any:
    """The dtype that holds all `values` (arrays of one library and Python scalars)."""
    arrays = [v for v in values if is_array(v)]
    xp = namespace(arrays[0])
    kind = arrays[0].dtype
    for array in arrays[1:]:
        kind = xp.result_type(kind, array.dtype)
    if any(isinstance(v, complex) for v in values):
        single = kind in (xp.float32, xp.complex64)
        kind = xp.result_type(kind, xp.complex64 if single else xp.complex128)
    return kind


def complex_dtype(array: Array) -> Any:
    """The complex dtype of the array's precision."""
    return dtype_like("complex64" if epsilon(array) > 1e-10 else "complex128", array)


def single(array: Array) -> Array:
    """The array in single precision, real or complex as it is."""
    xp = namespace(array)
    return xp.astype(array, xp.complex64 if is_complex(array) else xp.float32)


def is_complex(array: Array) -> bool:
    """Whether an array holds complex numbers."""
    if type(array) is np.ndarray:
        return array.dtype.kind == "c"
    return _complex(namespace(array), array.dtype)


@functools.lru_cache(maxsize=64)
def _complex(xp: Namespace, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "complex floating"))


def holds_numbers(array: Array) -> bool:
    """Whether an array holds numbers, and no texts or objects."""
    return type(array) is not np.ndarray or array.dtype.kind in "biufc"


def epsilon(array: Array) -> float:
    """Machine epsilon of the array's dtype."""
    if type(array) is np.ndarray:
        return 1.1920929e-07 if array.dtype.itemsize in (4,) or array.dtype == np.complex64 else (
            2.220446049250313e-16)
    return _epsilon(namespace(array), array.dtype)


@functools.lru_cache(maxsize=64)
def _epsilon(xp: Namespace, dtype: Any) -> float:
    return float(xp.finfo(dtype).eps)
