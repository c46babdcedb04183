"""What a ready-made problem brings along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from tensorflowlr.checks import checked_span
from tensorflowlr.fields import LinearField
from tensorflowlr.integrators.doors import as_field, checked_observers
from tensorflowlr.tensors import TreeTensor


@dataclass(frozen=True)
class Problem:
    """A right-hand side, a start and what one looks at.

    Raises
    ------
    TypeError, ValueError
        If the field, the start or an observable is none, or the span is not two different
        finite times.

    Attributes
    ----------
    name : str
    field : LinearField
    start : TreeTensor
    span : tuple of float
        Start and end time.
    observe : mapping of str to callable
        Observables for `integrate`: functions of time and state. Those of the ready-made
        problems are `tensorflowlr.observers`, so that a checkpoint holds all of a run.
    """

    name: str
    field: LinearField
    start: TreeTensor
    span: tuple[float, float]
    observe: Mapping[str, Callable[[float, TreeTensor], Any]] = dataclass_field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        as_field(self.field, "field")
        object.__setattr__(self, "observe", checked_observers(self.observe))
        if not isinstance(self.start, TreeTensor):
            raise TypeError(f"start must be a TreeTensor, not {type(self.start).__name__}")
        object.__setattr__(self, "span", checked_span(self.span))
