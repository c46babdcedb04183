"""The namespace of block-diagonal matrices: what moves and methods ask of an array library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.tubal.blocks import Axis, BlockMatrix, Place

float32, float64, complex64, complex128 = arrays.FLOATING


def isdtype(dtype: str, kind: str | tuple[str, ...]) -> bool:
    """Whether a dtype, by name, is of a kind or one of several."""
    return bool(host.isdtype(host.dtype(dtype), kind))


def finfo(dtype: str) -> Any:
    """What NumPy knows of a dtype."""
    return host.finfo(dtype)


def result_type(*dtypes: str) -> str:
    """The name of the dtype that holds all."""
    return str(host.result_type(*(host.dtype(d) for d in dtypes)))


def astype(x: BlockMatrix, dtype: str, *, copy: bool = True) -> BlockMatrix:
    """Another precision, or complex where the data was real; real faces stay real."""
    halved = x.spectrum is not None and x.spectrum.halved
    narrow = {"complex64": "float32", "complex128": "float64"}

    def changed(j: int, block: Array) -> Array:
        name = narrow.get(dtype, dtype) if halved and j < x.spectrum.real_faces else dtype
        wanted = arrays.dtype_like(name, block)
        if arrays.is_complex(block) and "float" in name:
            raise TypeError("a face of a real tubal tensor turned complex")
        return arrays.namespace(block).astype(block, wanted, copy=copy)

    return x.like([changed(j, block) for j, block in enumerate(x.blocks)])


def asarray(values: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Numbers, one per index of the whole; they stay on the host until they meet blocks."""
    del dtype, device
    return host.asarray(values)


def zeros(shape: Sequence[int], *, dtype: str, device: Place) -> BlockMatrix:
    """Zeros whose axes say which block has how many."""
    return _filled(shape, dtype, device, lambda m, n, like: arrays.zeros((m, n), like))


def eye(rows: Axis, columns: Axis, *, dtype: str, device: Place) -> BlockMatrix:
    """Rectangular identities in all blocks."""
    return _filled((rows, columns), dtype, device, arrays.eye)


def _filled(
    shape: Sequence[int], dtype: str, place: Place, make: Callable[[int, int, Array], Array]
) -> BlockMatrix:
    rows, columns = (n for n in shape if isinstance(n, Axis))
    xp = arrays.namespace(place.like)
    like = xp.zeros((), dtype=arrays.dtype_like(dtype, place.like),
                    device=arrays.device(place.like))
    sizes = zip(rows.sizes(), columns.sizes(), strict=True)
    made = BlockMatrix([make(m, n, like) for m, n in sizes], (rows, columns), place.spectrum,
                       2 if len(shape) == 3 else None)
    return astype(made, dtype, copy=False) if "float" in dtype else _own_kinds(made, place)


def _own_kinds(made: BlockMatrix, place: Place) -> BlockMatrix:
    """Real blocks where the faces are real."""
    if place.spectrum is None or not place.spectrum.halved:
        return made
    real = place.spectrum.real_faces
    blocks = [arrays.real_part(b) if j < real else b for j, b in enumerate(made.blocks)]
    return made.like(blocks)


def conj(x: BlockMatrix) -> BlockMatrix:
    """The complex conjugate."""
    return x.each(arrays.conj)


def abs(x: BlockMatrix) -> BlockMatrix:
    """Absolute values."""
    return x.each(lambda b: arrays.namespace(b).abs(b))


def max(x: BlockMatrix) -> float:
    """The largest entry of all blocks."""
    found = [float(arrays.namespace(b).max(b)) for b in x.blocks if 0 not in b.shape]
    return sorted(found, key=lambda value: (value != value, value))[-1] if found else 0.0


def isfinite(x: BlockMatrix) -> list[bool]:
    """Whether the entries of each block are all finite."""
    return [arrays.all_finite(b) for b in x.blocks]


def all(found: list[bool]) -> bool:
    """Whether every block is."""
    return False not in found


def sum(x: BlockMatrix) -> Array:
    """The sum of all entries; of real tensors its real part, the other half being its conjugate."""
    total = host.sum(host.asarray([complex(arrays.namespace(b).sum(b)) for b in x.blocks]))
    real = not arrays.is_complex(x) or (x.spectrum is not None and x.spectrum.real)
    return host.asarray(total.real if real else total)


