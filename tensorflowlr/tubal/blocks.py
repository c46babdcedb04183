"""Block-diagonal matrices as an array library of their own.

In the transform domain a tubal tensor is a block-diagonal matrix, one block per face. Moves,
flows and methods see one matrix here and need to know nothing of faces: their QR, their SVD
and their ranks are those of the whole, computed block by block. An index of the whole belongs
to one block; `Axis` is a size that knows to which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host


class Axis(int):
    """The size of an axis that knows which block each of its indices belongs to."""

    owner: Array
    blocks: int

    def __new__(cls, owner: Array, blocks: int) -> Self:
        """The axis whose indices belong to the blocks that `owner` names."""
        made = super().__new__(cls, len(owner))
        made.owner, made.blocks = owner, blocks
        return made

    @classmethod
    def of_sizes(cls, sizes: Sequence[int]) -> Axis:
        """Block after block."""
        return cls(host.repeat(host.arange(len(sizes)), host.asarray(sizes)), len(sizes))

    def sizes(self, stop: int | None = None) -> list[int]:
        """How many of the leading indices belong to each block."""
        counted = host.zeros(self.blocks, dtype=int)
        places, counts = host.unique_counts(self.owner[:stop])
        counted[places] = counts
        return counted.tolist()

    def part(self, piece: slice) -> tuple[Axis, list[slice]]:
        """A slice of the axis, and what it is in every block."""
        start, stop, _ = piece.indices(int(self))
        if start == 0 and stop >= self:
            return self, [slice(None)] * self.blocks
        before, after = self.sizes(start), self.sizes(max(start, stop))
        made = Axis(self.owner[start:stop], self.blocks)
        return made, [slice(a, b) for a, b in zip(before, after, strict=True)]

    def __add__(self, other: int) -> Any:
        if isinstance(other, Axis):
            return Axis(host.concat([self.owner, other.owner]), self.blocks)
        return int(self) + other


@dataclass(frozen=True)
class Place:
    """Where blocks live: a device, and the spectrum that they are the faces of."""

    spectrum: Any
    # any block, for its library and device
    like: Array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        where = f"{arrays.library(self.like)} on {arrays.device(self.like)}"
        return f"{where} ({self.spectrum})"


class BlockMatrix:
    """A block-diagonal matrix; `axes` say which row and column belongs to which block.

    Within a block, rows and columns keep the order they have in the whole. `unit` is the
    place of a third axis of size one, if there is one.
    """

    __array_ufunc__ = None
    __slots__ = ("axes", "blocks", "spectrum", "unit")

    def __init__(
        self, blocks: Sequence[Array], axes: tuple[Axis, Axis], spectrum: Any,
        unit: int | None = None,
    ) -> None:
        self.blocks, self.axes = tuple(blocks), axes
        self.spectrum, self.unit = spectrum, unit

    @classmethod
    def of_blocks(cls, blocks: Sequence[Array], spectrum: Any) -> BlockMatrix:
        """The blocks one after the other."""
        rows, columns = (Axis.of_sizes([int(b.shape[i]) for b in blocks]) for i in range(2))
        return cls(blocks, (rows, columns), spectrum)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        from tensorflowlr.tubal import block_namespace

        del api_version
        return block_namespace

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the whole."""
        made: list[int] = list(self.axes)
        if self.unit is not None:
            made.insert(self.unit, 1)
        return tuple(made)

    @property
    def ndim(self) -> int:
        """Two, or three with the axis of size one."""
        return 2 if self.unit is None else 3

    @property
    def dtype(self) -> str:
        """The name of the widest dtype of a block."""
        names = {arrays.dtype_name(b) for b in self.blocks}
        return max(names, key=lambda name: ("complex" in name, name))

    @property
    def device(self) -> Place:
        """Where the blocks live."""
        return Place(self.spectrum, self.blocks[0])

    @property
    def library(self) -> str:
        """The name of the library of the blocks."""
        return arrays.library(self.blocks[0])

    @property
    def tensor_class(self) -> Any:
        """The tree tensors that have such cores."""
        from tensorflowlr.tubal.low_rank import TubalSVD

        return TubalSVD

    @property
    def mT(self) -> BlockMatrix:
        """The transpose."""
        return self.like([b.mT for b in self.blocks], self.axes[::-1])

    def like(self, blocks: Sequence[Array], axes: tuple[Axis, Axis] | None = None) -> BlockMatrix:
        """Other blocks on the same faces."""
        if axes is None:
            return BlockMatrix(blocks, self.axes, self.spectrum, self.unit)
        return BlockMatrix(blocks, axes, self.spectrum)

    def each(self, function: Callable[..., Array], *others: BlockMatrix) -> BlockMatrix:
        """An entrywise function of this and others, block by block."""
        stacks = zip(self.blocks, *(o.blocks for o in others), strict=True)
        return self.like([function(*blocks) for blocks in stacks])

    def __add__(self, other: Any) -> BlockMatrix:
        if isinstance(other, BlockMatrix):
            return self.each(lambda a, b: a + b, other)
        if other == 0:
            return self.each(lambda a: a + other)
        return NotImplemented

    def __sub__(self, other: BlockMatrix) -> BlockMatrix:
        return self.each(lambda a, b: a - b, other)

    def __neg__(self) -> BlockMatrix:
        return self.each(lambda a: -a)

    def __mul__(self, other: Any) -> BlockMatrix:
        if isinstance(other, BlockMatrix):
            return self.each(lambda a, b: a * b, other)
        if getattr(other, "ndim", 0) == 1:
            # one number for each column of the whole
            owner = self.axes[1].owner
            return self.like([
                block * arrays.asarray(other[owner == j], like=block, dtype=block.dtype)
                for j, block in enumerate(self.blocks)
            ])
        return self.each(lambda a: a * other)

    __rmul__ = __mul__

    def __matmul__(self, other: BlockMatrix) -> BlockMatrix:
        if other.unit is not None:
            # from the left onto the second of three axes
            blocks = [b @ a.mT for a, b in zip(self.blocks, other.blocks, strict=True)]
            return BlockMatrix(blocks, (other.axes[0], self.axes[0]), self.spectrum, other.unit)
        return self.like(
            [a @ b for a, b in zip(self.blocks, other.blocks, strict=True)],
            (self.axes[0], other.axes[1]),
        )

    def _pieces(self, key: Any) -> tuple[tuple[Axis, Axis], list[tuple[slice, slice]]]:
        plain = [k for k in key if isinstance(k, slice)]
        if self.unit is not None and len(plain) == 3:
            del plain[self.unit]
        (rows, first), (columns, second) = (
            axis.part(piece) for axis, piece in zip(self.axes, plain, strict=True)
        )
        return (rows, columns), list(zip(first, second, strict=True))

    def __getitem__(self, key: Any) -> BlockMatrix:
        if key == (Ellipsis, None):
            return BlockMatrix(self.blocks, self.axes, self.spectrum, 2)
        if key == (Ellipsis, 0) and self.unit == 2:
            return BlockMatrix(self.blocks, self.axes, self.spectrum)
        axes, pieces = self._pieces(key)
        blocks = [block[piece] for block, piece in zip(self.blocks, pieces, strict=True)]
        return BlockMatrix(blocks, axes, self.spectrum, self.unit)

    def __setitem__(self, key: Any, value: Any) -> None:
        _, pieces = self._pieces(key)
        for j, (block, piece) in enumerate(zip(self.blocks, pieces, strict=True)):
            block[piece] = value.blocks[j] if isinstance(value, BlockMatrix) else value
