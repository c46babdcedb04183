"""Bad calls at every public door: what is called, what it must raise, what the message says.

`table` is all of them. `attempt` makes one call and says what was wrong with the answer, in
one line; what the table must cover is in `refusal_doors`.
"""

from __future__ import annotations

import importlib
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from refusal_doors import HAS_TORCH

SECONDS = 30.0
NOTHING = object()
Errors = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Case:
    """One bad call.

    Attributes
    ----------
    door
        What is called, as `doors` names it.
    argument
        Words of the message that name the argument.
    value
        What the argument was: the message must show it; `NOTHING` where `words` say it.
    error
        The exception.
    call
        Makes the call; is given an empty folder.
    words
        More words of the message.
    check
        Looks at the exception.
    """

    door: str
    argument: str
    value: Any
    error: Errors
    call: Callable[[Path], Any]
    words: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None

    def __str__(self) -> str:
        given = self.words if self.value is NOTHING else self.value
        value = " ".join(re.sub(r" at 0x[0-9a-f]+", "", repr(given)).split())[:40]
        return f"{self.door}({self.argument}: {value})".encode("ascii", "replace").decode()


def refuse(
    door: str,
    argument: str,
    call: Callable[[Any], Any],
    values: Sequence[Any],
    error: Errors,
    *words: str,
    check: Callable[[Any], None] | None = None,
) -> list[Case]:
    """One case per bad value of one argument."""
    return [
        Case(door, argument, value, error, lambda _, v=value: call(v), words, check)
        for value in values
    ]


def refuse_call(
    door: str,
    call: Callable[[], Any],
    error: Errors,
    *words: str,
    check: Callable[[Any], None] | None = None,
) -> list[Case]:
    """A case whose message is told by its words, the first of which names the argument."""
    return [Case(door, words[0], NOTHING, error, lambda _: call(), words[1:], check)]


def refuse_file(
    door: str, argument: str, call: Callable[[Path], Any], error: Errors, *words: str
) -> list[Case]:
    """A case that needs a folder."""
    return [Case(door, argument, NOTHING, error, call, words)]


def attempt(case: Case, folder: Path) -> str:
    """Make the call; nothing if the answer is the documented error, else what was wrong."""
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            made = case.call(folder)
    except Hang:
        return f"hang: no answer in {SECONDS:g} seconds"
    except case.error as error:
        message = str(error)
        missing = [w for w in (case.argument, *case.words) if w not in message]
        if missing:
            return f"message without {missing[0]!r}: {message}"
        if case.value is not NOTHING and not any(w in message for w in appearances(case.value)):
            return f"message does not show what it was: {message}"
        try:
            if case.check is not None:
                case.check(error)
        except AssertionError as wrong:
            return f"the error does not carry what it should: {wrong}"
        return ""
    except Exception as error:
        return f"undocumented {type(error).__name__}: {error}"
    return f"no error, but {made!r}"


def appearances(value: Any) -> Iterator[str]:
    """How a message may show a value."""
    yield " ".join(repr(value).split())[:30]
    yield type(value).__name__
    if isinstance(value, type):
        yield value.__name__
    for name in ("shape", "dtype"):
        if hasattr(value, name):
            yield str(getattr(value, name))
    if isinstance(getattr(value, "shape", None), tuple):
        # the library's own sizes are tuples
        yield str(tuple(value.shape))
    cores = getattr(value, "cores", [value])
    if any(np.asarray(c).dtype.kind in "fc" and not np.all(np.isfinite(c)) for c in cores
           if isinstance(c, (np.ndarray, list))):
        yield "NaN or Inf"


class Hang(BaseException):
    """A call that does not come back."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the block after some seconds."""

    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


ROOMS = ("tensors", "operators", "observers", "problems", "runs", "files", "config",
         "decompositions", "multi_subspace", "tubal")
TORCH_ROOMS = ("nn",)


def table() -> list[Case]:
    """All cases."""
    rooms = (*ROOMS, *TORCH_ROOMS) if HAS_TORCH else ROOMS
    return [case for name in rooms for case in importlib.import_module(f"refusal_{name}").CASES]
