"""Pieces shared by the experiments on symmetric tensors: random tensors, errors, clocks."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tensorflowlr as tlr

Array = NDArray[Any]


def random_tensor(
    m: int, d: int, r: int, rng: np.random.Generator, kind: str = "normal"
) -> tlr.SymmetricCP:
    """Σ λ_i a_i^{⊗m} with unit vectors and normal weights, as in Table 1 of arXiv 1912.04007.

    Parameters
    ----------
    m, d, r
        Order, size and number of terms.
    rng
        A generator.
    kind
        "normal": a_i is normal, then normalised; "shifted": normal + 1; "positive": |normal|;
        "equal": a_i is normal / √d, not normalised, and all weights are 1.
    """
    A = rng.standard_normal((d, r))
    if kind == "equal":
        return tlr.SymmetricCP(np.ones(r), A / np.sqrt(d), m)
    if kind == "shifted":
        A = A + 1.0
    elif kind == "positive":
        A = np.abs(A)
    elif kind != "normal":
        raise ValueError(f"kind must be normal, shifted, positive or equal, not {kind!r}")
    A = A / np.linalg.norm(A, axis=0)
    return tlr.SymmetricCP(rng.standard_normal(r), A, m)


def factor_gap(found: tlr.SymmetricCP, true: tlr.SymmetricCP) -> float:
    """The largest distance of matched unit vectors, up to order and sign; ∞ if ranks differ."""
    return found.match(true)[1] if found.rank == true.rank else float("inf")


def tensor_gap(found: Any, T: Array) -> float:
    """‖found - T‖ / ‖T‖, of a `SymmetricCP` or a dense array."""
    dense = found.to_dense() if isinstance(found, tlr.SymmetricCP) else found
    return float(np.linalg.norm(dense - T) / np.linalg.norm(T))


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a function returns, and the processor seconds it took."""
    clock = time.process_time()
    made = function(*arguments)
    return made, time.process_time() - clock


def attempt(T: Any, **options: Any) -> tlr.SymmetricCP | None:
    """The library's decomposition, unwarned; None where it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.DecompositionWarning)
        try:
            return tlr.subspace_power_method(T, **options)
        except ValueError:
            return None


def compile_steps() -> None:
    """Have the small power steps compiled before any clock runs."""
    for m in (3, 4, 5, 6):
        attempt(random_tensor(m, 3, 2, np.random.default_rng(m)).to_dense(), rng=0)
