"""Tubal tensors: matrices whose entries are tubes, kept in the transform domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.checks import not_negative, real_number, shown
from tensorflowlr.io import storable
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.tubal.facewise import norms
from tensorflowlr.tubal.spectrum import Spectrum, given_transform, spectrum_of


@storable
class TubalTensor:
    """A tensor of order three or more as a matrix of tubes, under the t-product.

    It is transformed once along its tubes, and stays so: products, sums, transposes and
    factorisations are those of the faces. `to_dense` leaves the transform domain.

    Parameters
    ----------
    x
        Array of shape (m, n, k, …).
    transform
        ``"fft"`` (of real data, half the spectrum), ``"dct"``, ``"haar"`` (tubes of a power
        of two), or an invertible matrix (k, k); a list of one per axis at order above three.

    Raises
    ------
    TypeError, ValueError
        If `x` is no array of order three or more, holds NaN or Inf, or the transform does
        not fit.

    References
    ----------
    Kilmer, Martin, Factorization strategies for third-order tensors, Linear Algebra Appl. 435
    (2011); for other transforms Kernfeld, Kilmer, Aeron, Linear Algebra Appl. 485 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> A = tubal.TubalTensor(np.ones((2, 3, 4)))
    >>> (A @ A.H).shape, A.multirank.tolist()
    ((2, 2, 4), [1, 0, 0])
    """

    __array_ufunc__ = None
    __slots__ = ("_faces", "_spectrum")

    _faces: Array
    _spectrum: Spectrum

    def __init__(self, x: Any, *, transform: Any = "fft") -> None:
        dense = construct.checked_array(x, "x")
        if dense.ndim < 3:
            raise ValueError(
                f"x must have three axes or more, not shape {tuple(dense.shape)}"
            )
        if 0 in dense.shape:
            raise ValueError(f"x must not be empty, but has shape {tuple(dense.shape)}")
        self._spectrum = spectrum_of(
            tuple(dense.shape[2:]), transform, not arrays.is_complex(dense)
        )
        self._faces = self._spectrum.forward(dense)

    @classmethod
    def trusted(cls, faces: Array, spectrum: Spectrum) -> TubalTensor:
        """A tubal tensor from faces known to fit, unchecked; for code that just made them."""
        made = object.__new__(cls)
        made._faces, made._spectrum = faces, spectrum
        return made

    def stored(self) -> dict[str, Any]:
        """What `restored` makes this tensor of again, bit for bit."""
        return {"faces": self._faces, "tube": self._spectrum.tube, "real": self._spectrum.real,
                "transform": given_transform(self._spectrum)}

    @classmethod
    def restored(cls, faces: Array, tube: Any, real: bool, transform: Any) -> TubalTensor:
        """A tubal tensor from a file.

        Raises
        ------
        TypeError, ValueError
            If its parts do not fit one another.
        """
        dense, spectrum = construct.checked_array(faces, "faces"), spectrum_of(
            construct.checked_shape(tube), transform, bool(real))
        if dense.ndim != 3 or dense.shape[0] != spectrum.count:
            raise ValueError(f"faces must be {spectrum.count} matrices, not {shown(faces)}")
        return cls.trusted(dense, spectrum)

    @classmethod
    def identity(
        cls, size: int, tube: Sequence[int] | int, *, transform: Any = "fft", like: Any = None
    ) -> TubalTensor:
        """The identity of the t-product, of shape (size, size, *tube); real.

        Examples
        --------
        >>> from tensorflowlr import tubal
        >>> tubal.TubalTensor.identity(2, 3).to_dense()[0, 0].tolist()
        [1.0, 0.0, 0.0]
        """
        (size,) = construct.checked_shape([size])
        tubes = construct.checked_shape([tube] if isinstance(tube, int) else tube)
        target = host.zeros(1) if like is None else construct.checked_like(like)
        spectrum = spectrum_of(tubes, transform, True)
        kind = arrays.complex_dtype(target) if spectrum.halved else arrays.dtype_like(
            "float32" if arrays.epsilon(target) > 1e-10 else "float64", target)
        if any(m.dtype.kind == "c" for m in spectrum.matrices):
            kind = arrays.complex_dtype(target)
        xp = namespace(target)
        eye = xp.eye(size, dtype=kind, device=arrays.device(target))
        return cls.trusted(xp.stack([eye] * spectrum.count), spectrum)

    @property
    def faces(self) -> Array:
        """The faces in the transform domain, shape (count, m, n).

        Of the Fourier transform of real data, one of each conjugate pair; the real ones first.
        """
        return self._faces

    @property
    def spectrum(self) -> Spectrum:
        """The transform, and which faces are kept."""
        return self._spectrum

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n, *tube)."""
        return (*(int(n) for n in self._faces.shape[1:]), *self._spectrum.tube)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 2 + len(self._spectrum.tube)

    def to_dense(self) -> Array:
        """The tensor itself; real where the data was."""
        return self._spectrum.inverse(self._faces)

    def to(self, *, like: Any) -> TubalTensor:
        """The same on the array library and device of `like` (array or tensor)."""
        target = construct.checked_like(like)
        return self._like(arrays.asarray(self._faces, like=target))

    def _like(self, faces: Array) -> TubalTensor:
        return TubalTensor.trusted(faces, self._spectrum)

    def __matmul__(self, other: Any) -> TubalTensor:
        left, right = matched(self, other)
        if left.shape[1] != right.shape[0]:
            raise ValueError(
                f"the t-product of shapes {left.shape} and {right.shape} does not exist: "
                f"{left.shape[1]} columns meet {right.shape[0]} rows"
            )
        return left._like(left._faces @ right._faces)

    def __add__(self, other: Any) -> TubalTensor:
        left, right = matched(self, other)
        if left.shape != right.shape:
            raise ValueError(f"shapes {left.shape} and {right.shape} do not add")
        return left._like(left._faces + right._faces)

    def __sub__(self, other: Any) -> TubalTensor:
        return self + (-other if isinstance(other, TubalTensor) else other)

    def __neg__(self) -> TubalTensor:
        return self._like(-self._faces)

    def __mul__(self, factor: Any) -> TubalTensor:
        number = algebra.checked_scalar(factor)
        if number is None:
            raise TypeError(
                f"a TubalTensor multiplies with numbers, and by @ with another, "
                f"not with {shown(factor)}"
            )
        base = self.to_complex() if isinstance(number, complex) else self
        return base._like(base._faces * number)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> TubalTensor:
        number = algebra.checked_scalar(divisor)
        if number is None:
            raise TypeError(f"a TubalTensor is divided by numbers, not by {shown(divisor)}")
        return self * (1.0 / number)

    def to_complex(self) -> TubalTensor:
        """The same tensor as one of complex data, all faces kept."""
        if not self._spectrum.real:
            return self
        dense = self.to_dense()
        xp = namespace(dense)
        whole = self._spectrum.with_real(False)
        return TubalTensor.trusted(
            whole.forward(xp.astype(dense, arrays.complex_dtype(dense))), whole
        )

    @property
    def H(self) -> TubalTensor:
        """The t-transpose: the conjugate transpose of every face."""
        return self._like(adjoint(self._faces))

    def norm(self) -> float:
        """The Frobenius norm."""
        if not self._spectrum.isometric:
            return arrays.norm(self.to_dense())
        return float(host.sqrt(host.sum(self._spectrum.weights * norms(self._faces) ** 2)))

    def singular_values(self) -> Array:
        """The singular values of all faces, shape (count, min(m, n)), on the host."""
        return to_numpy(namespace(self._faces).linalg.svdvals(self._faces))

    def spectral_norm(self) -> float:
        """The largest singular value of all faces."""
        return float(host.max(self.singular_values()))

    def nuclear_norm(self) -> float:
        """The tubal nuclear norm: the mean over all faces of the sums of singular values.

        This is the convention with 1/k (Lu et al., IEEE Trans. Pattern Anal. Mach. Intell. 42
        (2020)), dual to the spectral norm; some papers leave the factor out.
        """
        # of a pair of conjugate faces, one is kept and counts twice
        share = self._spectrum.weights / host.sum(self._spectrum.weights)
        return float(host.sum(share * host.sum(self.singular_values(), axis=1)))

    def ranks(self, rtol: float | None = None) -> Array:
        """The rank of every face kept.

        Parameters
        ----------
        rtol
            Singular values below this times the largest one of all faces count as zero; by
            default the machine precision times the longer side.
        """
        values = self.singular_values()
        if rtol is None:
            rtol = max(self.shape[:2]) * arrays.epsilon(self._faces)
        else:
            rtol = real_number(rtol, "rtol", "finite and not negative", not_negative)
        return host.sum(values > rtol * host.max(values), axis=1)

    @property
    def multirank(self) -> Array:
        """The rank of every face kept (see `ranks`)."""
        return self.ranks()

    @property
    def tubal_rank(self) -> int:
        """The largest rank of a face."""
        return int(host.max(self.ranks()))

    def __repr__(self) -> str:
        return f"TubalTensor(shape={self.shape}, transform={self._spectrum.name!r})"


