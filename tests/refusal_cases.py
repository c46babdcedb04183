"""Bad calls at every public door: what is called, what it must raise, what the message says.

`CASES` is the table. `attempt` makes one call and says what was wrong with the answer, in one
line; `doors` lists what the table must cover.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import signal
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 30.0
HAS_TORCH = importlib.util.find_spec("torch") is not None
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


# what integrators, fields and flows ask of one another: made by the library, checked at doors
INSIDE = {
    "step": "methods are called by the loop",
    "prepare": "fields are called by the loop",
    "evaluate": "fields are called by the loop",
    "slope": "fields are called by methods",
    "slopes": "fields are called by methods",
    "adopt": "layers are lent to fields",
    "environment": "fields are called by methods",
    "orthonormal": "fields are called by methods",
    "source_at": "fields are called by methods",
    "trusted": "says that it checks nothing",
    "place": "operators are placed by fields",
    "check_fits": "is the check itself",
    "check_tree": "is the check itself",
    "stored": "objects are stored by the library",
    "clip": "ranks are clipped by truncations",
    "limits": "edges are asked for by truncations",
    "holds": "edges are asked for by truncations",
    "probe": "checkpoints ask fields",
    "homogeneous": "fields are called by methods",
    "assign": "layers are filled by the optimiser",
    "compute": "layers are computed by their forward pass",
    "fill": "layers are filled by `from_dense`",
    "reset": "layers are drawn by their constructors",
    "rule": "truncations are made by the optimiser",
    "settle": "weights are settled by the optimiser",
    "dense_type": "is torch's own class",
    "zero_grad": "takes torch's flag",
}
# doors all the same, by these names
OPEN = {"SymmetricCP.evaluate", "MomentTensor.evaluate", "CumulantTensor.evaluate",
        "nn.LowRankOptimizer.step"}
# what the library makes and users read
RESULTS = (
    "Solution", "StepInfo", "Ensemble", "config.RunConfig", "config.RunConfig.with_directory",
    "Diagnostics", "tubal.Channel", "nn.Report",
)
ARITHMETIC = (
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__",
    "__matmul__",
)


def doors() -> set[str]:
    """Every public function, class and method that takes an argument."""
    import tensorflowlr as tlr
    from tensorflowlr import config, plotting, tubal
    from tensorflowlr.tubal import sensing

    found: set[str] = {"io.read_array", *members(tubal, "tubal.")}
    if HAS_TORCH:
        # an extra: where it is not installed the check covers the rest
        from tensorflowlr import nn
        from tensorflowlr.nn import data

        found |= members(nn, "nn.") | {
            name for kind in (data.Images, data.load_images)
            for name in openings(f"nn.data.{kind.__name__}", kind)}
    for name in ("Measurements", "EntrySamples", "random_truth", "gradient_descent"):
        found |= openings(f"tubal.sensing.{name}", getattr(sensing, name))
    for module, prefix in ((tlr, ""), (config, "config."), (plotting, "plotting.")):
        for name, value in public(module):
            own = getattr(value, "__module__", "")
            if isinstance(value, types.ModuleType):
                found |= members(value, f"{name}.")
            elif prefix and own != module.__name__:
                continue
            else:
                found |= openings(f"{prefix}{name}", value)
    return found - {*RESULTS}


def members(module: types.ModuleType, prefix: str) -> set[str]:
    """The doors of a public module."""
    found: set[str] = set()
    for name, value in public(module):
        found |= openings(f"{prefix}{name}", value)
    return found


def public(module: types.ModuleType) -> list[tuple[str, Any]]:
    """The names of a module that are its own or that it exports."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
    kept = []
    for name in names:
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            # a package's rooms are there once imported; exported ones are named in its source
            exported = f" import {name} as {name}\n" in inspect.getsource(module)
            if exported:
                kept.append((name, value))
        elif getattr(value, "__module__", "").startswith("tensorflowlr"):
            kept.append((name, value))
    return kept


def openings(name: str, value: Any) -> set[str]:
    """A function, or a class with its constructor and methods, as far as they take arguments."""
    if not callable(value) or getattr(value, "_is_protocol", False):
        return set()
    if not isinstance(value, type):
        return {name} if takes_arguments(value) else set()
    if issubclass(value, BaseException):
        return set()
    found = {name} if takes_arguments(value) else set()
    for key in vars(value):
        method = getattr(value, key)
        wanted = key in ARITHMETIC or (key[0] != "_" and callable(method) and (
            key not in INSIDE or f"{name}.{key}" in OPEN))
        if wanted and takes_arguments(method):
            found.add(f"{name}.{key}")
    return found


def takes_arguments(function: Any) -> bool:
    """Whether a caller has anything to give."""
    if not callable(function):
        return False
    names = list(inspect.signature(function).parameters)
    return bool([n for n in names if n not in ("self", "cls")])


def config_keys() -> set[str]:
    """Every key of configuration files, from the builders' signatures and a file that is read."""
    from tensorflowlr import config
    from tensorflowlr.problems import CATALOGUE

    found = {"problem.tree.kind", "problem.tree.root", "method.flow"}
    for builder in CATALOGUE.values():
        names = set(inspect.signature(builder).parameters) - {"span"}
        found |= {f"problem.{name}" for name in names}
    for method in config.METHODS.values():
        names = set(inspect.signature(method).parameters) - {"rule"}
        found |= {f"method.{name}" for name in names}
    for flow in config.FLOWS.values():
        found |= {f"method.flow.{name}" for name in inspect.signature(flow).parameters}
    tables = config.RunConfig(
        {"name": ""}, {"name": ""},
        {"rtol": 0.0, "atol": 0.0, "max_rank": None, "min_rank": 1},
        **{
            name: None for name in inspect.signature(config.RunConfig).parameters
            if name not in ("problem", "method", "truncation")
        },
    ).as_dict()
    for table, keys in tables.items():
        found |= {f"{table}.{key}" for key in keys}
    return found


ROOMS = ("tensors", "operators", "observers", "problems", "runs", "files", "config",
         "decompositions", "multi_subspace", "tubal")
TORCH_ROOMS = ("nn",)


def table() -> list[Case]:
    """All cases."""
    rooms = (*ROOMS, *TORCH_ROOMS) if HAS_TORCH else ROOMS
    return [case for name in rooms for case in importlib.import_module(f"refusal_{name}").CASES]
