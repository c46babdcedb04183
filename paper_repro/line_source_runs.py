"""Low-rank runs of the line source, and what is kept of them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import tensorflowlr as tlr
from paper_repro.common import Array
from tensorflowlr.problems import line_source
from tensorflowlr.problems.stencils import legendre_points

EDGES = {0: "space", 1: "angle", 2: "ξ", 3: "η", 4: "(space, angle) | (ξ, η)"}
REJECT = 5.0
POINTS = 100


@dataclass(frozen=True)
class Size:
    """Cells per side, degree of the harmonics, steps to T = 1 and the cap on ranks."""

    cells: int
    degree: int
    steps: int
    max_rank: int = 250

    @classmethod
    def at(cls, cells: int, degree: int, cfl: float, divisor: int = 1) -> Size:
        """Steps of at most `cfl` cells, their number a multiple of `divisor`."""
        count = int(np.ceil((cells - 1) / (3.0 * cfl * divisor) - 1e-9))
        return cls(cells, degree, divisor * count)


@dataclass(frozen=True)
class Run:
    """One run: the result, ranks of every edge after each step, CPU seconds of each step."""

    name: str
    rtol: float
    mean: Array
    variance: Array
    mass: float
    ranks: dict[int, Array]
    repeated: int
    capped: int
    seconds: Array
    moves: dict[str, float]

    @property
    def label(self) -> str:
        """Method and tolerance."""
        return f"{self.name}, rtol {self.rtol:g}"

    @property
    def max_rank(self) -> int:
        """The largest rank of any edge at any time."""
        return max(int(r.max()) for r in self.ranks.values())


def method(name: str, rule: tlr.Truncation) -> tlr.ParallelBUG | tlr.AugmentedBUG:
    """The method of a name."""
    if name == "augmented":
        return tlr.AugmentedBUG(rule)
    if name == "parallel, order 2":
        return tlr.ParallelBUG(rule, order=2)
    return tlr.ParallelBUG(rule, reject=REJECT if name == "parallel, rejection" else None)


def integrate(
    problem: tlr.problems.Problem, size: Size, name: str, rtol: float,
    save_at: Sequence[float] | None = None,
) -> tuple[tlr.Solution, Array]:
    """A run with ranks 2 … max_rank, and the CPU seconds of its steps."""
    rule = tlr.Truncation(rtol=rtol, min_rank=2, max_rank=size.max_rank)
    observe = {**problem.observe, "clock": lambda t, y: time.process_time()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        made = tlr.integrate(
            problem.field, problem.start, (0.0, 1.0), step=1.0 / size.steps,
            method=method(name, rule), observe=observe, save_at=save_at,
        )
    return made, np.diff(np.asarray(made.observables["clock"]))


def _kept(
    made: tlr.Solution, seconds: Array, name: str, rtol: float, mean: Array, variance: Array
) -> Run:
    moves = {key: move["cpu"] for key, move in made.stats["moves"].items() if move["calls"]}
    return Run(
        name, rtol, mean, variance, float(made.observables["mass"][-1]),
        {edge: np.asarray(r) for edge, r in made.ranks.items()}, made.stats["rejected"],
        made.stats["rank_capped"], seconds, moves,
    )


def uncertain(size: Size, name: str, rtol: float) -> Run:
    """Expectation and variance of moment 0 at T = 1, for σ_s = 1 + ξ + η and σ_a = 1."""
    problem = line_source(size.cells, size.degree, points=POINTS)
    made, seconds = integrate(problem, size, name, rtol)
    weights = {2: legendre_points(POINTS)[1], 3: legendre_points(POINTS)[1]}
    square = (size.cells, size.cells)
    mean = tlr.measures.mean(made.final, weights, select={1: 0})
    variance = tlr.measures.variance(made.final, weights, select={1: 0})
    return _kept(made, seconds, name, rtol, np.reshape(mean, square),
                 np.reshape(variance, square))


def certain(
    size: Size, name: str, rtol: float, reference: Array, rows: Sequence[int]
) -> tuple[Run, Array]:
    """The matrix problem, σ_s = 1 and σ_a = 0, and its relative errors at equal times.

    `reference` has shape (times, moments, cells, cells) and `rows` says which moments it has;
    all others must be zero and count as errors where they are not.
    """
    problem = line_source(size.cells, size.degree, amplitudes=(), absorption=0.0)
    times = np.arange(1, len(reference) + 1) / len(reference)
    made, seconds = integrate(problem, size, name, rtol, save_at=times.tolist())
    errors = []
    for state, wanted in zip(made.y, reference, strict=True):
        found = np.array(state.to_dense())
        found[:, rows] -= wanted.reshape(len(rows), -1).T
        errors.append(np.linalg.norm(found) / np.linalg.norm(wanted))
    flux = made.final.to_dense()[:, 0].reshape(size.cells, size.cells)
    return _kept(made, seconds, name, rtol, flux, np.zeros_like(flux)), np.array(errors)