def as_tubal(x: Any, name: str, transform: Any = "fft") -> TubalTensor:
    """`x` as a tubal tensor, whatever it was."""
    if isinstance(x, TubalTensor):
        return x
    try:
        return TubalTensor(x, transform=transform)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("x must", f"{name} must", 1)) from None


def matched(left: TubalTensor, right: Any) -> tuple[TubalTensor, TubalTensor]:
    """Both tensors on one spectrum and in one dtype, or a clear refusal."""
    if not isinstance(right, TubalTensor):
        raise TypeError(f"a TubalTensor combines with another TubalTensor, not with {shown(right)}")
    arrays.check_together([left.faces, right.faces], "two tubal tensors")
    a, b = left.spectrum, right.spectrum
    if a.tube != b.tube:
        raise ValueError(f"the tubes differ: {a.tube} and {b.tube}")
    if a.real != b.real:
        left, right = left.to_complex(), right.to_complex()
        a, b = left.spectrum, right.spectrum
    if a != b:
        raise ValueError(f"the transforms differ: {a} and {b}")
    kind = arrays.result_dtype(left.faces, right.faces)
    xp = namespace(left.faces)
    return (
        TubalTensor.trusted(xp.astype(left.faces, kind, copy=False), a),
        TubalTensor.trusted(xp.astype(right.faces, kind, copy=False), a),
    )


def own_faces(a: TubalTensor) -> list[Array]:
    """The faces of a tubal tensor one by one, real where they are."""
    return [own_face(a.faces[j, ...], j, a.spectrum) for j in range(a.spectrum.count)]


def own_face(block: Array, j: int, spectrum: Spectrum) -> Array:
    """A face in the kind it has: real, where the spectrum says so."""
    return arrays.real_part(block) if spectrum.halved and j < spectrum.real_faces else block
