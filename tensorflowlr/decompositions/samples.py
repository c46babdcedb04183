"""Data in chunks, with weights, centred where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.checks import shown
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.multisets import multisets, powers

# entries of the powers of one chunk
CHUNK = 1 << 23

Data = Any


class Samples:
    """N points in R^d as rows, read as often as needed and never all powers at once.

    Parameters
    ----------
    samples
        An array (N, d); a list of such; or a function that returns an iterator over them,
        which is called for every pass over the data.
    weights
        One number, not negative, per point; by default all count the same.
    order
        The largest power that will be taken, which sets the size of the chunks.
    """

    def __init__(self, samples: Data, weights: Any, order: int) -> None:
        self.read = _reader(samples, weights)
        self.order = order
        self.count, self.total, self.size = 0, 0.0, 0
        self.shift: Array | None = None
        for points, mass in self.read():
            if self.size and self.size != points.shape[1]:
                raise ValueError(f"samples must have chunks of {self.size} columns, "
                                 f"not {points.shape[1]}")
            self.size = int(points.shape[1])
            self.like = points[:1, :1]
            self.count += int(points.shape[0])
            self.total += float(points.shape[0] if mass is None else namespace(mass).sum(mass))
        if not self.total > 0.0:
            raise ValueError("weights must not all be zero" if self.count else
                             "samples must hold at least one point")

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Chunks as columns (d, c), and their weights (c,), which sum to one over all."""
        table = multisets(self.size, max((self.order + 1) // 2, 1))
        step = max(1, CHUNK // table.count)
        for points, mass in self.read():
            xp, rows = namespace(points), int(points.shape[0])
            for first in range(0, rows, step):
                last = min(first + step, rows)
                block = arrays.contiguous(points[first:last, :].mT)
                if self.shift is not None:
                    block = block - self.shift
                share = (xp.ones(block.shape[1], dtype=block.dtype, device=arrays.device(block))
                         if mass is None else mass[first:last])
                yield block, share * (1.0 / self.total)

    def mean(self) -> Array:
        """The weighted mean, shape (d, 1)."""
        return self.sum(lambda points, mass: points @ mass[:, None])

    def moment(self, order: int) -> Array:
        """The dense tensor E[y^{⊗k}] of low order, shape (d,) * k."""
        if order == 0:
            return self.like * 0.0 + 1.0
        compressed = self.sum(lambda points, mass: powers(points, order) @ mass[:, None])
        return dense(compressed, self.size, order)[..., 0]

    def sum(self, term: Callable[[Array, Array], Array]) -> Array:
        """The sum of a function of chunks and weights."""
        total = None
        for points, mass in self:
            part = term(points, mass)
            total = part if total is None else total + part
        return total


def dense(compressed: Array, size: int, order: int) -> Array:
    """All entries of symmetric tensors kept as columns (N, k), one entry per multiset."""
    host, table = arrays.host, multisets(size, order)
    entries = compressed / table.on(compressed).roots if order > 1 else compressed
    axes = host.meshgrid(*[host.arange(size)] * order, indexing="ij")
    places = table.places(host.stack(axes, axis=-1))
    return arrays.take(entries, arrays.integers(places, compressed))


def _reader(samples: Data, weights: Any) -> Callable[[], Iterator[tuple[Array, Array | None]]]:
    """A function that goes through the checked chunks."""
    if callable(samples):
        if weights is not None:
            raise TypeError("weights must be None where samples is a function: let it return "
                            "pairs of points and weights")

        def fresh() -> Iterator[tuple[Array, Array | None]]:
            found = samples()
            if not isinstance(found, Iterable):
                raise TypeError(f"samples must return an iterator over arrays, not {shown(found)}")
            for i, part in enumerate(found):
                pair = part if isinstance(part, tuple) else (part, None)
                yield _checked(pair[0], pair[1], f"samples[{i}]")

        return fresh
    if isinstance(samples, (list, tuple)) and samples and arrays.is_array(samples[0]) and (
            samples[0].ndim == 2):
        parts: Sequence[Any] = samples
        shares = [None] * len(parts) if weights is None else weights
        if not isinstance(shares, (list, tuple)) or len(shares) != len(parts):
            raise ValueError(f"weights must be a list of {len(parts)} arrays, as samples is, "
                             f"not {shown(weights)}")
        kept = [_checked(p, w, f"samples[{i}]")
                for i, (p, w) in enumerate(zip(parts, shares, strict=True))]
    else:
        kept = [_checked(samples, weights, "samples")]
    return lambda: iter(kept)


def _checked(points: Any, weights: Any, name: str) -> tuple[Array, Array | None]:
    points = construct.checked_array(points, name)
    if points.ndim != 2:
        raise ValueError(f"{name} must have shape (N, d), not {tuple(points.shape)}")
    if arrays.is_complex(points):
        raise TypeError(f"{name} must be real, not {points.dtype}")
    if weights is None:
        return points, None
    mass = construct.checked_array(weights, "weights", like=points)
    if tuple(mass.shape) != (points.shape[0],):
        raise ValueError(f"weights must have shape ({points.shape[0]},), one per point, "
                         f"not {tuple(mass.shape)}")
    xp = namespace(mass)
    if arrays.is_complex(mass) or not bool(xp.all(mass >= 0.0)):
        raise ValueError("weights must be real and not negative")
    return points, xp.astype(mass, points.dtype, copy=False)
