"""Low-rank tubal tensors: a low-rank matrix in every face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host, namespace
from tensorflowlr.checks import shown, whole_number
from tensorflowlr.tensors import LowRankMatrix, TreeTensor, construct
from tensorflowlr.tensors.rounding import Discarded, polished
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation
from tensorflowlr.tubal.block_namespace import descending, face_svds
from tensorflowlr.tubal.blocks import BlockMatrix
from tensorflowlr.tubal.ranks import face_ranks
from tensorflowlr.tubal.spectrum import Spectrum, given_transform
from tensorflowlr.tubal.tensor import TubalTensor, as_tubal, matched, own_face


class TubalSVD(LowRankMatrix):
    """A tubal tensor of low rank, A = U * S * Vᵀ: in the transform domain U_j S_j V_jᴴ.

    It is a `LowRankMatrix` whose cores are block diagonal, a block per face; so that
    arithmetic, `round`, `integrate` and all methods are those of tree tensors. Faces have
    ranks of their own. What `t_svd` returns, and what `integrate` takes and gives.

    Parameters
    ----------
    U, S, V
        `TubalTensor` or arrays of shapes (m, r, k, …), (r, s, k, …) and (n, s, k, …).
    transform
        As for `TubalTensor`.

    Raises
    ------
    TypeError, ValueError
        If they do not fit one another.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> A = tubal.t_svd(np.ones((4, 5, 3)))
    >>> A.shape, A.tubal_rank, A.multirank.tolist()
    ((4, 5, 3), 1, [1, 1])
    >>> bool(np.allclose(A.to_dense(), 1.0))
    True
    """

    __slots__ = ()

    def __init__(self, U: Any, S: Any, V: Any, *, transform: Any = "fft") -> None:
        u, s, v = (as_tubal(x, name, transform) for x, name in ((U, "U"), (S, "S"), (V, "V")))
        u, s = matched(u, s)
        s, v = matched(s, v)
        u, s = matched(u, s)
        if u.shape[1] != s.shape[0] or v.shape[1] != s.shape[1]:
            raise ValueError(
                f"U, S and V of shapes {u.shape}, {s.shape} and {v.shape} do not fit: they need "
                "(m, r, …), (r, s, …) and (n, s, …)"
            )
        made = from_faces(u.faces, s.faces, arrays.conj(v.faces), u.spectrum)
        self._tree, self._cores, self._orthonormal = made._tree, made._cores, False

    @classmethod
    def from_dense(  # type: ignore[override]
        cls, x: Array, rule: Truncation | None = None, *, transform: Any = "fft"
    ) -> TubalSVD:
        """The truncated t-SVD of a dense array; `t_svd` has more to choose."""
        from tensorflowlr.tubal.svd import t_svd

        return t_svd(x, rule, transform=transform)

    @classmethod
    def random(  # type: ignore[override]
        cls,
        shape: Sequence[int],
        rank: int,
        *,
        rng: Any = None,
        dtype: Any = float,
        like: Any = None,
        transform: Any = "fft",
    ) -> TubalSVD:
        """A random tensor of tubal rank `rank`, of norm one, its bases orthonormal.

        Parameters
        ----------
        shape
            (m, n, k, …).
        rank
            Lowered to what m and n allow.
        rng, dtype, like
            As for `TreeTensor.random`.
        transform
            As for `TubalTensor`.
        """
        m, n, *tube = construct.checked_shape(shape)
        if not tube:
            raise ValueError(f"shape must have three entries or more, not {shown(shape)}")
        r = min(whole_number(rank, "rank"), m, n)
        generator = arrays.default_rng(rng)
        target = None if like is None else construct.checked_like(like)
        u, s, v = (
            TubalTensor(arrays.normal(generator, (*pair, *tube), dtype, target),
                        transform=transform)
            for pair in ((m, r), (r, r), (n, r))
        )
        made = from_faces(u.faces, s.faces, arrays.conj(v.faces), u.spectrum).orthogonalize()
        return made * (1.0 / made.norm())

    @classmethod
    def product(cls, *given: Any, **options: Any) -> NoReturn:
        """Not for tubal tensors: a product of vectors has no tubes."""
        raise TypeError("a TubalSVD is made by t_svd, TubalSVD(U, S, V) or TubalSVD.random")

    @classmethod
    def _truncate_cores(
        cls, tree: Tree, cores: Sequence[Array], rule: Truncation, *, squared: bool = False
    ) -> tuple[Sequence[Array], Discarded]:
        """The t-SVD of the middle core decides; faces keep ranks of their own."""
        del squared
        left, right, middle = cores
        made = face_svds(middle)
        round_off = arrays.epsilon(middle) * max(1.0, middle.shape[0]) ** 0.5
        ranks, discarded = face_ranks([s for _, s, _ in made], rule, round_off)
        kept = [s[:r] for (_, s, _), r in zip(made, ranks, strict=True)]
        _, axis = descending(kept)
        us, vs, ss = [], [], []
        for (u, s, vh), r, a, b in zip(made, ranks, left.blocks, right.blocks, strict=True):
            us.append(polished(a @ u[:, :r]))
            vs.append(polished(b @ vh[:r, :].mT))
            values = arrays.asarray(s[:r], like=u, dtype=u.dtype)
            ss.append(values[:, None] * arrays.eye(r, r, u))
        return (
            left.like(us, (left.axes[0], axis)),
            right.like(vs, (right.axes[0], axis)),
            middle.like(ss, (axis, axis)),
        ), discarded

    @property
    def spectrum(self) -> Spectrum:
        """The transform, and which faces are kept."""
        return self._cores[-1].spectrum

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n, *tube)."""
        m, n = (int(core.blocks[0].shape[0]) for core in self._cores[:2])
        return m, n, *self.spectrum.tube

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def multirank(self) -> Array:
        """The rank of every face kept, on the host."""
        return host.asarray([min(s.shape) for s in self._cores[-1].blocks])

    @property
    def max_rank(self) -> int:
        """The tubal rank: the largest rank of a face."""
        return int(host.max(self.multirank))

    tubal_rank = max_rank

    @property
    def nbytes(self) -> int:
        """Bytes held by all blocks."""
        width = {"float32": 4, "float64": 8, "complex64": 8, "complex128": 16}
        return sum(
            int(b.shape[0]) * int(b.shape[1]) * width[arrays.dtype_name(b)]
            for core in self._cores for b in core.blocks
        )

    def _padded(self, core: BlockMatrix, scale: Array | None = None) -> TubalTensor:
        """A core as a tubal tensor; faces of lower rank are filled with zeros."""
        shape = tuple(max(int(b.shape[i]) for b in core.blocks) for i in range(2))
        blocks = [
            b if scale is None else b * float(scale[j]) for j, b in enumerate(core.blocks)
        ]
        kind = arrays.result_dtype(*blocks)
        xp = namespace(blocks[0])
        return TubalTensor.trusted(xp.stack([
            arrays.pad(xp.astype(b, kind, copy=False), shape) for b in blocks
        ]), self.spectrum)

    @property
    def U(self) -> TubalTensor:
        """Left basis (m, r, *tube), zeros where a face has fewer columns."""
        return self._padded(self._cores[0])

    @property
    def S(self) -> TubalTensor:
        """Core (r, s, *tube)."""
        return self._padded(self._cores[2], 1.0 / host.sqrt(self.spectrum.weights))

    @property
    def V(self) -> TubalTensor:
        """Right basis (n, s, *tube): A = U * S * Vᵀ with the t-transpose."""
        conjugate = self._cores[1].each(arrays.conj)
        return self._padded(conjugate)

    def singular_values(self) -> list[Array]:
        """The singular values of every face kept, on the host."""
        scale = 1.0 / host.sqrt(self.spectrum.weights)
        middle = self.orthogonalize()._cores[-1]
        return [s * float(c) for (_, s, _), c in zip(face_svds(middle), scale, strict=True)]

    def to_tubal(self) -> TubalTensor:
        """The same as a `TubalTensor`, whose faces are full."""
        u, v, s = self._cores
        return self._padded(u @ s @ v.mT, 1.0 / host.sqrt(self.spectrum.weights))

    def to_dense(self) -> Array:
        """The full array of shape (m, n, *tube)."""
        return self.to_tubal().to_dense()

    def to(self, *, like: Any) -> TubalSVD:
        """The same on the array library and device of `like` (array or tensor)."""
        target = construct.checked_like(like)
        if isinstance(target, BlockMatrix):
            target = target.blocks[0]
        cores = [core.each(lambda b: arrays.asarray(b, like=target)) for core in self._cores]
        return self._like(cores, self._orthonormal)

    def to_complex(self) -> TubalSVD:
        """The same as a tensor of complex data, all faces kept."""
        if not self.spectrum.real:
            return self
        u, s, v = (x.to_complex() for x in (self.U, self.S, self.V))
        return from_faces(u.faces, s.faces, arrays.conj(v.faces), u.spectrum).round(Truncation())

    def astype(self, dtype: Any) -> TubalSVD:
        """Another precision; complex of real data keeps all faces."""
        name = arrays.floating_name(dtype)
        complex_data = "complex" in name
        if not self.spectrum.real and not complex_data:
            raise TypeError(f"dtype must be complex for a complex tensor, not {dtype!r}")
        if self.spectrum.halved and dtype == self.dtype:
            return self
        made = self.to_complex() if complex_data else self
        if made.spectrum.halved:
            name = {"float32": "complex64", "float64": "complex128"}[name]
        xp = namespace(made._cores[-1])
        return made._like([xp.astype(c, name) for c in made._cores], made._orthonormal)

    def conj(self) -> TubalSVD:
        """The complex conjugate of the tensor."""
        if self.spectrum.real:
            return self
        return TubalSVD.from_dense(
            arrays.conj(self.to_dense()), transform=given_transform(self.spectrum))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, TreeTensor):
            raise TypeError("a TubalSVD has no entrywise product: its faces do not know it")
        if isinstance(other, complex) and self.spectrum.real:
            return LowRankMatrix.__mul__(self.to_complex(), other)
        return super().__mul__(other)

    __rmul__ = __mul__

    def entries(self, indices: Any) -> Array:
        """Not without leaving the transform domain: use `to_dense`."""
        raise TypeError("entries of a TubalSVD are those of to_dense()")

    def to_tensorly(self) -> Any:
        """Not there: tensorly has no tubal format."""
        raise ValueError("tensorly has no format for a TubalSVD")

    def __repr__(self) -> str:
        low, high = int(host.min(self.multirank)), self.max_rank
        spread = f"{low}" if low == high else f"{low} … {high}"
        return f"TubalSVD(shape={self.shape}, ranks={spread}, transform={self.spectrum.name!r})"


def from_faces(
    U: Sequence[Array] | Array, S: Sequence[Array] | Array, V: Sequence[Array] | Array,
    spectrum: Spectrum, *, orthonormal: bool = False,
) -> TubalSVD:
    """A `TubalSVD` from faces U_j S_j V_jᵀ (V_j unconjugated), as lists of matrices or stacks.

    S carries the weights of the faces, so that norms and inner products of the block-diagonal
    matrix are those of the tensor.
    """
    scale = host.sqrt(spectrum.weights)
    us, ss, vs = ([own_face(x[j], j, spectrum) for j in range(spectrum.count)] for x in (U, S, V))
    ss = [s * float(c) for s, c in zip(ss, scale, strict=True)]
    u, v, s = (BlockMatrix.of_blocks(blocks, spectrum) for blocks in (us, vs, ss))
    # one axis for the columns of a basis and the side of the core that meets them
    s.axes = (u.axes[1], v.axes[1])
    return TubalSVD.trusted(Tree.matrix(), (u, v, s), orthonormal=orthonormal)
