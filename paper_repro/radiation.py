"""Radiation in a slab with uncertain scattering: collocation without the library, and runs."""

from __future__ import annotations

import math
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import BarycentricInterpolator

import tensorflowlr as tlr
from paper_repro.common import Array
from tensorflowlr.problems import Problem, radiation_slab

MEAN, AMPLITUDES = 5.0, (4.0, 1.0)
EDGES = {4: "(space, angle) – (ξ, η)", 0: "space", 1: "angle", 2: "ξ", 3: "η"}
# constant of the step rejection; the authors take none in this experiment
REJECT = 1.0


@dataclass(frozen=True)
class Slab:
    """One experiment: its sizes, its start and its time."""

    cells: int = 201
    moments: int = 100
    points: int = 100
    width: float = 0.03
    end: float = 2.0
    step: float = 0.0025
    half_width: float = 2.5

    @property
    def spacing(self) -> float:
        """The width of a cell."""
        return 2.0 * self.half_width / (self.cells - 1)

    @property
    def centres(self) -> Array:
        """The cells' centres, the ends included."""
        return np.linspace(-self.half_width, self.half_width, self.cells)

    def problem(self) -> Problem:
        """The library's problem."""
        return radiation_slab(
            self.cells, self.moments, points=self.points, half_width=self.half_width,
            scattering=MEAN, amplitudes=AMPLITUDES, width=self.width,
        )


def densities(slab: Slab, scattering: Sequence[float] | Array, steps: int) -> Array:
    """ρ(x) at the end for given scattering, shape (values, cells), without the library.

    In the eigenbasis of A the P_N equations are discrete ordinates: the eigenvalues are Gauss
    and Legendre's points μ, upwind differences become one-sided, and G is the identity less
    the mean over μ. Since f(x, μ) = f(-x, -μ), half of the directions are enough.
    """
    mu, weights = np.polynomial.legendre.leggauss(slab.moments)
    mu, weights = mu[mu > 0.0], 0.5 * weights[mu > 0.0]
    sigma = np.asarray(scattering)[:, None, None]
    speed = mu[:, None] / slab.spacing
    f = np.empty((sigma.size, mu.size, slab.cells))
    f[:] = np.exp(-0.5 * (slab.centres / slab.width) ** 2) / (math.sqrt(2 * math.pi) * slab.width)

    def density(f: Array) -> Array:
        half = np.tensordot(f, weights, axes=(1, 0))
        return np.asarray(half + half[:, ::-1])

    def slope(f: Array) -> Array:
        made = f * (-speed - sigma)
        made[..., 1:] += speed * f[..., :-1]
        return np.asarray(made + sigma * density(f)[:, None, :])

    h = slab.end / steps
    for _ in range(steps):
        k1 = slope(f)
        k2 = slope(f + 0.5 * h * k1)
        k3 = slope(f + 0.5 * h * k2)
        f = f + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + slope(f + h * k3))
    return density(f)


@dataclass(frozen=True)
class Collocation:
    """Expectation and variance of ρ at every cell, and how sure they are."""

    mean: Array
    variance: Array
    error: float


def collocation(slab: Slab, nodes: int = 17) -> Collocation:
    """Moments over all points of (ξ, η), from few values of the scattering.

    ρ depends on (ξ, η) through σ_s alone, analytically: it is interpolated from Chebyshev's
    points. `error` compares three values in between with solutions at half the step.
    """
    reach = sum(AMPLITUDES)
    steps = math.ceil(slab.end / min(0.5 * slab.spacing, 0.125 / (MEAN + reach)))
    sigma = MEAN - reach * np.cos(np.pi * np.arange(nodes) / (nodes - 1))
    polynomial = BarycentricInterpolator(sigma, densities(slab, sigma, steps))
    between = MEAN + reach * np.array([-0.97, 0.12, 0.81])
    exact = densities(slab, between, 2 * steps)
    error = float(np.abs(polynomial(between) - exact).max() / np.abs(exact).max())
    points, weights = np.polynomial.legendre.leggauss(slab.points)
    values = MEAN + np.add.outer(AMPLITUDES[0] * points, AMPLITUDES[1] * points).ravel()
    chances = 0.25 * np.multiply.outer(weights, weights).ravel()
    rho = polynomial(values)
    mean = chances @ rho
    return Collocation(mean, chances @ (rho - mean) ** 2, error)


@dataclass(frozen=True)
class Run:
    """One run: what it found, and what it cost step by step."""

    name: str
    rtol: float
    step: float
    mean: Array
    variance: Array
    mass: float
    ranks: dict[int, list[int]]
    seconds: Array = field(repr=False)
    repeated: int
    capped: int
    memory: float

    @property
    def max_rank(self) -> int:
        """The largest rank after any step."""
        return max(max(r) for r in self.ranks.values())

    @property
    def label(self) -> str:
        """Method and tolerance."""
        return f"{self.name}, rtol {self.rtol:.0e}".replace("e-0", "e-")

    def errors(self, reference: Collocation) -> tuple[float, float]:
        """Relative errors of expectation and variance in the 2-norm over the cells."""
        pairs = ((self.mean, reference.mean), (self.variance, reference.variance))
        a, b = (float(np.linalg.norm(x - y) / np.linalg.norm(y)) for x, y in pairs)
        return a, b

    def smooth_seconds(self, window: int = 25) -> Array:
        """CPU seconds per step: medians over a moving window."""
        padded = np.pad(self.seconds, window // 2, mode="edge")
        return np.asarray(np.median(
            np.lib.stride_tricks.sliding_window_view(padded, window), axis=1
        ))


def method(name: str, rtol: float) -> tlr.ParallelBUG | tlr.AugmentedBUG:
    """A method of the comparison at a relative tolerance; ranks 2 … 50 as in the paper."""
    rule = tlr.Truncation(rtol=rtol, max_rank=50, min_rank=2)
    kind, _, variant = name.partition(", ")
    order = 2 if variant == "order 2" else 1
    if kind == "augmented":
        return tlr.AugmentedBUG(rule, order=order)
    return tlr.ParallelBUG(rule, order=order, reject=REJECT if variant == "rejection" else None)


def solve(slab: Slab, name: str, rtol: float) -> Run:
    """One run of the library to the end."""
    problem = slab.problem()
    seconds: list[float] = []
    ranks: dict[int, list[int]] = {edge: [r] for edge, r in problem.start.ranks.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        before = time.process_time()
        for info in tlr.steps(problem.field, problem.start, (0.0, slab.end), step=slab.step,
                              method=method(name, rtol)):
            seconds.append(time.process_time() - before)
            for edge, rank in info.y.ranks.items():
                ranks[edge].append(rank)
            last = info
            before = time.process_time()
    look = {key: observer(slab.end, last.y) for key, observer in problem.observe.items()}
    return Run(
        name, rtol, slab.step, look["expectation"], look["variance"], look["mass"], ranks,
        np.array(seconds), last.record.rejected, last.record.rank_capped, peak_memory(),
    )


def peak_memory() -> float:
    """The most memory that this process has held, in GB."""
    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
