"""Linear measurements of several tubal tensors at once, and tensors as batches of faces."""

from __future__ import annotations

import math
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.checks import shown, whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.tubal.spectrum import Spectrum, spectrum_of


class Measurements:
    """Inner products y_i = ⟨G_i, X⟩ of several problems, X (n, n, k).

    Parameters
    ----------
    tensors
        The G_i, shape (problems, m, n, n, k); kept once, in the transform domain.

    Raises
    ------
    ValueError
        If the shape is another.
    """

    def __init__(self, tensors: Array) -> None:
        dense = construct.checked_array(tensors, "tensors")
        if dense.ndim != 5 or dense.shape[2] != dense.shape[3]:
            raise ValueError("tensors must have shape (problems, m, n, n, k), "
                             f"not {tuple(dense.shape)}")
        if arrays.is_complex(dense):
            raise TypeError(f"tensors must be real, not {dense.dtype}")
        self.spectrum = spectrum_of((dense.shape[4],), "fft", True)
        self.count = int(dense.shape[1])
        self.problems, self.size = int(dense.shape[0]), int(dense.shape[2])
        self.rows = vectors(faces_of(dense, self.spectrum), self.spectrum)

    @classmethod
    def gaussian(
        cls, problems: int, count: int, size: int, tube: int, *, symmetric: bool = False,
        rng: Any = None,
    ) -> Measurements:
        """Independent Gaussian G_i; G_i + G_iᵀ where `symmetric`."""
        shape = construct.checked_shape((problems, count, size, size, tube))
        made = cls(arrays.normal(arrays.default_rng(rng), shape, float))
        if symmetric:
            faces = _faces(made.rows, made.spectrum, size)
            made.rows = vectors(faces + adjoint(faces), made.spectrum)
        return made

    def apply(self, faces: Array) -> Array:
        """⟨G_i, X⟩ of tensors given by faces (problems, starts, count, n, n)."""
        _check_faces(faces, self)
        return vectors(faces, self.spectrum) @ self.rows.mT

    def adjoint(self, values: Array) -> Array:
        """Faces of Σ values_i G_i for values (problems, starts, m)."""
        _check_values(values, self)
        return _faces(values @ self.rows, self.spectrum, self.size)


class EntrySamples:
    """Entries y_i = X[a_i, b_i, c_i] of several problems, X (n, n, k), each at most once.

    What `Measurements` with a single one in every G_i would be, but only indices are kept.

    Parameters
    ----------
    indices
        Whole numbers, shape (problems, m): places in X flattened row by row, that is
        ``numpy.ravel_multi_index((a, b, c), (n, n, k))``; no place twice in one problem.
    size, tube
        n and k.

    Raises
    ------
    TypeError, ValueError
        If they are no such indices.

    Examples
    --------
    >>> from tensorflowlr.tubal import sensing
    >>> A = sensing.EntrySamples([[0, 5, 7]], 2, 3)
    >>> X = sensing.random_truth(1, 2, 3, 1, rng=0)
    >>> seen = A.apply(sensing.faces_of(X, A.spectrum)[:, None, ...])[0, 0]
    >>> bool(abs(seen - X.reshape(-1)[[0, 5, 7]]).max() < 1e-12)
    True
    """

    def __init__(self, indices: Any, size: int, tube: int) -> None:
        self.size, tube = whole_number(size, "size"), whole_number(tube, "tube")
        self.spectrum = spectrum_of((tube,), "fft", True)
        self.indices = _checked_indices(indices, self.size**2 * tube)
        self.problems, self.count = (int(n) for n in self.indices.shape)
        # sums over samples as look-ups, which every library has: where each entry's sample
        # lies, or the zero that follows them all
        found = host.full((self.problems, self.size**2 * tube), self.count)
        for row, places in zip(found, to_numpy(self.indices), strict=True):
            row[places] = host.arange(self.count)
        self._samples = arrays.integers(found, self.indices)

    @classmethod
    def random(
        cls, problems: int, count: int, size: int, tube: int, *, rng: Any = None
    ) -> EntrySamples:
        """`count` places of every problem, drawn without replacement.

        Raises
        ------
        ValueError
            If there are fewer places.
        """
        problems, size = whole_number(problems, "problems"), whole_number(size, "size")
        places = size**2 * whole_number(tube, "tube")
        count, generator = whole_number(count, "count", 1, places), arrays.default_rng(rng)
        return cls(host.stack([generator.permutation(places)[:count] for _ in range(problems)]),
                   size, tube)

    def apply(self, faces: Array) -> Array:
        """The entries of tensors given by faces (problems, starts, count, n, n)."""
        _check_faces(faces, self)
        return _looked_up(dense_of(faces, self.spectrum), self.indices)

    def adjoint(self, values: Array) -> Array:
        """Faces of the tensors with these values (problems, starts, m), zero elsewhere."""
        _check_values(values, self)
        xp, lead = namespace(values), tuple(values.shape[:2])
        filled = xp.concat([values, xp.zeros_like(values[..., :1])], axis=-1)
        n, k = self.size, self.spectrum.tube[0]
        dense = xp.reshape(_looked_up(filled, self._samples), (*lead, n, n, k))
        return faces_of(dense, self.spectrum)


