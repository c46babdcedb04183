"""Low tubal rank from linear measurements, by gradient descent on U * Uᵀ.

The gradient acts on U from the left, so that U_t = P_t * U_0: what U_0 has in its R columns is
carried by n of them, and over-parametrised factors cost no more than square ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace
from tensorflowlr.checks import positive, real_number, shown, whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.tubal.spectrum import Spectrum, spectrum_of


@dataclass(frozen=True)
class Trace:
    """What a descent went through; arrays are on the host.

    Attributes
    ----------
    iterations : array, shape (T,)
    train, test : array, shape (problems, starts, T)
        ``‖A(UUᵀ) - y‖ / ‖y‖`` and ``‖UUᵀ - X‖ / ‖X‖``.
    angle_truth, angle_measured : array, shape (problems, starts, T)
        The largest principal angle of the leading subspace of U to that of X, and to that of
        the symmetric part of A*(y), in radians.
    tubes : array, shape (problems, starts, T, r)
        The relative errors of the leading singular tubes of UUᵀ.
    factors : array, shape (problems, starts, n, n, k)
        U at the end, in n columns.
    """

    iterations: Array
    train: Array
    test: Array
    angle_truth: Array
    angle_measured: Array
    tubes: Array
    factors: Array


class Measurements:
    """Gaussian or sampled inner products y_i = ⟨G_i, X⟩ of several problems, X (n, n, k).

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
        self.spectrum = spectrum_of((dense.shape[4],), "fft", True)
        self.size = int(dense.shape[2])
        self.rows = _vectors(faces_of(dense, self.spectrum), self.spectrum)

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
            made.rows = _vectors(faces + adjoint(faces), made.spectrum)
        return made

    def apply(self, faces: Array) -> Array:
        """⟨G_i, X⟩ of tensors given by faces (problems, starts, count, n, n)."""
        return _vectors(faces, self.spectrum) @ self.rows.mT

    def adjoint(self, values: Array) -> Array:
        """Faces of Σ values_i G_i for values (problems, starts, m)."""
        return _faces(values @ self.rows, self.spectrum, self.size)


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


def _vectors(faces: Array, spectrum: Spectrum) -> Array:
    """Real vectors whose inner products are those of the tensors, shape (…, N)."""
    xp = namespace(faces)
    scaled = faces * _scale(spectrum, faces)
    parts = xp.stack([xp.real(scaled), xp.imag(scaled)], axis=-1)
    return xp.reshape(parts, (*faces.shape[:-3], math.prod(parts.shape[-4:])))


def _faces(vectors: Array, spectrum: Spectrum, size: int) -> Array:
    xp = namespace(vectors)
    parts = xp.reshape(vectors, (*vectors.shape[:-1], spectrum.count, size, size, 2))
    return (parts[..., 0] + 1j * parts[..., 1]) / _scale(spectrum, vectors)


def random_truth(problems: int, size: int, tube: int, rank: int, *, rng: Any = None) -> Array:
    """X = V * Vᵀ, V the leading left singular tensor of a Gaussian one: (problems, n, n, k)."""
    shape = construct.checked_shape((problems, size, rank, tube))
    x = arrays.normal(arrays.default_rng(rng), shape, float)
    spectrum = spectrum_of((tube,), "fft", True)
    u = arrays.svd(faces_of(x, spectrum))[0]
    return dense_of(u @ adjoint(u), spectrum)


