"""The second move: solve one node's small differential equation over a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.checks import real_number, whole_number
from tensorflowlr.io import storable

# a Taylor series that needs more terms is cheaper in two halves
MAX_TERMS = 30
# a step that needs more parts than two to this power is too long, or its field no field
MAX_HALVINGS = 14


class Local(Protocol):
    """A vector field restricted to one node."""

    def __call__(self, t: float, centre: Array) -> Array:
        """The derivative of the centre at time t."""
        ...

    def linear(self, t: float) -> Any:
        """The function X ↦ c(t) H X, or None where the field is not linear."""
        ...


class Flow(Protocol):
    """A solver for the small problem of one node."""

    @property
    def evaluations(self) -> int:
        """About how often it asks for the derivative in one step."""
        ...

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        """The centre at t1."""
        ...


@storable
@dataclass(frozen=True)
class RungeKutta4:
    """The classical Runge–Kutta method of order four, in equal substeps.

    Parameters
    ----------
    substeps
        Substeps per step, at least 1.
    """

    substeps: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "substeps", whole_number(self.substeps, "substeps"))

    @property
    def evaluations(self) -> int:
        return 4 * self.substeps

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        h = (t1 - t0) / self.substeps
        x = start
        for i in range(self.substeps):
            t = t0 + i * h
            k1 = local(t, x)
            k2 = local(t + 0.5 * h, x + (0.5 * h) * k1)
            k3 = local(t + 0.5 * h, x + (0.5 * h) * k2)
            k4 = local(t + h, x + h * k3)
            x = x + (h / 6.0) * (k1 + k4 + 2.0 * (k2 + k3))
        return x


@storable
@dataclass(frozen=True)
class Exponential:
    """The flow of a linear field by the Taylor series of the exponential.

    Terms are added until they fall below the tolerance, usually five to ten of them: the
    cheapest flow for steps of a few inverse norms of the node's field. A constant source is
    taken exactly; a time-dependent coefficient is frozen at the middle of the step
    (exponential midpoint rule, second order).

    Parameters
    ----------
    tol
        Size of the first term left out, relative to the centre.
    """

    tol: float = 1e-12

    def __post_init__(self) -> None:
        _check_tolerance(self.tol)

    @property
    def evaluations(self) -> int:
        return 10

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        return _in_parts(self._whole, local, t0, t1, start)

    def _whole(self, local: Local, t0: float, t1: float, start: Array) -> Array | None:
        """The centre at t1, or None where the step is too long for one series."""
        apply, slope = _affine(local, t0, t1, start)
        h = t1 - t0
        term = slope * h
        total, largest = start + term, 0.0
        # a source may be all there is, and single precision cannot reach every tolerance
        limit = max(self.tol, 100.0 * arrays.epsilon(start)) * max(
            arrays.norm(start), arrays.norm(term)
        )
        for k in range(2, MAX_TERMS):
            size = arrays.norm(term)
            if not size < float("inf"):
                raise FloatingPointError("a flow returned NaN or Inf")
            largest = max(largest, size)
            if size <= limit:
                # terms that grew before they fell have cancelled: too long a step
                if largest * arrays.epsilon(start) * 10.0 > limit > 0.0 and h != 0.0:
                    break
                return total
            term = apply(term) * (h / k)
            total = total + term
        return None


@storable
@dataclass(frozen=True)
class Krylov:
    """The flow of a linear field by the exponential on a Krylov space (Arnoldi).

    The space of the slope at the start grows until the last entry of the small exponential
    shows an error below the tolerance. Sources and time-dependent coefficients are treated
    as in `Exponential`.

    Parameters
    ----------
    tol
        Error of the flow relative to the norm of its increment.
    max_dimension
        The largest dimension; beyond it the step is halved.
    """

    tol: float = 1e-12
    max_dimension: int = 30

    def __post_init__(self) -> None:
        _check_tolerance(self.tol)
        most = whole_number(self.max_dimension, "max_dimension", 2)
        object.__setattr__(self, "max_dimension", most)

    @property
    def evaluations(self) -> int:
        return 10

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        return _in_parts(self._whole, local, t0, t1, start)

    def _whole(self, local: Local, t0: float, t1: float, start: Array) -> Array | None:
        """The centre at t1, or None where no space of the largest dimension reaches it."""
        apply, slope = _affine(local, t0, t1, start)
        increment = self._phi(apply, slope, t1 - t0)
        return None if increment is None else start + increment

    def _phi(self, apply: Any, slope: Array, h: float) -> Array | None:
        """The increment h φ₁(hA) slope, or None where no space reaches the tolerance."""
        xp, size = namespace(slope), arrays.norm(slope)
        if not size < float("inf"):
            raise FloatingPointError("a flow returned NaN or Inf")
        if size == 0.0:
            return slope
        basis = [xp.reshape(slope, (-1,)) * (1.0 / size)]
        limit = min(self.max_dimension, _size(slope))
        # no error estimate falls below round-off
        tol = max(self.tol, 10.0 * arrays.epsilon(slope))
        entries: dict[tuple[int, int], complex] = {}
        for m in range(1, limit + 1):
            vector = xp.reshape(apply(xp.reshape(basis[-1], slope.shape)), (-1,))
            known = xp.stack(basis)
            for _ in range(2):
                projection = arrays.conj(known) @ vector
                vector = vector - projection @ known
                for i, value in enumerate(arrays.to_numpy(projection).tolist()):
                    entries[i, m - 1] = entries.get((i, m - 1), 0.0) + value
            rest = entries[m, m - 1] = arrays.norm(vector)
            if not rest < float("inf"):
                raise FloatingPointError("a flow returned NaN or Inf")
            # the last column makes expm of this matrix return h φ₁ of the leading block
            small = arrays.zeros((m + 2, m + 2), slope)
            for (i, j), value in entries.items():
                small[i, j] = h * value
            small[0, m + 1] = h
            result = arrays.expm(small)[: m + 1, m + 1]
            error = arrays.norm(result[m:]) / max(arrays.norm(result[:m]), 1e-300)
            complete = m == _size(slope) or rest * abs(h) <= tol
            if error <= tol or (complete and error < float("inf")):
                return xp.reshape((size * result[:m]) @ known, slope.shape)
            basis.append(vector * (1.0 / rest))
        return None


def _in_parts(
    solve: Callable[[Local, float, float, Array], Array | None],
    local: Local, t0: float, t1: float, start: Array,
) -> Array:
    """The centre at t1, over halves, quarters and so on where `solve` finds it too far."""
    waiting, x = [(t0, t1, 0)], start
    while waiting:
        a, b, halvings = waiting.pop()
        end = solve(local, a, b, x)
        if end is None:
            if halvings == MAX_HALVINGS:
                raise FloatingPointError(
                    f"a flow needs more than {2**MAX_HALVINGS} parts of its step"
                )
            middle = 0.5 * (a + b)
            waiting += [(middle, b, halvings + 1), (a, middle, halvings + 1)]
        else:
            x = end
    return x


def _check_tolerance(tol: float) -> None:
    real_number(tol, "tol", "a number between 0 and 1", lambda value: 0.0 < value < 1.0)


def _affine(local: Local, t0: float, t1: float, start: Array) -> tuple[Any, Array]:
    middle = 0.5 * (t0 + t1)
    apply = local.linear(middle)
    if apply is None:
        raise TypeError(
            "flow: Exponential and Krylov need a linear field (TreeOperator or LinearField); "
            "use RungeKutta4 for others"
        )
    return apply, local(middle, start)


def _size(array: Array) -> int:
    size = 1
    for n in array.shape:
        size *= int(n)
    return size
