"""The rank that a spectrum shows: by round-off, by the gap above noise, or as it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import host

# the largest singular value of a noise matrix is about twice their root mean square
EDGE = 2.5
# a gap of this ratio is clear
CLEAR = 2.0
# and one below this ratio is none
LEAST = 1.4
# the published rule's threshold, scale-free
THRESHOLD = 1e-4


@dataclass(frozen=True)
class Choice:
    """A rank and what is known about it.

    Attributes
    ----------
    rank : int
        How many singular values are kept.
    noise : float
        The norm of what is left out, relative to all.
    exact : bool
        Whether that is round-off.
    clear : bool
        Whether the values differ clearly at the cut.
    full : bool
        Whether the flattening may as well have full rank: of odd orders, no round-off tells.
    """

    rank: int
    noise: float
    exact: bool
    clear: bool
    full: bool


def choose_rank(
    values: Any, norm: float, shape: tuple[int, int], rank: int | None, tol: float | None,
    limit: int, epsilon: float,
) -> Choice:
    """How many of the descending singular values belong to the tensor.

    Parameters
    ----------
    values
        Descending singular values, all or the first of them.
    norm
        The norm of the flattening.
    shape
        (N, N'), N' being how many singular values there are.
    rank, tol
        The rank, or the relative size of the noise, where the user knows it.
    limit
        The largest rank that may be.
    epsilon
        The precision of the entries.
    """
    floor = shape[0] * epsilon * float(values[0])
    above = int((values > floor).sum())
    if rank is not None:
        kept = rank
    elif tol is not None:
        kept = int((values > max(tol * norm, floor)).sum())
    elif above <= limit and above < shape[1]:
        kept = above
    else:
        kept = gap(values, norm, shape, limit)
        if not kept:
            raise ValueError(
                f"T must have a rank of at most {limit}, and noise must leave a gap in the "
                f"spectrum of its flattening: {above} of {shape[1]} singular values are not "
                "round-off, and none stands out; give rank or tol to decompose what is there"
            )
    if not above:
        raise ValueError("T must not be zero")
    if rank is not None and rank > above:
        raise ValueError(f"rank must be at most {above}, that of the flattening of T, not {rank}")
    kept = max(kept, 1)
    if kept > limit:
        raise ValueError(f"T must have a rank of at most {limit} to be decomposed, not {kept}")
    full = rank is None and tol is None and kept < shape[1] <= min(above, limit)
    tail = _tail(values, norm, kept)
    exact = above <= kept
    after = float(values[kept]) if kept < len(values) else 0.0
    clear = exact or kept == shape[1] or float(values[kept - 1]) > CLEAR * after
    return Choice(kept, 0.0 if exact else tail / norm, exact, clear, full)


def gap(values: Any, norm: float, shape: tuple[int, int], limit: int) -> int:
    """The rank at the widest gap whose other side looks like noise.

    Noise has no singular value far above the root mean square of all of its own. Where the
    flattening may have full rank, a tail of one value is noise only below the published
    threshold, 1e-4 of mean(D²) / mean(|D|).
    """
    most = min(limit, len(values) - 1, shape[1] - 1)
    published = THRESHOLD * float((values**2).sum() / values.sum())
    best, found = 0.0, 0
    for kept in range(1, most + 1):
        last, first = float(values[kept - 1]), float(values[kept])
        left = shape[1] - kept
        typical = _tail(values, norm, kept) / math.sqrt(left)
        if left < 3 and not first < published:
            continue
        ratio = last / max(first, host.finfo(host.float64).tiny)
        if first <= EDGE * typical and ratio > best:
            best, found = ratio, kept
    if limit >= shape[1] and (best < 10.0 or found == 0):
        return shape[1]
    return found if best >= LEAST else 0


def _tail(values: Any, norm: float, kept: int) -> float:
    """The norm of the values that are left out, of those not computed by what is missing."""
    seen = float((values**2).sum())
    unseen = max(norm * norm - seen, 0.0)
    # differences of squares that are round-off
    unseen = unseen if unseen > 1e-14 * norm * norm else 0.0
    return math.sqrt(unseen + float((values[kept:] ** 2).sum()))