def gradient_descent(
    measurements: Measurements,
    truth: Array,
    starts: list[Array],
    *,
    rank: int,
    rate: float,
    iterations: int,
    every: int = 50,
) -> Trace:
    """Descend on ½ ‖A(U * Uᵀ) - y‖² with y = A(X), from several starts for every problem.

    Parameters
    ----------
    measurements
        A, of all problems.
    truth
        X, shape (problems, n, n, k), symmetric under the t-product.
    starts
        Arrays U_0 of shape (problems, n, R, k), with an R each.
    rank
        The tubal rank of X, for angles and singular tubes.
    rate
        The step size μ; the gradient is Σ (⟨U * Uᵀ, G_i⟩ - y_i) (G_i + G_iᵀ) * U.
    iterations, every
        How many steps, and after how many of them to look.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be.
    FloatingPointError
        If the descent diverges.

    References
    ----------
    Karnik, Veselovska, Iwen, Krahmer, arXiv 2410.16247.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr.tubal import sensing
    >>> X = sensing.random_truth(1, 4, 3, 1, rng=0)
    >>> A = sensing.Measurements.gaussian(1, 60, 4, 3, rng=1)
    >>> start = 1e-3 * np.random.default_rng(2).standard_normal((1, 4, 6, 3))
    >>> trace = sensing.gradient_descent(A, X, [start], rank=1, rate=5e-4, iterations=2000)
    >>> bool(trace.test[0, 0, -1] < 1e-3)
    True
    """
    if not isinstance(measurements, Measurements):
        raise TypeError(f"measurements must be Measurements, not {shown(measurements)}")
    rate = real_number(rate, "rate", "a positive finite number", positive)
    iterations, every = whole_number(iterations, "iterations"), whole_number(every, "every")
    spectrum = measurements.spectrum
    x = faces_of(construct.checked_array(truth, "truth"), spectrum)[:, None, ...]
    rank = whole_number(rank, "rank", 1, measurements.size)
    xp = namespace(x)
    u = xp.stack([_square(construct.checked_array(s, f"starts[{i}]"), measurements)
                  for i, s in enumerate(construct.checked_list(starts, "starts"))], axis=1)
    y = measurements.apply(x)
    look = _Look(measurements, x, y, rank)
    for done in range(iterations + 1):
        product = u @ adjoint(u)
        residual = measurements.apply(product) - y
        if done % every == 0 or done == iterations:
            look(done, u, product, residual)
        if done < iterations:
            slope = measurements.adjoint(residual)
            u = u - rate * ((slope + adjoint(slope)) @ u)
    return look.trace(dense_of(u, spectrum))


def _square(start: Array, measurements: Measurements) -> Array:
    """Faces of a start in n columns with the same U * Uᵀ; fewer are filled with zeros."""
    n, k = measurements.size, measurements.spectrum.tube[0]
    if start.ndim != 4 or (start.shape[0], start.shape[1], start.shape[3]) != (
        measurements.rows.shape[0], n, k
    ):
        raise ValueError(f"starts must have shape ({measurements.rows.shape[0]}, {n}, R, {k}), "
                         f"not {tuple(start.shape)}")
    faces = faces_of(start, measurements.spectrum)
    made = adjoint(arrays.qr(adjoint(faces))[1])
    return arrays.pad(made, (*made.shape[:-1], n))


class _Look:
    """The errors of a descent, seen now and then."""

    def __init__(self, measurements: Measurements, x: Array, y: Array, rank: int) -> None:
        self.spectrum, self.x, self.y, self.rank = measurements.spectrum, x, y, rank
        back = measurements.adjoint(y)
        self.truth = arrays.svd(x)[0][..., :rank]
        self.measured = arrays.svd(0.5 * (back + adjoint(back)))[0][..., :rank]
        self.values = arrays.to_numpy(arrays.svd(x)[1])[..., :rank]
        self.rows: list[tuple[Any, ...]] = []

    def _size(self, faces: Array) -> Array:
        flat = _vectors(faces, self.spectrum)
        return arrays.to_numpy(namespace(flat).linalg.vector_norm(flat, axis=-1))

    def _angle(self, basis: Array, other: Array) -> Array:
        rest = basis - other @ (adjoint(other) @ basis)
        xp = namespace(rest)
        sines = arrays.to_numpy(xp.linalg.svdvals(rest))[..., 0]
        return host.asin(host.clip(host.max(sines, axis=-1), 0.0, 1.0))

    def __call__(self, done: int, u: Array, product: Array, residual: Array) -> None:
        basis, s, _ = arrays.svd(u)
        basis = basis[..., : self.rank]
        found = arrays.to_numpy(s)[..., : self.rank] ** 2
        xp = namespace(residual)
        misfit = arrays.to_numpy(xp.linalg.vector_norm(residual, axis=-1))
        whole = arrays.to_numpy(xp.linalg.vector_norm(self.y, axis=-1))
        if not host.all(host.isfinite(misfit)):
            raise FloatingPointError(f"the descent diverged before step {done}: lower the rate")
        weights = self.spectrum.weights[:, None]
        gaps = host.sqrt(host.sum(weights * (found - self.values) ** 2, axis=-2))
        size = host.sqrt(host.sum(weights * self.values**2, axis=-2))
        self.rows.append((
            done, misfit / whole, self._size(product - self.x) / self._size(self.x),
            self._angle(basis, self.truth), self._angle(basis, self.measured), gaps / size,
        ))

    def trace(self, factors: Array) -> Trace:
        """Everything seen."""
        done, *rest = zip(*self.rows, strict=True)
        train, test, truth, measured, tubes = (host.stack(list(part), axis=2) for part in rest)
        return Trace(host.asarray(done), train, test, truth, measured, tubes, factors)
