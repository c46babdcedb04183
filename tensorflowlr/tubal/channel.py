"""A puff carried down a square channel: advection and diffusion along a periodic axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tensorflowlr.arrays import Array, fft, host, ifft
from tensorflowlr.checks import not_negative, real_number, whole_number
from tensorflowlr.tubal.fields import TubalField
from tensorflowlr.tubal.low_rank import TubalSVD
from tensorflowlr.tubal.svd import t_svd


@dataclass(frozen=True)
class Channel:
    """u_t + (1 - x²)(1 - y²) u_z = κ u_zz on [-1, 1]² × a period of 2π, in Fourier modes of z.

    Attributes
    ----------
    field : TubalField
    start : TubalSVD
        The puff at t = 0, in NumPy; every cross-section is a Gaussian about a bend.
    velocity : array, shape (n, n)
    diffusion : float
    """

    field: TubalField
    start: TubalSVD
    velocity: Array
    diffusion: float

    def exact(self, t: float) -> Array:
        """The solution: each line moves at its own speed and spreads; shape (n, n, k)."""
        t = real_number(t, "t")
        dense = self.start.to_dense()
        period = dense.shape[2]
        k = host.arange(period // 2 + 1)
        # the highest mode of an even number of points does not know its direction
        speed = host.where(2 * k == period, 0.0, k)
        factor = host.exp(-self.diffusion * k**2 * t - 1j * t * self.velocity[:, :, None] * speed)
        return ifft(fft(dense, 2, real=True) * factor, 2, size=period)


def channel(points: int = 40, tube: int = 32, *, diffusion: float = 0.02) -> Channel:
    """A puff in a channel of square cross-section, with its exact solution.

    The velocity is a product of profiles, so that a face obeys ``Y' = -iω a bᵀ ∘ Y - κω² Y``
    and its rank grows as lines of the fluid part.

    Parameters
    ----------
    points
        Points along x and y, at least 2.
    tube
        Points along z, at least 2.
    diffusion
        κ, not negative.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> from tensorflowlr import tubal
    >>> problem = tubal.channel(12, 8)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8), flow=tlr.Exponential())
    >>> sol = tlr.integrate(problem.field, problem.start, (0.0, 1.0), step=0.05, method=method)
    >>> bool(np.linalg.norm(sol.final.to_dense() - problem.exact(1.0)) < 0.01 * sol.final.norm())
    True
    """
    n, k = whole_number(points, "points", 2), whole_number(tube, "tube", 2)
    kappa = real_number(diffusion, "diffusion", "finite and not negative", not_negative)
    x = host.linspace(-1.0, 1.0, n)
    z = 2.0 * math.pi * host.arange(k) / k
    profile = 1.0 - x**2
    modes = host.arange(k // 2 + 1)
    odd = host.where(2 * modes == k, 0.0, modes)
    derivative = ifft(1j * odd, 0, size=k)[None, None, :]
    second = ifft(-1.0 * modes**2 + 0j, 0, size=k)[None, None, :]
    # the matrix of a profile is the same for all faces: a tube with one entry
    across = (profile[:, None] * host.eye(n))[:, :, None] * host.eye(1, k)[0]
    bend = 0.3 * host.sin(math.pi * x)
    puff = host.exp(
        -6.0 * (x[:, None, None] - bend[None, :, None]) ** 2 - 2.0 * x[None, :, None] ** 2
        + 3.0 * (host.cos(z - 1.0) - 1.0)
    )
    along = across[:, :, :1] * derivative
    field = TubalField([(-1.0, along, across), (kappa, second, None)])
    return Channel(field, t_svd(puff), profile[:, None] * profile[None, :], kappa)
