"""Which array library and device an array lives on, and the way to the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import array_api_compat
import array_api_compat.numpy as _numpy
import numpy as np

Array = Any
Namespace = Any
# NumPy's namespace, for small numbers that never leave the host
host: Any = _numpy
HOST_ARRAY = np.ndarray
_NAMESPACES: dict[type, Namespace] = {np.ndarray: host}


def namespace(array: Array) -> Namespace:
    """The array API namespace of an array, remembered by the array's type.

    Raises
    ------
    TypeError
        If `array` is not an array of a library that follows the array API standard.

    Examples
    --------
    >>> from tensorflowlr.arrays import host, namespace
    >>> namespace(host.ones((2, 2))) is host
    True
    """
    kind = type(array)
    found = _NAMESPACES.get(kind)
    if found is None:
        found = _NAMESPACES[kind] = array_api_compat.array_namespace(array)
    return found


def is_array(value: Any) -> bool:
    """Whether `value` is an array of any supported library."""
    return type(value) in _NAMESPACES or array_api_compat.is_array_api_obj(value)


def is_numpy(value: Any) -> bool:
    """Whether `value` lives in NumPy, so that host-only routines may use it as it is."""
    return isinstance(value, np.ndarray)


def device(array: Array) -> Any:
    """The device an array lives on."""
    return array.device


def library(array: Array) -> str:
    """The name of the library an array lives in: ``"numpy"``, ``"torch"`` and so on."""
    # matrices of blocks say where their blocks are
    own = getattr(array, "library", None)
    if isinstance(own, str):
        return own
    return namespace(array).__name__.removeprefix("array_api_compat.").partition(".")[0]


def check_together(arrays: Iterable[Array], what: str) -> Namespace:
    """Refuse arrays of different libraries or devices; return their namespace.

    Raises
    ------
    TypeError
        Naming `what` and the libraries or devices that were mixed.
    """
    arrays = list(arrays)
    spaces = {namespace(a).__name__: namespace(a) for a in arrays}
    if len(spaces) > 1:
        raise TypeError(
            f"{what}: arrays of different libraries were mixed ({', '.join(sorted(spaces))}); "
            "move them to one with .to(like=...)"
        )
    devices = {str(device(a)) for a in arrays}
    if len(devices) > 1:
        raise TypeError(
            f"{what}: arrays on different devices were mixed ({', '.join(sorted(devices))}); "
            "move them to one with .to(like=...)"
        )
    return next(iter(spaces.values()))


def to_numpy(array: Any) -> np.ndarray:
    """A NumPy copy or view of any array; the only way data leaves a device."""
    if isinstance(array, np.ndarray):
        return array
    if not is_array(array):
        return np.asarray(array)
    if array_api_compat.is_cupy_array(array):
        return array.get()
    if array_api_compat.is_torch_array(array):
        return array.detach().cpu().resolve_conj().numpy()
    return np.asarray(array_api_compat.to_device(array, "cpu") if not hasattr(
        array, "_array") else array._array)


def numerical_errors() -> tuple[type[Exception], ...]:
    """What overflowing flows and factorisations without convergence raise, on any library."""
    found: list[type[Exception]] = [FloatingPointError, OverflowError, np.linalg.LinAlgError]
    for xp in set(_NAMESPACES.values()):
        error = getattr(getattr(xp, "linalg", None), "LinAlgError", None)
        if isinstance(error, type) and error not in found:
            found.append(error)
    return tuple(found)
