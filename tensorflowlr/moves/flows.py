"""The second move: solve one node's small differential equation over a step."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any, Protocol

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace

# a Taylor series that needs more terms is cheaper in two halves
MAX_TERMS = 30


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

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        """The centre at t1."""
        ...


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
        if isinstance(self.substeps, bool) or not hasattr(self.substeps, "__index__"):
            raise TypeError(f"substeps must be a positive integer, not {self.substeps!r}")
        if self.substeps < 1:
            raise ValueError(f"substeps must be at least 1, not {self.substeps!r}")

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

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
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
        middle = 0.5 * (t0 + t1)
        return self(local, middle, t1, self(local, t0, middle, start))


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
        if isinstance(self.max_dimension, bool) or not hasattr(self.max_dimension, "__index__"):
            raise TypeError(f"max_dimension must be an integer, not {self.max_dimension!r}")
        if self.max_dimension < 2:
            raise ValueError(f"max_dimension must be at least 2, not {self.max_dimension!r}")

    def __call__(self, local: Local, t0: float, t1: float, start: Array) -> Array:
        apply, slope = _affine(local, t0, t1, start)
        increment = self._phi(apply, slope, t1 - t0)
        if increment is not None:
            return start + increment
        middle = 0.5 * (t0 + t1)
        return self(local, middle, t1, self(local, t0, middle, start))

    def _phi(self, apply: Any, slope: Array, h: float) -> Array | None:
        """The increment h φ₁(hA) slope, or None where no space reaches the tolerance."""
        xp, size = namespace(slope), arrays.norm(slope)
        if not size < float("inf"):
            raise FloatingPointError("a flow returned NaN or Inf")
        if size == 0.0:
            return slope
        basis = [xp.reshape(slope, (-1,)) * (1.0 / size)]
        limit = min(self.max_dimension, _size(slope))
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
            # the last column makes expm of this matrix return h φ₁ of the leading block
            small = arrays.zeros((m + 2, m + 2), slope)
            for (i, j), value in entries.items():
                small[i, j] = h * value
            small[0, m + 1] = h
            result = arrays.expm(small)[: m + 1, m + 1]
            error = abs(complex(result[m])) / max(arrays.norm(result[:m]), 1e-300)
            if error <= self.tol or m == _size(slope) or rest * abs(h) <= self.tol:
                return xp.reshape((size * result[:m]) @ known, slope.shape)
            basis.append(vector * (1.0 / rest))
        return None


def _check_tolerance(tol: float) -> None:
    if isinstance(tol, bool) or not isinstance(tol, numbers.Real):
        raise TypeError(f"tol must be a number between 0 and 1, not {tol!r}")
    if not 0.0 < tol < 1.0:
        raise ValueError(f"tol must lie between 0 and 1, not {tol!r}")


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
