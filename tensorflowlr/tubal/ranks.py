"""How many singular values of each face are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tensorflowlr.arrays import Array, host
from tensorflowlr.io import storable
from tensorflowlr.tensors.rounding import Discarded
from tensorflowlr.truncation import Truncation, kept


@storable
@dataclass(frozen=True)
class CommonRank(Truncation):
    """A truncation that keeps one rank for all faces: the tubal rank.

    The tolerance is that of `Truncation`, for the whole tensor. A `Truncation` itself lets
    every face have its own rank (the multirank, by total energy over all faces), which
    keeps the fewest singular triples. In either, `max_rank` limits the rank of every face.

    Examples
    --------
    >>> from tensorflowlr import tubal
    >>> rule = tubal.CommonRank(rtol=1e-3)
    """


def face_ranks(
    values: Sequence[Array], rule: Truncation, round_off: float
) -> tuple[list[int], Discarded]:
    """Ranks of all faces under a rule, and what they drop.

    Parameters
    ----------
    values
        Descending singular values of every face, weighted so that the sum of all squares is
        the squared norm of the tensor.
    rule
        The truncation.
    round_off
        Relative to the norm, the size below which a singular value is noise.
    """
    flat = host.concat([host.asarray(v) for v in values])
    total = float(host.linalg.vector_norm(flat)) if flat.size else 0.0
    tolerance = rule.tolerance(total)
    longest = max(len(v) for v in values)
    noise = round_off * total
    if not total > 0.0:
        wanted = [0] * len(values)
    elif isinstance(rule, CommonRank):
        # tubes of singular values, each with the 2-norm over all faces
        tubes = [
            math.hypot(*(float(v[i]) for v in values if i < len(v))) for i in range(longest)
        ]
        rank = max(kept(tubes, tolerance, noise / tubes[0]), 1)
        wanted = [min(rank, len(v), int(host.sum(v > noise))) for v in values]
    else:
        ordered = -host.sort(-flat)
        count = max(kept(ordered.tolist(), tolerance, noise / float(ordered[0])), 1)
        wanted = _shared(values, count)
    ranks = [_clipped(rule, w, len(v)) for w, v in zip(wanted, values, strict=True)]
    dropped = math.sqrt(math.fsum(
        float(s) ** 2 for v, r in zip(values, ranks, strict=True) for s in v[r:]
    ))
    capped = any(r < w for r, w in zip(ranks, wanted, strict=True))
    return ranks, Discarded(dropped, capped)


def _shared(values: Sequence[Array], count: int) -> list[int]:
    """Ranks of the faces when the `count` largest values of all are kept."""
    owner = host.concat([host.full(len(v), j) for j, v in enumerate(values)])
    flat = host.concat([host.asarray(v) for v in values])
    largest = owner[host.argsort(-flat, stable=True)[:count]]
    return [int(host.sum(largest == j)) for j in range(len(values))]


def _clipped(rule: Truncation, rank: int, available: int) -> int:
    """Within the limits of the rule; one column stays, through which a source can enter."""
    return rule.clip(rank, available) if available else 0
