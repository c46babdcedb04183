"""Random numbers, drawn on the host, so that all libraries see the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflowlr.arrays.backends import Array
from tensorflowlr.arrays.creation import asarray
from tensorflowlr.arrays.dtypes import dtype_like, floating_name
from tensorflowlr.checks import shown


def default_rng(rng: Any) -> np.random.Generator:
    """What `numpy.random.default_rng` makes of `rng`; every backend draws from it.

    Raises
    ------
    TypeError, ValueError
        Saying what `rng` was, where it is none of what NumPy takes.
    """
    try:
        if isinstance(rng, (bool, np.bool_)):
            raise TypeError("a truth value is no seed")
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(
            f"rng must be what numpy.random.default_rng takes, not {shown(rng)}: {error}"
        ) from None


def normal(rng: np.random.Generator, shape: Sequence[int], dtype: Any, like: Any = None) -> Array:
    """Standard normal numbers (complex ones with unit variance), drawn on the host and moved."""
    name = floating_name(dtype)
    draw = rng.standard_normal(tuple(shape))
    if name.startswith("complex"):
        draw = (draw + 1j * rng.standard_normal(tuple(shape))) / np.sqrt(2.0)
    draw = draw.astype(name)
    return draw if like is None else asarray(draw, like=like, dtype=dtype_like(name, like))
