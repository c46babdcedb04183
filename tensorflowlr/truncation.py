"""The one rank policy: how many singular values are kept, everywhere in the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import Array, host, norm, to_numpy
from tensorflowlr.checks import is_masked, not_negative, real_number, shown, whole_number

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

    def clip(self, rank: int, available: int) -> int:
        """`rank` within `min_rank` and `max_rank`, as far as `available` values allow."""
        rank = max(rank, min(self.min_rank, available), 1)
        return rank if self.max_rank is None else min(rank, self.max_rank)


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
