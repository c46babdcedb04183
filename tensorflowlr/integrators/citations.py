"""Where each method comes from."""

from __future__ import annotations

from typing import Any

from tensorflowlr.integrators.augmented import AugmentedBUG
from tensorflowlr.integrators.fixed_rank import FixedRankBUG
from tensorflowlr.integrators.parallel import ParallelBUG

METHODS = (ParallelBUG, AugmentedBUG, FixedRankBUG)


def cite(method: Any) -> str:
    """The reference of a method, given as an object, its class or its name.

    Raises
    ------
    ValueError
        If it is none of this library's.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> "2412.00858" in tlr.cite("ParallelBUG")
    True
    """
    for kind in METHODS:
        if method is kind or isinstance(method, kind) or method == kind.__name__:
            return kind.reference
    names = ", ".join(kind.__name__ for kind in METHODS)
    raise ValueError(f"method must be one of {names}, not {method!r}")