def permute_dims(x: BlockMatrix, axes: tuple[int, ...]) -> BlockMatrix:
    """The axes in another order."""
    kept = [a for a in axes if a != x.unit]
    turned = kept[0] > kept[1]
    blocks = [b.mT for b in x.blocks] if turned else x.blocks
    unit = None if x.unit is None else axes.index(x.unit)
    return BlockMatrix(blocks, x.axes[::-1] if turned else x.axes, x.spectrum, unit)


def reshape(x: BlockMatrix, shape: tuple[int, ...]) -> BlockMatrix:
    """The axis of size one dropped or put in; nothing else can be reshaped."""
    if len(shape) == 2:
        return BlockMatrix(x.blocks, x.axes, x.spectrum)
    if len(shape) != 3:
        raise TypeError("tubal tensors need the flow RungeKutta4() or Exponential()")
    unit = x.unit
    if unit is None:
        plain = [i for i, n in enumerate(shape) if not isinstance(n, Axis)]
        unit = plain[0] if len(plain) == 1 else 2
    return BlockMatrix(x.blocks, x.axes, x.spectrum, unit)


def concat(parts: Sequence[BlockMatrix], *, axis: int) -> BlockMatrix:
    """Matrices side by side, or one below the other."""
    first = parts[0]
    blocks = []
    for pieces in zip(*(p.blocks for p in parts), strict=True):
        kind = arrays.result_dtype(*pieces)
        xp = arrays.namespace(pieces[0])
        blocks.append(xp.concat([xp.astype(p, kind, copy=False) for p in pieces], axis=axis))
    joined = first.axes[axis]
    for part in parts[1:]:
        joined = joined + part.axes[axis]
    axes = (first.axes[0], joined) if axis == 1 else (joined, first.axes[1])
    return BlockMatrix(blocks, axes, first.spectrum)


def _qr(x: BlockMatrix, *, mode: str = "reduced") -> tuple[BlockMatrix, BlockMatrix]:
    """Thin QR; columns of Q are in the order of those of x, as far as there are as many."""
    del mode
    made = [_qr_block(b) for b in x.blocks]
    least = [int(q.shape[1]) for q, _ in made]
    owner = x.axes[1].owner
    if least == x.axes[1].sizes():
        middle = x.axes[1]
    else:
        # of a block with fewer rows than columns, the first columns alone
        kept = host.zeros(len(owner), dtype=bool)
        for j, count in enumerate(least):
            kept[host.nonzero(owner == j)[0][:count]] = True
        middle = Axis(owner[kept], x.axes[1].blocks)
    return (
        x.like([q for q, _ in made], (x.axes[0], middle)),
        x.like([r for _, r in made], (middle, x.axes[1])),
    )


def _qr_block(block: Array) -> tuple[Array, Array]:
    if 0 in block.shape:
        rows, columns = block.shape
        return arrays.zeros((rows, 0), block), arrays.zeros((0, columns), block)
    return arrays.qr(block)


def face_svds(x: BlockMatrix) -> list[tuple[Array, Array, Array]]:
    """The thin SVD of every block, with singular values on the host."""
    made = []
    for block in x.blocks:
        if 0 in block.shape:
            rows, columns = block.shape
            made.append((arrays.zeros((rows, 0), block), host.zeros(0),
                         arrays.zeros((0, columns), block)))
            continue
        u, s, vh = arrays.svd(block)
        made.append((u, arrays.to_numpy(s), vh))
    return made


def descending(values: Sequence[Array]) -> tuple[Array, Axis]:
    """The values of all blocks in descending order, and the axis that says whose each is."""
    owner = host.repeat(host.arange(len(values)), host.asarray([len(v) for v in values]))
    flat = host.concat([host.asarray(v) for v in values])
    order = host.argsort(-flat, stable=True)
    return flat[order], Axis(owner[order], len(values))


def _svd(x: BlockMatrix, *, full_matrices: bool = False) -> tuple[BlockMatrix, Array, BlockMatrix]:
    """Thin SVD of the whole: singular values of all blocks in one descending order."""
    del full_matrices
    made = face_svds(x)
    values, middle = descending([s for _, s, _ in made])
    return (
        x.like([u for u, _, _ in made], (x.axes[0], middle)),
        values,
        x.like([vh for _, _, vh in made], (middle, x.axes[1])),
    )


def _vector_norm(x: BlockMatrix) -> float:
    return arrays.norm(host.asarray([arrays.norm(b) for b in x.blocks]))


linalg = SimpleNamespace(qr=_qr, svd=_svd, vector_norm=_vector_norm)
