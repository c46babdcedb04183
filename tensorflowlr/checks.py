"""Numbers that users give: checked once, at the door, with one wording for every refusal."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any

LONGEST = 120


def shown(value: Any) -> str:
    """What a value was, for messages: its repr in one short line, or its shape."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        # integers of thousands of digits have none, and users' classes may fail
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} … ({type(value).__name__})"


def whole_number(value: Any, name: str, least: int = 1, most: int | None = None) -> int:
    """`value` as an integer that is not too small, nor too large.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it was and what it may be.
    """
    if is_whole(value):
        number = operator.index(value)
        if number < least:
            raise ValueError(f"{name} must be at least {least}, not {shown(value)}")
        if most is not None and number > most:
            raise ValueError(f"{name} must be at most {most}, not {shown(value)}")
        return number
    kind = "a positive integer" if least > 0 else "an integer"
    raise TypeError(f"{name} must be {kind}, not {shown(value)}")


def is_whole(value: Any) -> bool:
    """Whether `value` is an integer of Python or an array library, and no boolean."""
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return getattr(value, "shape", ()) == ()


def is_real(value: Any) -> bool:
    """Whether `value` is a real number of Python or NumPy, and no boolean."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def real_number(
    value: Any,
    name: str,
    may_be: str = "a finite number",
    fits: Callable[[float], bool] = math.isfinite,
) -> float:
    """`value` as a float that fits.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it was and what it may be.
    """
    if not is_real(value):
        raise TypeError(f"{name} must be {may_be}, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not fits(number):
        raise ValueError(f"{name} must be {may_be}, not {shown(value)}")
    return number


def real_numbers(values: Any, name: str) -> list[float]:
    """A sequence of finite numbers, which may be empty.

    Raises
    ------
    TypeError, ValueError
        Naming the entry, what it was and what it may be.
    """
    try:
        found = sequence(values)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of numbers, not {shown(values)}") from None
    return [real_number(value, f"{name}[{i}]") for i, value in enumerate(found)]


def is_masked(value: Any) -> bool:
    """Whether entries of an array may be masked: there are no numbers under a mask."""
    return type(value).__name__.startswith("Masked")


def sequence(values: Any) -> list[Any]:
    """The entries of a list, a tuple, an array or the like.

    Raises
    ------
    TypeError
        If it is a text or mapping, which one can go through as well, a set, which has no
        order, or holds masked entries.
    """
    if isinstance(values, (str, bytes, bytearray, Mapping, Set)) or is_masked(values):
        raise TypeError(f"{shown(values)} is no sequence")
    return list(values)


def positive(number: float) -> bool:
    """Whether a number is positive and finite."""
    return 0.0 < number < math.inf


def not_negative(number: float) -> bool:
    """Whether a number is zero or positive, and finite."""
    return 0.0 <= number < math.inf


def checked_path(path: Any, name: str = "path") -> Path:
    """The name of a file.

    Raises
    ------
    TypeError
        Saying what it was.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be the name of a file, not {shown(path)}")
    return Path(path)


def checked_flag(value: Any, name: str) -> bool:
    """True or False, and nothing that only looks like it.

    Raises
    ------
    TypeError
        Naming the argument and what it was.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return value


def checked_span(span: Any) -> tuple[float, float]:
    """Start and end time: two different finite numbers.

    Raises
    ------
    ValueError
        Saying what the span was.
    """
    try:
        t0, t1 = _times(span)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"span must be two times (t0, t1), not {shown(span)}") from None
    if not math.isfinite(t1 - t0) or t0 == t1:
        raise ValueError(f"span must be two different finite times, not {shown(span)}")
    return t0, t1


def checked_times(times: Any, t0: float, t1: float, name: str) -> list[float]:
    """Times within a span, each once, in the direction of the run.

    Raises
    ------
    TypeError, ValueError
        Naming the argument and the time.
    """
    try:
        found = _times(times)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} must be times, not {shown(times)}") from None
    low, high = min(t0, t1), max(t0, t1)
    for t in found:
        if not low <= t <= high:
            raise ValueError(f"{name} must lie in [{low:g}, {high:g}], not {t!r}")
    return sorted(set(found), reverse=t1 < t0)


def checked_step(step: Any, t0: float, t1: float) -> float:
    """The size of a step, positive and large enough to change the times of a span.

    Raises
    ------
    TypeError, ValueError
        Saying what the step was.
    """
    size = real_number(step, "step", "a positive finite number", positive)
    count, time = abs(t1 - t0) / size, max(abs(t0), abs(t1))
    if count > 1e15 or time + 0.5 * size == time:
        raise ValueError(f"step must be large enough for times near {time:g}, not {size!r}")
    return size


def _times(values: Iterable[Any]) -> list[float]:
    return [_time(value) for value in sequence(values)]


def _time(value: Any) -> float:
    kind = str(getattr(value, "dtype", ""))
    # single entries of an array of any library are times as well
    entry = getattr(value, "shape", None) == () and ("float" in kind or "int" in kind)
    if (not is_real(value) and not entry) or is_masked(value):
        raise TypeError(f"{value!r} is no time")
    return float(value)
