"""Sums over partitions of index slots, added to a compressed flattening entry by entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.tensors.multisets import multisets

# entries at a time
BLOCK = 1 << 20


@dataclass(frozen=True)
class Term:
    """A product of low-order tensors on the blocks of a partition of the slots.

    Attributes
    ----------
    coefficient : float
        Its factor.
    blocks : tuple of (tuple of int, str)
        The slots of each block, and the name of the symmetric tensor on them.
    """

    coefficient: float
    blocks: tuple[tuple[tuple[int, ...], str], ...]


def added_terms(
    matrix: Array, size: int, order: int, terms: Sequence[Term], tensors: Mapping[str, Array]
) -> Array:
    """The compressed flattening (N, N') of a symmetric tensor plus a symmetric sum of terms."""
    if not terms:
        return matrix
    left = (order + 1) // 2
    rows, columns = multisets(size, left), multisets(size, order - left)
    flat = {name: arrays.reshape(t, (-1,)) for name, t in tensors.items()}
    made = []
    step = max(1, BLOCK // columns.count)
    for first in range(0, rows.count, step):
        some = rows.indices[first : first + step]
        total: Any = 0.0
        for term in terms:
            product: Any = term.coefficient
            for slots, name in term.blocks:
                place: Any = 0
                for slot in slots:
                    index = some[:, slot, None] if slot < left else columns.indices[
                        None, :, slot - left]
                    place = place * size + index
                product = product * arrays.take(flat[name], arrays.integers(place, matrix))
            total = total + product
        scale = arrays.asarray(rows.roots[first : first + step, None] * columns.roots,
                               like=matrix, dtype=matrix.dtype)
        made.append(total * scale)
    return matrix + namespace(matrix).concat(made, axis=0)