def _check_faces(faces: Any, operator: Measurements | EntrySamples) -> None:
    n, count = operator.size, operator.spectrum.count
    shape = tuple(getattr(faces, "shape", ()))
    if len(shape) != 5 or (shape[0], *shape[2:]) != (operator.problems, count, n, n):
        raise ValueError("faces must be an array of shape "
                         f"({operator.problems}, starts, {count}, {n}, {n}), not {shown(faces)}")


def _check_values(values: Any, operator: Measurements | EntrySamples) -> None:
    shape = tuple(getattr(values, "shape", ()))
    if len(shape) != 3 or (shape[0], shape[2]) != (operator.problems, operator.count):
        raise ValueError("values must be an array of shape "
                         f"({operator.problems}, starts, {operator.count}), not {shown(values)}")


def _checked_indices(indices: Any, places: int) -> Array:
    given = indices if arrays.is_array(indices) else host.asarray(indices)
    known = to_numpy(given)
    if known.dtype.kind not in "iu":
        raise TypeError(f"indices must be whole numbers, not {shown(indices)}")
    if known.ndim != 2 or 0 in known.shape:
        raise ValueError(f"indices must have shape (problems, m), not {known.shape}")
    if known.min() < 0 or known.max() >= places:
        raise ValueError(f"indices must be from 0 to {places - 1}, "
                         f"not {known.min()} … {known.max()}")
    ordered = host.sort(known, axis=1)
    if bool(host.any(ordered[:, 1:] == ordered[:, :-1])):
        raise ValueError("indices must hold no place twice in one problem")
    return arrays.integers(known, given)


def _looked_up(x: Array, places: Array) -> Array:
    """Entries (problems, starts, m) of (problems, starts, …) at places (problems, m)."""
    xp = namespace(x)
    problems, starts = (int(n) for n in x.shape[:2])
    size = math.prod(x.shape[2:])
    first = arrays.integers(
        host.arange(problems * starts).reshape((problems, starts, 1)) * size, places)
    wanted = xp.reshape(first + places[:, None, :], (-1,))
    made = arrays.take(xp.reshape(x, (problems * starts * size,)), wanted)
    return xp.reshape(made, (problems, starts, int(places.shape[1])))


def faces_of(x: Array, spectrum: Spectrum) -> Array:
    """Faces (…, count, m, n) of tensors (…, m, n, k)."""
    xp, lead = namespace(x), tuple(x.shape[:-3])
    m, n, k = x.shape[-3:]
    flat = xp.reshape(x, (math.prod(lead) * m, n, k))
    faces = xp.reshape(spectrum.forward(flat), (spectrum.count, *lead, m, n))
    order = (*range(1, len(lead) + 1), 0, len(lead) + 1, len(lead) + 2)
    return arrays.contiguous(xp.permute_dims(faces, order))


def dense_of(faces: Array, spectrum: Spectrum) -> Array:
    """Undo `faces_of`."""
    xp, lead = namespace(faces), tuple(faces.shape[:-3])
    m, n = faces.shape[-2:]
    order = (len(lead), *range(len(lead)), len(lead) + 1, len(lead) + 2)
    flat = xp.reshape(xp.permute_dims(faces, order), (spectrum.count, math.prod(lead) * m, n))
    return xp.reshape(spectrum.inverse(flat), (*lead, m, n, *spectrum.tube))


def _scale(spectrum: Spectrum, like: Array) -> Array:
    made = host.sqrt(spectrum.weights)[:, None, None]
    return arrays.asarray(made, like=arrays.real_part(like))


def vectors(faces: Array, spectrum: Spectrum) -> Array:
    """Real vectors whose inner products are those of the tensors, shape (…, N)."""
    xp = namespace(faces)
    scaled = faces * _scale(spectrum, faces)
    parts = xp.stack([xp.real(scaled), xp.imag(scaled)], axis=-1)
    return xp.reshape(parts, (*faces.shape[:-3], math.prod(parts.shape[-4:])))


def _faces(vectors: Array, spectrum: Spectrum, size: int) -> Array:
    xp = namespace(vectors)
    parts = xp.reshape(vectors, (*vectors.shape[:-1], spectrum.count, size, size, 2))
    return (parts[..., 0] + 1j * parts[..., 1]) / _scale(spectrum, vectors)
