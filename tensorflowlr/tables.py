"""Tables of configuration files checked key by key, with errors of one clear line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tensorflowlr.checks import shown

REFUSED = (TypeError, ValueError, ArithmeticError)


class ConfigError(ValueError):
    """A configuration that cannot be: ``table.key: what it was, what it may be``."""


def checked(
    where: str, table: Mapping[str, Any], keys: Mapping[str, tuple[Any, Any]]
) -> dict[str, Any]:
    """The table with each key's type checked and the defaults filled in."""
    check_keys(table, keys, f"{where}.", "key")
    made = {}
    for key, (kind, default) in keys.items():
        if key in table:
            made[key] = typed(f"{where}.{key}", table[key], kind)
        elif default is ...:
            raise ConfigError(f"{where}.{key}: is missing; it must be {words(kind)}")
        else:
            made[key] = default
    return made


def check_keys(table: Mapping[str, Any], keys: Iterable[str], where: str, what: str) -> None:
    """Refuse keys that are not known, naming the nearest one that is."""
    for key in table:
        if key not in keys:
            raise ConfigError(
                f"{where}{key}: no such {what}{nearest(key, keys)}; there are {listed(keys)}"
            )


def typed(where: str, value: Any, kind: Any) -> Any:
    """The value, once its type is known to be right; kinds that are no types pass."""
    fits = {
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, (int, float)) and not isinstance(value, bool),
    }
    if isinstance(kind, type) and kind is not Any and not fits.get(kind, isinstance(value, kind)):
        raise ConfigError(f"{where}: must be {words(kind)}, not {shown(value)}")
    if kind is not float:
        if isinstance(value, int) and value.bit_length() > 63:
            raise ConfigError(f"{where}: must be an integer of 64 bits, not {shown(value)}")
        return value
    try:
        number = float(value)
    except OverflowError:
        raise ConfigError(f"{where}: must fit a floating-point number") from None
    if not math.isfinite(number):
        raise ConfigError(f"{where}: must be finite, not {shown(value)}")
    return number


def words(kind: Any) -> str:
    """What a value of a type is called."""
    return {
        int: "an integer", float: "a number", str: "a text", bool: "true or false",
        list: "a list of numbers", dict: "a table",
    }.get(kind, "a value")


def nearest(name: Any, known: Iterable[str]) -> str:
    """A question after a known name that looks like the given one, or nothing."""
    found = difflib.get_close_matches(str(name), list(known), 1, 0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def listed(names: Iterable[str]) -> str:
    """The names with commas."""
    return ", ".join(names)


def built(where: str, maker: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a maker makes; what it refuses becomes an error that names the table."""
    try:
        return maker(*arguments, **options)
    except REFUSED as error:
        raise ConfigError(f"{where}: {error}") from error
