"""What users may give for a rank, as rules of the library's truncation."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import torch

from tensorflowlr.checks import is_real, is_whole, shown, whole_number
from tensorflowlr.truncation import Truncation

MAY_BE = "a share in (0, 1], an integer, a tuple of them per mode or a Truncation"


def checked_dtype(dtype: Any) -> torch.dtype:
    """The dtype of a factorised weight: float32 or float64.

    Raises
    ------
    TypeError
        Saying what it was.
    """
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, not {shown(dtype)}")
    return dtype


def full_ranks(shape: Sequence[int]) -> list[int]:
    """The largest rank of every mode."""
    total = math.prod(shape)
    return [min(n, total // n) if n else 0 for n in shape]


def checked_rank(rank: Any) -> Any:
    """Refuse what can be no rank of any layer.

    Raises
    ------
    TypeError, ValueError
        Saying what it was and what it may be.
    """
    if isinstance(rank, Truncation):
        return rank
    if isinstance(rank, (tuple, list)):
        return tuple(_single(r, f"rank[{i}]") for i, r in enumerate(rank))
    return _single(rank, "rank")


def _single(rank: Any, name: str) -> Any:
    if is_whole(rank):
        return whole_number(rank, name)
    if not is_real(rank):
        raise TypeError(f"{name} must be {MAY_BE}, not {shown(rank)}")
    if not 0.0 < rank <= 1.0:
        raise ValueError(f"{name} must be {MAY_BE}, not {shown(rank)}")
    return float(rank)


def rule(rank: Any, shape: Sequence[int], adaptive: Sequence[int]) -> Truncation:
    """The truncation that brings a dense weight to a rank.

    Modes that do not adapt stay whole unless the rank names them.

    Raises
    ------
    TypeError, ValueError
        If the rank can be none of this shape.
    """
    rank = checked_rank(rank)
    whole = {i: n for i, n in enumerate(shape) if i not in adaptive}
    if isinstance(rank, Truncation):
        return Truncation(
            rank.rtol, rank.atol, rank.max_rank, rank.min_rank,
            edge_ranks={**whole, **{n: (a, b) for n, a, b in rank.edge_ranks or ()}},
            max_condition=rank.max_condition,
        )
    full = full_ranks(shape)
    if isinstance(rank, tuple):
        found = _per_mode(rank, shape, full, adaptive)
    elif isinstance(rank, int):
        largest = max(full[i] for i in adaptive)
        if rank > largest:
            raise ValueError(
                f"rank must be at most {largest} for a weight of shape {tuple(shape)}, not {rank}"
            )
        found = [whole.get(i, min(rank, full[i])) for i in range(len(shape))]
    elif rank == 1.0:
        found = list(shape)
    else:
        found = [whole.get(i, share_of(rank, full[i])) for i in range(len(shape))]
    return Truncation(edge_ranks=dict(enumerate(feasible(found, shape))))


def _per_mode(
    rank: tuple[Any, ...], shape: Sequence[int], full: Sequence[int], adaptive: Sequence[int]
) -> list[int]:
    if len(rank) not in (len(shape), len(adaptive)):
        raise ValueError(
            f"rank must have one entry for each of the {len(shape)} modes of a weight of shape "
            f"{tuple(shape)}, not {shown(rank)}"
        )
    named = range(len(shape)) if len(rank) == len(shape) else adaptive
    found = list(shape)
    for i, r in zip(named, rank, strict=True):
        if isinstance(r, float):
            found[i] = shape[i] if r == 1.0 else share_of(r, full[i])
        elif r > shape[i]:
            raise ValueError(f"rank[{i}] must be at most {shape[i]}, not {r}")
        else:
            found[i] = r
    if any(r < n and r > math.prod(found) // r for r, n in zip(found, shape, strict=True)):
        raise ValueError(
            f"rank must not exceed in any mode the product of the others, not {shown(rank)}"
        )
    return found


def share_of(share: float, full: int) -> int:
    """A share of a rank, rounded, at least 1."""
    return max(1, round(share * full))


@functools.lru_cache(maxsize=256)
def held(
    rule: Truncation | None, sizes: tuple[int, ...], adaptive: tuple[int, ...]
) -> Truncation:
    """A rule that holds the ranks of all modes but the adaptive ones; without one, of all."""
    fixed = {i: (r, r) for i, r in enumerate(sizes) if rule is None or i not in adaptive}
    if rule is None:
        return Truncation(edge_ranks=fixed)
    own = {node: (least, most) for node, least, most in rule.edge_ranks or ()}
    return dataclasses.replace(rule, edge_ranks={**own, **fixed})


def feasible(found: list[int], shape: Sequence[int]) -> list[int]:
    """Ranks none of which exceeds the product of the others; whole modes stay whole."""
    while True:
        lower = [
            r if r == n else min(r, math.prod(found) // r)
            for r, n in zip(found, shape, strict=True)
        ]
        if lower == found:
            return found
        found = lower


def fits(shape: Sequence[int], name: str, found: Sequence[int]) -> bool:
    """Whether a stored core or factor could be one of a weight of this shape."""
    if name == "core":
        return len(found) == len(shape) and all(
            0 < r <= n for r, n in zip(found, shape, strict=True)
        )
    n = shape[int(name.rpartition("_")[2])]
    return len(found) == 2 and found[0] == n and found[1] < n
