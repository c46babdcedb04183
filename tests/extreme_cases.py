"""Valid input at the ends of what can be: the right number, or a documented refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tensorflowlr as tlr

DOCUMENTED = (ValueError, TypeError, OverflowError, ZeroDivisionError, tlr.IntegrationError)
SIZES = (5e-324, 1e-320, 1e-300, 1e-200, 1e-160, 1e-30, 1.0, 1e30, 1e160, 1e200, 1e300, 1e308)
TREES = {
    "leaf": tlr.Tree((0,)), "chain": tlr.Tree((((0,),),)), "matrix": tlr.Tree.matrix(),
    "tucker": tlr.Tree.tucker(3), "train": tlr.Tree.train(4), "balanced": tlr.Tree.balanced(5),
}
RULE = tlr.Truncation(rtol=1e-10)


@dataclass(frozen=True)
class Extreme:
    """One input.

    Attributes
    ----------
    name
    call
        Returns a number or an array.
    truth
        What it must be, or makes it.
    must
        Whether a refusal is no answer.
    tolerance
        The relative error that is allowed, in the largest entry.
    """

    name: str
    call: Callable[[], Any]
    truth: Any
    must: bool = False
    tolerance: float = 1e-9

    def __str__(self) -> str:
        return self.name


def judged(case: Extreme) -> str:
    """``"right"``, ``"refused"``, or what was wrong."""
    try:
        made = case.call()
    except DOCUMENTED as error:
        return f"{type(error).__name__}: {error}" if case.must else "refused"
    with np.errstate(all="ignore"):
        truth = np.asarray(case.truth() if callable(case.truth) else case.truth)
    made = np.asarray(made)
    if made.shape != truth.shape:
        return f"shape {made.shape} instead of {truth.shape}"
    scale = float(np.max(np.abs(truth), initial=0.0))
    if not np.all(np.isfinite(made)):
        return f"{made} instead of {truth}"
    # numbers below the least normal one have fewer digits
    if np.all(np.abs(made - truth) <= case.tolerance * scale + 1e-322):
        return "right"
    return f"{made} instead of {truth}"


def filled(tree: tlr.Tree, size: float) -> np.ndarray:
    """A dense array of rank one whose largest entry is `size`."""
    shape = (3, 1, 2, 1, 2)[: tree.modes]
    ramp = np.linspace(0.25, 1.0, math.prod(shape[:1]))
    return ramp.reshape((-1, *[1] * (tree.modes - 1))) * np.ones(shape) * size


def made(tree: tlr.Tree, size: float) -> tlr.TreeTensor:
    return tlr.TreeTensor.from_dense(filled(tree, size), tree, RULE)


def run(size: float, coefficient: float, **options: Any) -> float:
    """The norm at the end of Y' = coefficient · Y over a unit of time."""
    tree = tlr.Tree.matrix()
    H = tlr.TreeOperator.from_terms([(1.0, {})], tree, (2, 2))
    start = tlr.TreeTensor.product([[1.0, 0.0], [0.0, 1.0]], tree) * size
    given = {"step": 0.25, "method": tlr.AugmentedBUG(RULE, flow=tlr.Exponential())} | options
    return tlr.integrate(tlr.LinearField(H, coefficient), start, (0.0, 1.0), **given).final.norm()


TENSORS = [
    case for name, tree in TREES.items() for size in SIZES for x in [filled(tree, size)]
    for case in (
        Extreme(f"from_dense {name} {size:g}", lambda t=tree, s=size: made(t, s).to_dense(), x,
                size < 1e300),
        Extreme(f"norm {name} {size:g}", lambda t=tree, s=size: made(t, s).norm(),
                lambda s=size, t=tree: s * np.linalg.norm(filled(t, 1.0)), 1e-300 < size < 1e300),
        Extreme(f"round {name} {size:g}", lambda t=tree, s=size: (made(t, s) + made(t, s)).round(
            RULE).to_dense(), 2.0 * (x if size < 1e308 else x / 2), 1e-300 < size < 1e300)
        if size < 1e308 else
        Extreme(f"double {name} {size:g}", lambda t=tree, s=size: (made(t, s) * 0.5).to_dense(),
                0.5 * x),
        Extreme(f"entries {name} {size:g}", lambda t=tree, s=size: made(t, s).entries(
            [-1] * t.modes), np.full(1, size), 1e-300 < size < 1e300),
        Extreme(f"difference {name} {size:g}", lambda t=tree, s=size: 1.0 + np.abs(
            (made(t, s) - made(t, s)).to_dense()).max() / s, 1.0),
        *([Extreme(f"inner {name} {size:g}", lambda t=tree, s=size: tlr.inner(
            made(t, s), made(t, s)), np.sum(filled(tree, size) ** 2),
            1e-140 < size < 1e150)] if size < 1e150 else [
            Extreme(f"inner {name} {size:g}", lambda t=tree, s=size: tlr.inner(
                made(t, s), made(t, 1.0)), lambda x=x, t=tree: np.sum(x * filled(t, 1.0)))]),
        *([] if size < 1e-300 else [
            Extreme(f"there and back {name} {size:g}",
                    lambda t=tree, s=size: (made(t, s) / s).to_dense(), x / size, size < 1e300),
            Extreme(f"product {name} {size:g}", lambda t=tree, s=size: (
                made(t, s) * made(t, 1.0 / s)).to_dense(), filled(tree, 1.0) ** 2, size < 1e300),
        ]),
    )
]
SINGLE = [
    case for name, tree in TREES.items() for size in (1e-44, 1e-37, 1e-22, 1e-15, 1e20, 1e30, 1e38)
    for x in [filled(tree, size).astype("float32")]
    for case in (
        Extreme(f"from_dense single {name} {size:g}",
                lambda t=tree, x=x: tlr.TreeTensor.from_dense(x, t).to_dense(), x,
                1e-40 < size < 1e37, 1e-5 if size > 1e-40 else 0.2),
        Extreme(f"norm single {name} {size:g}",
                lambda t=tree, x=x: tlr.TreeTensor.from_dense(x, t).norm(),
                float(np.linalg.norm(x.astype(float))), 1e-40 < size < 1e37,
                1e-5 if size > 1e-40 else 0.2),
    )
]

