"""The one rank policy: how many singular values are kept, everywhere in the library."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import Array, host, norm, to_numpy
from tensorflowlr.checks import (
    is_masked,
    is_whole,
    not_negative,
    real_number,
    sequence,
    shown,
    whole_number,
)

NOT_NEGATIVE = "finite and not negative"


@dataclass(frozen=True)
class Truncation:
    """Which singular values are kept: the tail in the 2-norm within a tolerance.

    The tolerance is ``max(atol, rtol * norm)``, where ``norm`` is the norm of the whole
    tensor and the error is that of the whole tensor too: a tensor with several edges shares
    the tolerance among them. With both tolerances zero, only round-off is dropped.

    Parameters
    ----------
    rtol, atol
        Relative and absolute tolerance, not negative.
    max_rank
        The largest rank of any edge, or None for no limit. It wins over the tolerance.
    min_rank
        The smallest rank where the sizes allow it, at least 1.
    edge_ranks
        Limits of single edges in place of `min_rank` and `max_rank`: a mapping from the node
        below the edge to a rank or a pair (smallest, largest). An edge that is held at the
        rank it has is left as it is.
    max_condition
        The largest condition number that the root core's first matricisation may keep, at
        least 1, or None. After the truncation its singular values are replaced by the nearest
        ones that fit (Savostianova et al., NeurIPS 2023); no tolerance bounds that change.

    Raises
    ------
    TypeError, ValueError
        If a tolerance is negative or not finite, or the ranks cannot be.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> tlr.Truncation(atol=0.2).rank([1.0, 0.5, 0.1, 0.1])
    2
    """

    rtol: float = 0.0
    atol: float = 0.0
    max_rank: int | None = None
    min_rank: int = 1
    edge_ranks: Any = None
    max_condition: float | None = None

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            number = real_number(getattr(self, name), name, NOT_NEGATIVE, not_negative)
            object.__setattr__(self, name, number)
        for name in ("max_rank", "min_rank"):
            if name == "min_rank" or self.max_rank is not None:
                object.__setattr__(self, name, whole_number(getattr(self, name), name))
        if self.max_rank is not None and self.min_rank > self.max_rank:
            raise ValueError(
                f"min_rank = {self.min_rank} must not exceed max_rank = {self.max_rank}"
            )
        if self.edge_ranks is not None:
            object.__setattr__(self, "edge_ranks", _edge_ranks(self.edge_ranks))
        if self.max_condition is not None:
            number = real_number(
                self.max_condition, "max_condition", "None or a finite number, at least 1",
                lambda value: 1.0 <= value < math.inf,
            )
            object.__setattr__(self, "max_condition", number)

    def limits(self, edge: int | None = None) -> tuple[int, int | None]:
        """The smallest and the largest rank of an edge; None for no limit.

        Parameters
        ----------
        edge
            The node below it, or None for an edge without limits of its own.
        """
        for node, least, most in self.edge_ranks or ():
            if node == edge:
                return least, most
        return self.min_rank, self.max_rank

    def tolerance(self, norm: float) -> float:
        """The absolute tolerance for a tensor of the given norm."""
        norm = real_number(norm, "norm", NOT_NEGATIVE, not_negative)
        return max(float(self.atol), float(self.rtol) * norm)

    def rank(
        self,
        singular_values: Array | Sequence[float],
        *,
        tolerance: float | None = None,
        round_off: float | None = None,
    ) -> int:
        """How many of the descending singular values are kept.

        Parameters
        ----------
        singular_values
            Descending singular values of one matricisation.
        tolerance
            The absolute tolerance for this matricisation; by default that of a tensor with
            these singular values and nothing else to truncate.
        round_off
            Relative size below which a singular value counts as zero; by default the
            machine precision times the number of values.

        Raises
        ------
        TypeError, ValueError
            If the values are not finite, not descending or negative.
        """
        values = _checked_values(singular_values)
        for name, value in (("tolerance", tolerance), ("round_off", round_off)):
            if value is not None:
                real_number(value, name, NOT_NEGATIVE, not_negative)
        if values.size == 0:
            return 0
        if tolerance is None:
            tolerance = self.tolerance(norm(values))
        if round_off is None:
            single = values.dtype.itemsize < 8
            round_off = (1.2e-7 if single else 2.2e-16) * values.size
        return self.clip(kept(values.tolist(), tolerance, round_off), values.size)

    def clip(self, rank: int, available: int, edge: int | None = None) -> int:
        """`rank` within the limits of an edge, as far as `available` values allow."""
        least, most = self.limits(edge)
        rank = max(rank, min(least, available), 1)
        return rank if most is None else min(rank, most)

    def holds(self, edge: int, rank: int) -> bool:
        """Whether the limits of an edge of its own leave it nothing but the rank it has."""
        return self.edge_ranks is not None and self.limits(edge) == (rank, rank)


def _edge_ranks(value: Any) -> tuple[tuple[int, int, int], ...]:
    """Triples of node, smallest and largest rank, from a mapping or from such triples."""
    may_be = "edge_ranks must map nodes to ranks or pairs (smallest, largest)"
    try:
        triples = [
            (node, *((ranks, ranks) if is_whole(ranks) else sequence(ranks)))
            for node, ranks in value.items()
        ] if isinstance(value, Mapping) else [tuple(sequence(t)) for t in sequence(value)]
    except TypeError:
        raise TypeError(f"{may_be}, not {shown(value)}") from None
    found = []
    for triple in triples:
        if len(triple) != 3:
            raise ValueError(f"{may_be}, not {shown(value)}")
        node = whole_number(triple[0], "a node of edge_ranks", 0)
        least, most = (whole_number(rank, f"edge_ranks[{node}]") for rank in triple[1:])
        if least > most:
            raise ValueError(f"edge_ranks[{node}]: {least} must not exceed {most}")
        found.append((node, least, most))
    return tuple(found)


def nearest_conditioned(values: Sequence[float], condition: float) -> list[float]:
    """The nearest numbers to positive ones whose largest is at most `condition` times the least.

    Values below a floor are raised to it and values above `condition` times the floor are
    lowered to that; the floor is the root of the slope of the squared distance.

    Examples
    --------
    >>> from tensorflowlr.truncation import nearest_conditioned
    >>> nearest_conditioned([4.0, 2.0, 2.0], 1.0)
    [2.6666666666666665, 2.6666666666666665, 2.6666666666666665]
    """
    low, high = min(values), max(values)
    if high <= condition * low:
        return list(values)
    # between two neighbouring breakpoints the slope is linear, and it grows
    breaks = sorted({*values, *(v / condition for v in values)})

    def parts(floor: float) -> tuple[float, float]:
        below = [v for v in values if v < floor]
        above = [v for v in values if v > condition * floor]
        weight = len(below) + condition**2 * len(above)
        return weight, math.fsum(below) + condition * math.fsum(above)

    floor = breaks[-1]
    for left, right in itertools.pairwise(breaks):
        weight, total = parts(0.5 * (left + right))
        if weight and total <= weight * right:
            floor = max(total / weight, left)
            break
    return [min(max(v, floor), condition * floor) for v in values]


def _checked_values(singular_values: Any) -> Array:
    may_be = "singular_values must be finite, not negative and descending"
    if is_masked(singular_values):
        raise TypeError(f"{may_be}, not masked")
    try:
        values = to_numpy(singular_values)
    except (TypeError, ValueError):
        raise TypeError(f"{may_be}, not {shown(singular_values)}") from None
    if values.dtype.kind not in "iuf" and values.size:
        raise TypeError(f"{may_be}, not of dtype {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"singular_values must have one axis, not shape {values.shape}")
    good = host.isfinite(values) & (values >= 0)
    good[1:] &= values[1:] <= values[:-1]
    if not host.all(good):
        first = int(host.argmin(good))
        raise ValueError(f"{may_be}, not {values[first]:g} at position {first}")
    return values


def kept(values: Sequence[float], tolerance: float, round_off: float) -> int:
    """How many descending values remain when a tail of 2-norm <= `tolerance` is dropped.

    Values below `round_off` times the largest are dropped whatever the tolerance.
    """
    rank = len(values)
    if not rank or not values[0] > 0.0:
        return 0
    # in units of the largest, so that squares neither vanish nor overflow
    unit = 1.0 / values[0]
    limit, tail = (tolerance * unit) ** 2, 0.0
    while rank:
        value = values[rank - 1] * unit
        if value > round_off and tail + value * value > limit:
            break
        tail += value * value
        rank -= 1
    return rank
