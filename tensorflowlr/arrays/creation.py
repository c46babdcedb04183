"""New arrays: from values of any kind, and with the library, device and dtype of others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflowlr.arrays.backends import (
    Array,
    Namespace,
    device,
    host,
    is_array,
    is_numpy,
    namespace,
    to_numpy,
)


def asarray(value: Any, *, like: Array | None = None, dtype: Any = None) -> Array:
    """`value` as a floating-point array, on the library and device of `like` where it is given.

    Integers and booleans become double precision. Host values (lists, NumPy arrays) move to
    the library of `like`; arrays that already live elsewhere move only through the host.

    Raises
    ------
    TypeError
        If `value` is no array of numbers: texts that look like numbers are not taken for them.
    """
    if like is None:
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError("a masked array has no numbers under its mask: fill it first")
        array = value if is_array(value) and not is_numpy(value) else _numbers(value)
        xp = namespace(array)
        if dtype is None and not xp.isdtype(array.dtype, ("real floating", "complex floating")):
            dtype = xp.float64
        return array if dtype is None else xp.astype(array, dtype, copy=False)
    xp = namespace(like)
    if type(value) is type(like) is np.ndarray or (
            is_array(value) and namespace(value) is xp and device(value) == device(like)):
        array = value
    else:
        values = _numbers(to_numpy(value))
        kind = getattr(xp, values.dtype.name, None)
        # in the library's own memory: how it is aligned decides the last bits of products
        array = xp.asarray(_plain(values, xp), dtype=kind, device=device(like), copy=True)
    if dtype is None:
        dtype = None if xp.isdtype(array.dtype, ("real floating", "complex floating")) else (
            xp.float64
        )
    return array if dtype is None else xp.astype(array, dtype, copy=False)


def _numbers(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{array.dtype} is no dtype of numbers")
    return array


def _plain(array: np.ndarray, xp: Namespace) -> Any:
    # array-api-strict takes no NumPy arrays on its second device; nested lists work anywhere
    if xp is host or "torch" in xp.__name__ or "cupy" in xp.__name__:
        # torch warns of read-only memory, whatever is done with it
        return np.require(array, requirements=["C", "W"] if "torch" in xp.__name__ else ["C"])
    return array.tolist() if array.size else array


def integers(values: Any, like: Array | None = None) -> Array:
    """Whole numbers for indexing, on the library and device of `like`."""
    found = np.asarray(values, dtype=np.int64)
    if like is None or type(like) is np.ndarray:
        return found
    xp = namespace(like)
    return xp.asarray(_plain(found, xp), dtype=xp.int64, device=device(like))


def zeros(shape: Sequence[int], like: Array) -> Array:
    """Zeros with the library, device and dtype of `like`."""
    return namespace(like).zeros(tuple(shape), dtype=like.dtype, device=device(like))


def eye(rows: int, columns: int, like: Array) -> Array:
    """A rectangular identity with the library, device and dtype of `like`."""
    return namespace(like).eye(rows, columns, dtype=like.dtype, device=device(like))


def identity(size: int, like: Array) -> Array:
    """The one square identity of a size, library, device and dtype, which nobody may change."""
    return _identity(namespace(like), size, like.dtype, device(like))


@functools.lru_cache(maxsize=64)
def _identity(xp: Namespace, size: int, dtype: Any, place: Any) -> Array:
    made = xp.eye(size, dtype=dtype, device=place)
    if is_numpy(made):
        made.flags.writeable = False
    return made
