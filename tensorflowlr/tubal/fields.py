"""Linear right-hand sides for low-rank tubal tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array
from tensorflowlr.checks import sequence, shown
from tensorflowlr.fields.factored import CallableEnvironment, CallableLocal, FactoredField
from tensorflowlr.io import storable
from tensorflowlr.moves.frame import Frame
from tensorflowlr.tensors import TreeTensor, algebra
from tensorflowlr.tubal.blocks import BlockMatrix
from tensorflowlr.tubal.low_rank import TubalSVD
from tensorflowlr.tubal.spectrum import Spectrum
from tensorflowlr.tubal.tensor import TubalTensor, own_faces

Term = tuple[Any, Any, Any]


@storable
class TubalField(FactoredField):
    """The right-hand side Σ c · L * Y * R + source(t), products being t-products.

    Parameters
    ----------
    terms
        Triples (c, L, R): a number, and tensors of shapes (m, m, k, …) and (n, n, k, …) or
        None for the identity. A tube (1, 1, k, …) is allowed for either: it commutes with all.
        They go to the array library and device of the state.
    source
        A `TubalSVD`, or a function of time that returns one; None for none.
    transform
        For arrays in `terms`, as for `TubalTensor`.

    Raises
    ------
    TypeError, ValueError
        If a term cannot be.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> from tensorflowlr import tubal
    >>> half = tubal.TubalField([(-0.5, None, None)])
    >>> start = tubal.t_svd(np.ones((4, 5, 3)))
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), flow=tlr.Exponential())
    >>> sol = tlr.integrate(half, start, (0.0, 1.0), step=0.5, method=method)
    >>> bool(np.allclose(sol.final.to_dense(), np.exp(-0.5)))
    True
    """

    def __init__(
        self, terms: Sequence[Term], source: Any = None, *, transform: Any = "fft"
    ) -> None:
        self.terms = [_checked_term(i, term, transform) for i, term in enumerate(_listed(terms))]
        if source is not None and not isinstance(source, TubalSVD) and (
            isinstance(source, type) or not callable(source)
        ):
            raise TypeError(f"source must be None, a TubalSVD or a function, not {shown(source)}")
        self.source = source
        self._ready: dict[Spectrum, list[_Bound]] = {}
        super().__init__(self._value)

    def stored(self) -> dict[str, Any]:
        """What makes this field again; a source that is a function cannot be kept."""
        return {"terms": self.terms, "source": self.source}

    def prepare(self, Y: TreeTensor, t: float) -> TreeTensor:
        """The start, complex where anything is."""
        if not isinstance(Y, TubalSVD):
            raise TypeError(f"Y0 must be a TubalSVD, not {type(Y).__name__}")
        complex_too = any(
            isinstance(c, complex) or any(x is not None and not x.spectrum.real for x in pair)
            for c, *pair in self.terms
        )
        return super().prepare(Y.to_complex() if complex_too else Y, t)

    def homogeneous(self, Y: Any) -> Any:
        """The field without its source."""
        u, v, s = Y.cores
        total = None
        for bound in self._bound(Y):
            made = bound(Y, u, s, v)
            total = made if total is None else total + made
        return Y * 0.0 if total is None else total

    def _value(self, t: float, Y: Any) -> TubalSVD:
        value = self.homogeneous(Y)
        if self.source is None:
            return value
        source = self.source(t) if callable(self.source) else self.source
        if not isinstance(source, TubalSVD):
            raise TypeError(f"source must return a TubalSVD, not {shown(source)}")
        if not Y.spectrum.real:
            source = source.to_complex()
        if source.cores[-1].device != Y.cores[-1].device:
            source = source.to(like=Y.cores[-1])
        return value + source

    def _bound(self, Y: TubalSVD) -> list[_Bound]:
        """The terms as blocks beside Y."""
        found = self._ready.get(Y.spectrum)
        if found is None or _place(found) not in (None, str(Y.cores[-1].device)):
            found = self._ready[Y.spectrum] = [_Bound.of(term, Y) for term in self.terms]
        return found

    def environment(self, frame: Frame) -> CallableEnvironment:
        """The field seen from a frame."""
        return _Environment(self, frame)


@dataclass(frozen=True)
class _Bound:
    """One term: blocks that act from the left and the right, and a number per face."""

    scale: complex
    left: BlockMatrix | None
    right: BlockMatrix | None
    tube: list[complex] | None

    @classmethod
    def of(cls, term: Term, Y: TubalSVD) -> _Bound:
        scale, *pair = term
        sides: list[BlockMatrix | None] = []
        tube: list[complex] | None = None
        for name, x, size in (("L", pair[0], Y.shape[0]), ("R", pair[1], Y.shape[1])):
            if x is None:
                sides.append(None)
                continue
            x = _fitting(x, Y, name, size)
            if x.shape[:2] == (1, 1):
                factors = arrays.to_numpy(x.faces)[:, 0, 0].tolist()
                tube = factors if tube is None else [
                    a * b for a, b in zip(tube, factors, strict=True)]
                sides.append(None)
            else:
                sides.append(BlockMatrix.of_blocks(own_faces(x), x.spectrum))
        return cls(scale, sides[0], sides[1], tube)

    def __call__(self, Y: TubalSVD, u: BlockMatrix, s: BlockMatrix, v: BlockMatrix) -> TubalSVD:
        u = u if self.left is None else self.left @ u
        v = v if self.right is None else self.right.mT @ v
        if self.tube is not None:
            real = Y.spectrum.real_faces if Y.spectrum.halved else 0
            s = s.like([
                block * (c.real if j < real or not isinstance(c, complex) else c)
                for j, (block, c) in enumerate(zip(s.blocks, self.tube, strict=True))
            ])
        return TubalSVD.trusted(Y.tree, (u, v, s * self.scale))


def _place(bound: list[_Bound]) -> str | None:
    for one in bound:
        for side in (one.left, one.right):
            if side is not None:
                return str(side.device)
    return None


def _fitting(x: TubalTensor, Y: TubalSVD, name: str, size: int) -> TubalTensor:
    """A factor of a term beside a state: same transform, same data kind, right size."""
    if x.shape[2:] != Y.shape[2:]:
        raise ValueError(f"{name} has tubes {x.shape[2:]}, but Y0 {Y.shape[2:]}")
    if x.shape[0] not in (1, size) or (x.shape[0] == 1 and x.shape[1] != 1):
        raise ValueError(f"{name} must have faces of {size} rows or be a tube, not {x.shape[:2]}")
    if not Y.spectrum.real:
        x = x.to_complex()
    if x.spectrum != Y.spectrum:
        raise ValueError(f"the transforms of {name} and Y0 differ: {x.spectrum}, {Y.spectrum}")
    return x.to(like=Y.cores[-1].blocks[0])


def _listed(terms: Any) -> list[Any]:
    try:
        return sequence(terms)
    except TypeError:
        raise TypeError(f"terms must be a sequence of triples, not {shown(terms)}") from None


def _checked_term(i: int, term: Any, transform: Any) -> Term:
    try:
        factor, *pair = sequence(term)
        left, right = pair
    except (TypeError, ValueError):
        raise TypeError(f"terms[{i}] must be a triple (c, L, R), not {shown(term)}") from None
    scale = algebra.checked_scalar(factor, f"terms[{i}][0]")
    if scale is None:
        raise TypeError(f"terms[{i}][0] must be a number, not {shown(factor)}")
    sides: list[Any] = []
    for j, x in enumerate((left, right), 1):
        if x is not None and not isinstance(x, TubalTensor):
            try:
                x = TubalTensor(x, transform=transform)
            except (TypeError, ValueError) as error:
                raise type(error)(f"terms[{i}][{j}]: {error}") from None
        if x is not None and x.shape[0] != x.shape[1]:
            raise ValueError(f"terms[{i}][{j}] must have square faces, not {x.shape[:2]}")
        sides.append(x)
    return scale, sides[0], sides[1]


class _Environment(CallableEnvironment):
    """A linear tubal field seen from the nodes of one frame."""

    def local(self, node: int) -> CallableLocal:
        """The field at one node."""
        return _Local(self, node, list(self.bases))


class _Local(CallableLocal):
    """A linear tubal field at one node."""

    def linear(self, t: float) -> Callable[[Array], Array]:
        """The field without its source."""
        del t
        field = self.environment.field
        assert isinstance(field, TubalField)
        twin = CallableLocal(
            CallableEnvironment(FactoredField(lambda t, Y: field.homogeneous(Y)),
                                self.environment.frame), self.node, self.bases,
        )
        return lambda x: twin(0.0, x)

