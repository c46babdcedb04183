"""Transforms along the tubes of a tensor, and the faces that have to be kept of them.

A tubal tensor of shape (m, n, k, …) is a batch of m × n matrices in the transform domain. The
Fourier transform of real data has conjugate pairs of faces; one of each is kept, and those
that are their own partner, which are real, come first.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host, namespace, permute, reshape, to_numpy
from tensorflowlr.checks import shown

NAMES = ("fft", "dct", "haar")
# how far M Mᴴ may be from a multiple of the identity for norms to be kept
UNITARY = 1e-12
# a condition beyond this leaves no digit
CONDITION = 1e14
# numbers of a dense array that are transformed at once, 256 KB of float64
BLOCK = 2**15


class Spectrum:
    """One transform for one shape of tubes.

    Parameters
    ----------
    tube : tuple of int
        The sizes of all axes past the second.
    transform
        ``"fft"``, ``"dct"``, ``"haar"``, an invertible matrix, or one matrix per axis.
    real
        Whether the data is real.

    Attributes
    ----------
    count : int
        The number of faces kept.
    real_faces : int
        How many of them, the first ones, are real though others are not.
    weights : array, shape (count,)
        ``‖A‖_F² = Σ weights · ‖face‖_F²`` for unitary transforms and multiples of them.
    """

    def __init__(self, tube: Sequence[int], transform: Any, real: bool) -> None:
        self.tube = tuple(int(k) for k in tube)
        self.matrices = _matrices(self.tube, transform)
        self._inverses = tuple(map(host.linalg.inv, self.matrices))
        self.name = transform if isinstance(transform, str) else "matrix"
        self.real = real and not any(m.dtype.kind == "c" for m in self.matrices)
        self.halved = self.real and self.name == "fft"
        self.scale = self._scale()
        if self.halved:
            self._plan_half()
        else:
            self.count, self.real_faces = math.prod(self.tube), 0
            self.weights = host.full(self.count, 1.0 / (self.scale or 1.0))

    @property
    def isometric(self) -> bool:
        """Whether the transform keeps norms, up to a factor."""
        return self.scale is not None

    @property
    def key(self) -> tuple[Any, ...]:
        """What two spectra are compared by."""
        return self.tube, self.name, self.real, *(m.tobytes() for m in self.matrices)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spectrum) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"{self.name} of {'real' if self.real else 'complex'} tubes {self.tube}"

    def with_real(self, real: bool) -> Spectrum:
        """The same transform for real or complex data."""
        if real == self.real:
            return self
        given: Any = self.name if self.name != "matrix" else self.matrices
        return spectrum_of(self.tube, given, real)

    def _scale(self) -> float | None:
        """The product of all c with M Mᴴ = c I; None where a matrix has none."""
        if self.name == "fft":
            return float(math.prod(self.tube))
        scale = 1.0
        for matrix in self.matrices:
            gram = matrix @ matrix.conj().T
            size = float(gram[0, 0].real)
            if host.abs(gram / size - host.eye(len(gram))).max() > UNITARY * len(gram):
                return None
            scale *= size
        return scale

    def _plan_half(self) -> None:
        """Which entries of the half spectrum are kept, and how the others follow from them."""
        *others, last = self.tube
        half = list(itertools.product(*map(range, others), range(last // 2 + 1)))
        places = {index: i for i, index in enumerate(half)}
        own, pairs = [], []
        for index in half:
            partner = tuple(-f % k for f, k in zip(index, self.tube, strict=True))
            if partner == index:
                own.append(index)
            elif partner not in places or index < partner:
                pairs.append(index)
        self.count, self.real_faces = len(own) + len(pairs), len(own)
        face = {index: i for i, index in enumerate([*own, *pairs])}
        self._taken = [places[index] for index in (*own, *pairs)]
        self._source, self._mirrored = [], []
        for index in half:
            partner = tuple(-f % k for f, k in zip(index, self.tube, strict=True))
            self._source.append(face[index] if index in face else face[partner])
            self._mirrored.append(index not in face)
        weights = host.ones(self.count)
        weights[self.real_faces :] = 2.0
        self.weights = weights / math.prod(self.tube)

    def forward(self, x: Array) -> Array:
        """The faces of a dense array (m, n, *tube): shape (count, m, n)."""
        m, n = x.shape[:2]
        return _by_blocks(lambda rows: self._forward(x[rows, ...]),
                          self._row_blocks(x, m, n), (self.count, m, n), 1)

    def inverse(self, faces: Array) -> Array:
        """The dense array of given faces; real where the data is real."""
        m, n = faces.shape[1:]
        return _by_blocks(lambda rows: self._inverse(faces[:, rows, :]),
                          self._row_blocks(faces, m, n), (m, n, *self.tube), 0)

    def _row_blocks(self, x: Array, m: int, n: int) -> list[slice]:
        """Rows whose tubes fit into a cache: outside of it, turning axes costs more than FFTs."""
        step = max(BLOCK // max(n * math.prod(self.tube), 1), 1) if arrays.is_numpy(x) else m
        return [slice(i, min(i + step, m)) for i in range(0, m, max(step, 1))]

    def _forward(self, x: Array) -> Array:
        y, last = x, x.ndim - 1
        if self.name == "fft":
            y = arrays.fft(y, last, real=self.halved)
            for axis in range(2, last):
                y = arrays.fft(y, axis)
        else:
            for axis, matrix in enumerate(self.matrices, 2):
                y = _along(y, matrix, axis)
        y = permute(y, (*range(2, x.ndim), 0, 1))
        y = reshape(y, (math.prod(y.shape[:-2]), *x.shape[:2]))
        return arrays.take(y, _indices(self._taken, y)) if self.halved else y

    def _inverse(self, faces: Array) -> Array:
        xp, shape = namespace(faces), tuple(faces.shape[1:])
        grid = self.tube
        if self.halved:
            grid = (*self.tube[:-1], self.tube[-1] // 2 + 1)
            faces = arrays.take(faces, _indices(self._source, faces))
            if any(self._mirrored):
                mirrored = xp.asarray(self._mirrored, device=arrays.device(faces))
                faces = xp.where(mirrored[:, None, None], arrays.conj(faces), faces)
        order = (len(grid), len(grid) + 1, *range(len(grid)))
        y = arrays.contiguous(permute(reshape(faces, (*grid, *shape)), order))
        if self.name == "fft":
            for axis in range(2, y.ndim - 1):
                y = arrays.ifft(y, axis)
            return arrays.ifft(y, y.ndim - 1, size=self.tube[-1] if self.halved else None)
        for axis, matrix in enumerate(self._inverses, 2):
            y = _along(y, matrix, axis)
        return y


def spectrum_of(tube: Sequence[int], transform: Any, real: bool) -> Spectrum:
    """The spectrum for tubes of a shape, checked and remembered.

    Raises
    ------
    TypeError, ValueError
        If the transform cannot be, or does not fit the tubes.
    """
    if isinstance(transform, str):
        return _named(tuple(tube), transform, real)
    return Spectrum(tube, transform, real)


def given_transform(spectrum: Spectrum) -> Any:
    """The argument ``transform`` that makes a spectrum."""
    return spectrum.name if spectrum.name != "matrix" else list(spectrum.matrices)


@functools.lru_cache(maxsize=128)
def _named(tube: tuple[int, ...], transform: str, real: bool) -> Spectrum:
    return Spectrum(tube, transform, real)


def _by_blocks(
    function: Callable[[slice], Array], blocks: Sequence[slice], shape: tuple[int, ...], axis: int
) -> Array:
    """What a function makes of slices of one axis, put together in C order."""
    if len(blocks) < 2:
        return arrays.contiguous(function(*(blocks or [slice(None)])))
    whole: Array = None
    for block in blocks:
        made = function(block)
        if whole is None:
            whole = namespace(made).empty(shape, dtype=made.dtype)
        whole[(*(slice(None),) * axis, block, ...)] = made
    return whole


def _indices(values: Sequence[int], like: Array) -> Array:
    xp = namespace(like)
    return xp.asarray(list(values), dtype=xp.int64, device=arrays.device(like))


def _along(y: Array, matrix: Array, axis: int) -> Array:
    complex_too = matrix.dtype.kind == "c" and not arrays.is_complex(y)
    if complex_too:
        y = namespace(y).astype(y, arrays.complex_dtype(y))
    moved = arrays.asarray(matrix, like=y, dtype=y.dtype)
    return arrays.multiply(y, moved, axis)


def _matrices(tube: tuple[int, ...], transform: Any) -> tuple[Array, ...]:
    if isinstance(transform, str):
        if transform not in NAMES:
            raise ValueError(
                f"transform must be one of {NAMES} or an invertible matrix, not {transform!r}"
            )
        if transform == "fft":
            return ()
        make = arrays.cosine_matrix if transform == "dct" else haar_matrix
        return tuple(make(k) for k in tube)
    given = list(transform) if isinstance(transform, (list, tuple)) and all(
        arrays.is_array(m) and m.ndim == 2 for m in transform
    ) else [transform]
    if len(given) != len(tube):
        raise ValueError(f"transform must have one matrix per axis of the tubes {tube}, "
                         f"not {len(given)}")
    return tuple(_checked_matrix(m, k) for m, k in zip(given, tube, strict=True))


def _checked_matrix(matrix: Any, size: int) -> Array:
    may_be = f"transform must be one of {NAMES} or an invertible matrix"
    if matrix is None or isinstance(matrix, (bytes, dict, set)) or callable(matrix):
        raise TypeError(f"{may_be}, not {shown(matrix)}")
    try:
        made = arrays.asarray(to_numpy(matrix))
    except (TypeError, ValueError):
        raise TypeError(f"{may_be}, not {shown(matrix)}") from None
    if made.shape != (size, size):
        raise ValueError(f"{may_be} of shape {(size, size)}, not {shown(matrix)}")
    if not arrays.all_finite(made):
        raise ValueError("transform must be finite, but holds NaN or Inf")
    made = made.astype("complex128" if made.dtype.kind == "c" else "float64")
    values = host.linalg.svdvals(made)
    if not float(values[0]) < CONDITION * float(values[-1]):
        raise ValueError("transform must be an invertible matrix, but this one is singular")
    return made


def haar_matrix(size: int) -> Array:
    """The orthogonal Haar wavelet transform as a matrix.

    Raises
    ------
    ValueError
        If `size` is no power of two.
    """
    if size < 1 or size & (size - 1):
        raise ValueError(f"transform 'haar' needs tubes of a power of two, not of {size}")
    matrix = host.ones((1, 1))
    while len(matrix) < size:
        pairs = host.eye(len(matrix))
        matrix = host.concat([
            host.asarray(_kron(matrix, [1.0, 1.0])), host.asarray(_kron(pairs, [1.0, -1.0])),
        ]) * 0.5**0.5
    return matrix


def _kron(matrix: Array, row: list[float]) -> Array:
    return (matrix[:, :, None] * host.asarray(row)).reshape(len(matrix), -1)
