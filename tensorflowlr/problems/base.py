"""What a ready-made problem brings along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from tensorflowlr.fields import LinearField
from tensorflowlr.tensors import TreeTensor


@dataclass(frozen=True)
class Problem:
    """A right-hand side, a start and what one looks at.

    Attributes
    ----------
    name : str
    field : LinearField
    start : TreeTensor
    span : tuple of float
        Start and end time.
    observe : mapping of str to callable
        Observables for `integrate`, functions of time and state.
    """

    name: str
    field: LinearField
    start: TreeTensor
    span: tuple[float, float]
    observe: Mapping[str, Callable[[float, TreeTensor], Any]] = dataclass_field(
        default_factory=dict
    )