Z = np.diag([1.0, -1.0])
OPERATORS = [
    case for size in SIZES
    for case in (
        Extreme(f"operator's matrix {size:g}", lambda s=size: tlr.TreeOperator.from_terms(
            [(1.0, {0: s * Z})], tlr.Tree.matrix(), (2, 2)).to_dense(),
            np.kron(size * Z, np.eye(2)), 1e-300 < size < 1e300),
        Extreme(f"operator's coefficient {size:g}", lambda s=size: tlr.TreeOperator.from_terms(
            [(s, {0: Z, 1: Z}), (s, {1: Z})], tlr.Tree.matrix(), (2, 2)).to_dense(),
            lambda s=size: s * (np.kron(Z, Z) + np.kron(np.eye(2), Z)), 1e-300 < size < 1e300),
        Extreme(f"expectation {size:g}", lambda s=size: tlr.TreeOperator.from_terms(
            [(s, {0: [[0.0, 1.0], [0.0, 0.0]]})], tlr.Tree.matrix(), (2, 2)).expectation(
            tlr.TreeTensor.product([[1.0, 1j], [1.0, 0.0]], tlr.Tree.matrix())), 1j * size,
            1e-300 < size < 1e300),
    )
]

RUNS = [
    *[
        Extreme(f"run from {size:g}", lambda s=size: run(s, -1.0), size * math.exp(-1.0),
                1e-300 < size < 1e300)
        for size in SIZES
    ],
    *[
        Extreme(f"run by {c:g}", lambda c=c: run(1.0, c), math.exp(c), abs(c) < 50.0)
        for c in (-1e3, -50.0, 1e-300, -1e-20, 0.0, 1.0, 50.0, 709.0)
    ],
    Extreme("a step longer than the span", lambda: run(1.0, -1.0, step=1e300), math.exp(-1.0),
            True),
    Extreme("saved at both ends", lambda: run(1.0, -1.0, save_at=[0.0, 1.0]), math.exp(-1.0),
            True),
    Extreme("saved nowhere", lambda: run(1.0, -1.0, save_at=[]), math.exp(-1.0), True),
    Extreme("nothing observed", lambda: run(1.0, -1.0, observe={}), math.exp(-1.0), True),
    Extreme("from zero", lambda: run(0.0, 1.0), 0.0, True),
    Extreme("a tolerance above all", lambda: run(
        1.0, -1.0, method=tlr.AugmentedBUG(tlr.Truncation(atol=1e300))) * 0.0, 0.0),
    Extreme("rank one alone", lambda: run(1.0, -1.0, method=tlr.ParallelBUG(
        tlr.Truncation(max_rank=1), flow=tlr.Exponential())), math.exp(-1.0)),
]

PLAIN = [
    *[
        Extreme(f"zeros {name}", lambda t=tree: tlr.TreeTensor.from_dense(
            0.0 * filled(t, 1.0), t).round(RULE).to_dense(), 0.0 * filled(tree, 1.0), True)
        for name, tree in TREES.items()
    ],
    *[
        Extreme(f"sizes of one {name}", lambda t=tree: tlr.TreeTensor.random(
            t, (1,) * t.modes, 7, rng=0).norm(), 1.0, True)
        for name, tree in TREES.items()
    ],
    *[
        Extreme(f"ranks beyond all {name}", lambda t=tree: tlr.TreeTensor.random(
            t, (2,) * t.modes, 10**30, rng=0).norm(), 1.0, True)
        for name, tree in TREES.items()
    ],
    Extreme("rank of nothing", lambda: tlr.Truncation().rank([]), 0, True),
    Extreme("rank of zeros", lambda: tlr.Truncation().rank([0.0, 0.0]), 1, True),
    Extreme("rank of the least", lambda: tlr.Truncation(rtol=0.1).rank([1e-320, 5e-324]), 1, True),
    Extreme("rank of the largest", lambda: tlr.Truncation(rtol=0.1).rank([1e308, 1e306]), 1, True),
    Extreme("no entries", lambda: made(TREES["matrix"], 1.0).entries(
        np.zeros((0, 2), int)), np.zeros(0), True),
    Extreme("integers", lambda: tlr.TreeTensor.from_dense(
        [[2**53, 0], [0, 1]], TREES["matrix"]).to_dense(), np.diag([2.0**53, 1.0])),
    Extreme("vectors that make up for one another", lambda: tlr.TreeTensor.product(
        [[1e200], [1e200], [1e-300]], tlr.Tree.tucker(3)).norm(), 1e100, True),
    Extreme("a chain of one spin", lambda: tlr.problems.nearest_neighbour_ising(
        1).start.norm(), 1.0, True),
    Extreme("interactions that vanish", lambda: tlr.problems.long_range_ising(
        3, exponent=1e4).start.norm(), 1.0, True),
]

EXTREMES = [*TENSORS, *SINGLE, *OPERATORS, *RUNS, *PLAIN]
