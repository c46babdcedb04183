"""What the public functions ask of their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflowlr.fields import LinearField
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.log import Observer
from tensorflowlr.operators import TreeOperator

FIELD_METHODS = ("prepare", "environment", "evaluate", "orthonormal")


def as_field(F: Any, name: str = "F") -> Field:
    """The field that `F` is or stands for.

    Raises
    ------
    TypeError
        If it is neither an operator nor a field.
    """
    if isinstance(F, TreeOperator):
        return LinearField(F)
    if not isinstance(F, type) and all(
        callable(getattr(F, name, None)) for name in FIELD_METHODS
    ):
        return F
    raise TypeError(
        f"{name} must be a TreeOperator, LinearField, FactoredField or DenseField, "
        f"not {type(F).__name__}"
    )


def checked_method(method: Any) -> None:
    """Refuse what is no method."""
    if isinstance(method, type) or not callable(getattr(method, "step", None)):
        raise TypeError(f"method must be ParallelBUG(...) or AugmentedBUG(...), not {method!r}")


def checked_executor(executor: Any) -> Any:
    """Refuse what is no executor."""
    if executor is not None and (
        isinstance(executor, type) or not callable(getattr(executor, "submit", None))
    ):
        raise TypeError(
            f"executor must be None or a concurrent.futures.Executor, not {executor!r}"
        )
    return executor


def checked_observers(observe: Any) -> dict[str, Observer]:
    """Named functions."""
    if observe is not None and not isinstance(observe, Mapping):
        raise TypeError(f"observe must map names to functions, not {observe!r}")
    for name, function in (observe or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"observe: a name must be a text, not {name!r}")
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"observe[{name!r}] must be callable, not {function!r}")
    return dict(observe or {})
