"""Low tubal rank from linear measurements, by gradient descent on U * Uᵀ.

The gradient acts on U from the left, so that U_t = P_t * U_0: what U_0 has in its R columns is
carried by n of them, and over-parametrised factors cost no more than square ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace
from tensorflowlr.checks import positive, real_number, shown, whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.tubal.measurements import EntrySamples as EntrySamples
from tensorflowlr.tubal.measurements import Measurements as Measurements
from tensorflowlr.tubal.measurements import dense_of as dense_of
from tensorflowlr.tubal.measurements import faces_of as faces_of
from tensorflowlr.tubal.measurements import vectors
from tensorflowlr.tubal.spectrum import spectrum_of


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


def random_truth(problems: int, size: int, tube: int, rank: int, *, rng: Any = None) -> Array:
    """X = V * Vᵀ, V the leading left singular tensor of a Gaussian one: (problems, n, n, k)."""
    shape = construct.checked_shape((problems, size, rank, tube))
    x = arrays.normal(arrays.default_rng(rng), shape, float)
    spectrum = spectrum_of((tube,), "fft", True)
    u = arrays.svd(faces_of(x, spectrum))[0]
    return dense_of(u @ adjoint(u), spectrum)


def gradient_descent(
    measurements: Measurements | EntrySamples,
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
    if not isinstance(measurements, Measurements | EntrySamples):
        raise TypeError("measurements must be Measurements or EntrySamples, "
                        f"not {shown(measurements)}")
    rate = real_number(rate, "rate", "a positive finite number", positive)
    iterations, every = whole_number(iterations, "iterations"), whole_number(every, "every")
    spectrum = measurements.spectrum
    x = faces_of(_checked_truth(truth, measurements), spectrum)[:, None, ...]
    rank = whole_number(rank, "rank", 1, measurements.size)
    xp = namespace(x)
    u = xp.stack([_square(construct.checked_array(s, f"starts[{i}]"), measurements)
                  for i, s in enumerate(construct.checked_list(starts, "starts"))], axis=1)
    y = measurements.apply(x)
    look = _Look(measurements, x, y, rank)
    with arrays.quiet():
        for done in range(iterations + 1):
            product = u @ adjoint(u)
            residual = measurements.apply(product) - y
            if done % every == 0 or done == iterations:
                look(done, u, product, residual)
            if done < iterations:
                slope = measurements.adjoint(residual)
                u = u - rate * ((slope + adjoint(slope)) @ u)
    return look.trace(dense_of(u, spectrum))


def _checked_truth(truth: Any, measurements: Measurements | EntrySamples) -> Array:
    made, n = construct.checked_array(truth, "truth"), measurements.size
    wanted = (measurements.problems, n, n, *measurements.spectrum.tube)
    if tuple(made.shape) != wanted or arrays.is_complex(made):
        raise ValueError(f"truth must be real, of shape {wanted}, not {shown(truth)}")
    return made


def _square(start: Array, measurements: Measurements | EntrySamples) -> Array:
    """Faces of a start in n columns with the same U * Uᵀ; fewer are filled with zeros."""
    n, k = measurements.size, measurements.spectrum.tube[0]
    if start.ndim != 4 or (start.shape[0], start.shape[1], start.shape[3]) != (
        measurements.problems, n, k
    ):
        raise ValueError(f"starts must have shape ({measurements.problems}, {n}, R, {k}), "
                         f"not {tuple(start.shape)}")
    faces = faces_of(start, measurements.spectrum)
    made = adjoint(arrays.qr(adjoint(faces))[1])
    return arrays.pad(made, (*made.shape[:-1], n))


class _Look:
    """The errors of a descent, seen now and then."""

    def __init__(
        self, measurements: Measurements | EntrySamples, x: Array, y: Array, rank: int
    ) -> None:
        self.spectrum, self.x, self.y, self.rank = measurements.spectrum, x, y, rank
        back = measurements.adjoint(y)
        basis, values, _ = arrays.svd(x)
        self.truth, self.values = basis[..., :rank], arrays.to_numpy(values)[..., :rank]
        self.measured = arrays.svd(0.5 * (back + adjoint(back)))[0][..., :rank]
        self.rows: list[tuple[Any, ...]] = []

    def _size(self, faces: Array) -> Array:
        flat = vectors(faces, self.spectrum)
        return arrays.to_numpy(namespace(flat).linalg.vector_norm(flat, axis=-1))

    def _angle(self, basis: Array, other: Array) -> Array:
        rest = basis - other @ (adjoint(other) @ basis)
        xp = namespace(rest)
        sines = arrays.to_numpy(xp.linalg.svdvals(rest))[..., 0]
        return host.asin(host.clip(host.max(sines, axis=-1), 0.0, 1.0))

    def __call__(self, done: int, u: Array, product: Array, residual: Array) -> None:
        xp = namespace(residual)
        misfit = arrays.to_numpy(xp.linalg.vector_norm(residual, axis=-1))
        whole = arrays.to_numpy(xp.linalg.vector_norm(self.y, axis=-1))
        if not host.all(host.isfinite(misfit)):
            raise FloatingPointError(f"the descent diverged before step {done}: lower the rate")
        basis, s, _ = arrays.svd(u)
        basis = basis[..., : self.rank]
        found = arrays.to_numpy(s)[..., : self.rank] ** 2
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
