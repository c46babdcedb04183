"""Bad calls of the doors to a run, and functions of the user that go wrong on the way."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict as strict
import numpy as np
from conftest import gaussian
from refusal_cases import Case, refuse, refuse_call, refuse_file
from refusal_problems import SPANS

import tensorflowlr as tlr

TREE, SHAPE = tlr.Tree(((0, 1), 2)), (3, 4, 3)
OTHER = tlr.Tree((0, (1, 2)))
RULE = tlr.Truncation(atol=1e-8)
METHOD = tlr.AugmentedBUG(RULE)
Y0 = tlr.TreeTensor.random(TREE, SHAPE, 2, rng=0)
Y0_STRICT = Y0.to(like=strict.ones(1))
Y0_DEVICE1 = Y0.to(like=strict.ones(1, device=strict.Device("device1")))
ODD = tlr.TreeTensor.random(TREE, (3, 4, 4), 2, rng=0)
MOVED = tlr.TreeTensor.random(OTHER, SHAPE, 2, rng=0)
H = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], TREE, SHAPE)
ELSEWHERE = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], OTHER, SHAPE)
SMALLER = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], TREE, (3, 3, 3))
LARGE = tlr.TreeOperator.from_terms([(1e200, {0: gaussian((3, 3))})], TREE, SHAPE)


def broken(bad: float) -> tlr.TreeTensor:
    cores = [np.array(c) for c in Y0.cores]
    cores[0][0, 0] = bad
    return tlr.TreeTensor.trusted(TREE, cores)


def integrate(**options: Any) -> Any:
    given = {"F": H, "Y0": Y0, "span": (0.0, 1.0), "step": 0.1, "method": METHOD} | options
    return tlr.integrate(**given)


def steps(**options: Any) -> Any:
    given = {"F": H, "Y0": Y0, "span": (0.0, 1.0), "step": 0.1, "method": METHOD} | options
    return list(tlr.steps(**given))


DOORS = {"integrate": integrate, "steps": steps}
TIMES = ("0.5", 0.5, ["0.5"], [True], ["a"], [1j], [None], [np.ones(2)], {"a": 1}, {0.5})


def both(argument: str, values: Any, error: Any, *words: str) -> list[Case]:
    return [
        case for door, call in DOORS.items()
        for case in refuse(door, argument, lambda v, f=call: f(**{argument: v}), values, error,
                           "must be", *words)
    ]


ARGUMENTS = [
    *both("step", (0.0, -0.1, math.nan, math.inf, 10**400), ValueError),
    *both("step", ("0.1", None, True, 0.1j, [0.1], np.True_), TypeError),
    *both("step", (1e-300, 5e-324, 1e-18), ValueError),
    *both("span", SPANS, ValueError, "two"),
    *both("span", ("01", b"01", {0.0, 1.0}, {0: 1, 2: 3}, (-1.7e308, 1.7e308),
                  np.ma.masked_array([0.0, 1.0], [False, True])), ValueError),
    *both("method", ("ParallelBUG", None, tlr.ParallelBUG, RULE), TypeError),
    *both("Y0", (np.ones(SHAPE), None, H), TypeError, "a TreeTensor"),
    *both("Y0", (broken(math.nan), broken(math.inf)), ValueError, "finite"),
    *both("F", (None, np.ones((3, 3)), len, tlr.LinearField, Y0), TypeError),
    *both("executor", (4, "threads", True, int), TypeError),
    *[
        case for door, argument in (("integrate", "save_at"), ("steps", "land_on"))
        for case in (
            *refuse(door, argument, lambda v, d=door, n=argument: DOORS[d](**{n: v}), TIMES,
                    TypeError, "must be times"),
            *[c for span in ((0.0, 1.0), (1.0, 0.0)) for c in refuse_call(
                door, lambda d=door, n=argument, s=span: DOORS[d](**{n: [0.5, 2.0]}, span=s),
                ValueError, argument, "must lie in [0, 1], not 2.0")],
            *[c for time in (-0.1, math.nan, math.inf) for c in refuse_call(
                door, lambda d=door, n=argument, t=time: DOORS[d](**{n: [t]}), ValueError,
                argument, "must lie in [0, 1]", repr(time))],
        )
    ],
    *refuse("integrate", "progress", lambda v: integrate(progress=v), ("yes", 1, None), TypeError,
            "must be True or False"),
    *refuse("integrate", "checkpoint", lambda v: integrate(checkpoint=v), (3, True, ["run.h5"]),
            TypeError, "must be a path or"),
    *refuse_file("integrate", "checkpoint", lambda folder: integrate(checkpoint=folder), OSError,
                 "Is a directory"),
    *refuse_file("integrate", "checkpoint", lambda folder: integrate(
        checkpoint=folder / "none" / "run.h5"), OSError, "none", "No such file"),
]

OBSERVERS = [
    *refuse("integrate", "observe", lambda v: integrate(observe=v), ([len], len, "norm", 3),
            TypeError, "must map names to functions"),
    *refuse("integrate", "observe", lambda v: integrate(observe={v: len}), (3, None, b"x"),
            TypeError, "name"),
    *refuse("integrate", "observe['norm']", lambda v: integrate(observe={"norm": v}),
            (1.0, "norm", None, tlr.observers.Norm), TypeError, "must be callable"),
    *refuse("integrate", "observe['x']", lambda v: integrate(observe={"x": lambda t, Y: v}),
            (None, "high", Y0, {}, ["1"]), TypeError, "must return numbers"),
    *refuse_call("integrate", lambda: integrate(observe={"x": lambda t, Y: [[1.0], [1.0, 2.0]]}),
                 (TypeError, ValueError), "observe['x']", "must return"),
]


def factored(value: Any) -> Any:
    return tlr.FactoredField(lambda t, Y: value)


def dense(value: Any) -> Any:
    return tlr.DenseField(lambda t, y: value)


def sourced(value: Any) -> Any:
    return tlr.LinearField(H, source=value)


def coefficient(value: Any) -> Any:
    return tlr.LinearField(H, coefficient=lambda t: value)


BAD_FIELDS = [
    (factored(None), TypeError, "function must return a TreeTensor", "NoneType"),
    (factored(np.ones(SHAPE)), TypeError, "function must return a TreeTensor", "ndarray"),
    (factored(ODD), ValueError, "function must return shape (3, 4, 3)", "(3, 4, 4)"),
    (factored(MOVED), ValueError, "function must return shape", f"not (3, 4, 3) on {OTHER}"),
    (dense(None), ValueError, "function must return an array of shape (3, 4, 3)", "None"),
    (dense(np.ones((3, 4))), ValueError, "function must return an array of shape", "(3, 4)"),
    (dense(Y0), ValueError, "function must return an array of shape", "TreeTensor"),
    (dense(1.0), ValueError, "function must return an array of shape", "1.0"),
    (dense(np.full(SHAPE, "a")), TypeError, "function must return", "<U1"),
    (ELSEWHERE, ValueError, f"the operator lives on {OTHER}", f"the tensor on {TREE}"),
    (SMALLER, ValueError, "the operator has shape (3, 3, 3)", "the tensor (3, 4, 3)"),
    (sourced(ODD), ValueError, "source must have shape (3, 4, 3)", "(3, 4, 4)"),
    (sourced(MOVED), ValueError, "source must have shape", str(OTHER)),
    (sourced(np.ones((3, 4, 4))), ValueError, "source must have shape", "(3, 4, 4)"),
    (sourced(np.ones((3, 4))), ValueError, "source must have shape", "(3, 4)"),
    (sourced(np.full(SHAPE, math.nan)), ValueError, "source must be finite", "NaN or Inf"),
    (sourced(lambda t: None), (TypeError, ValueError), "source must", ""),
    (sourced(lambda t: "none"), TypeError, "source must be", "str"),
    (sourced(lambda t: ODD), ValueError, "source must have shape", "(3, 4, 4)"),
    (coefficient("1"), TypeError, "coefficient must be a number", "'1'"),
    (coefficient(None), TypeError, "coefficient must be a number", "None"),
    (coefficient(True), TypeError, "coefficient must be a number", "True"),
    (coefficient(np.ones(2)), TypeError, "coefficient must be a number", ""),
    (coefficient(math.nan), ValueError, "coefficient must be finite", "nan"),
]


def nothing_lost(error: tlr.IntegrationError) -> None:
    """The last good state and everything recorded until then."""
    solution = error.solution
    assert solution is not None
    assert solution.status == "failed"
    assert solution.final is error.state
    assert solution.times[-1] == error.time
    assert math.isfinite(error.state.norm())
    assert solution.message == str(error)
    assert error.__cause__ is not None


def under_way(error: tlr.IntegrationError) -> None:
    """As above, after some steps that had gone well."""
    if error.solution is not None:
        nothing_lost(error)
        assert 4 <= error.solution.stats["steps"] <= 5
    assert 0.4 <= error.time <= 0.5
    assert math.isfinite(error.state.norm())
    assert error.__cause__ is not None


def no_solution(error: tlr.IntegrationError) -> None:
    """Before the first step there is the start alone."""
    assert error.state is Y0
    assert error.time == 0.0


AT_START = [
    *[
        case for F, error, *words in BAD_FIELDS for door, call in DOORS.items()
        for case in refuse_call(door, lambda f=call, F=F: f(F=F), error, *words)
    ],
    *[
        case for door, call in DOORS.items()
        for case in refuse_call(
            door, lambda f=call: f(F=dense(np.full(SHAPE, math.nan))), tlr.IntegrationError,
            "F at the start t = 0:", "NaN or Inf", check=no_solution)
    ],
    *[
        case for other, what in ((Y0_STRICT, "libraries"), (Y0_DEVICE1, "libraries"))
        for F in (sourced(other), factored(other), sourced(other.to_dense()))
        for case in refuse_call("integrate", lambda F=F: integrate(F=F), TypeError,
                                f"arrays of different {what}", "array_api_strict")
    ],
    *refuse_call("integrate", lambda: integrate(F=factored(Y0_DEVICE1), Y0=Y0_STRICT), TypeError,
                 "function: arrays on different devices", "device1"),
    *refuse_call("integrate", lambda: integrate(F=LARGE, Y0=Y0.astype("float32")), ValueError,
                 "the operator has entries larger than float32"),
]


def later(good: Any, bad: Any) -> Any:
    """A function of time: good at first, bad after four steps."""

    def at(t: float) -> Any:
        value = good if t < 0.45 else bad
        if isinstance(value, Exception):
            raise value
        return value

    return at


class Odd(Exception):
    """An exception of the user's own."""


def turned(value: Any) -> Any:
    at = later(True, value)
    return tlr.FactoredField(lambda t, Y: Y if at(t) is True else value)


def turned_dense(value: Any) -> Any:
    at = later(True, value)
    return tlr.DenseField(lambda t, y: y if at(t) is True else value)


class TurningFlow:
    """A flow that is right for four steps."""

    def __init__(self, bad: Any) -> None:
        self.bad = bad

    def __call__(self, local: Any, t0: float, t1: float, start: Any) -> Any:
        if t0 < 0.35:
            return tlr.RungeKutta4()(local, t0, t1, start)
        if isinstance(self.bad, Exception):
            raise self.bad
        return self.bad(start)


UNDER_WAY: list[tuple[dict[str, Any], str]] = [
    ({"F": turned(None)}, "function must return a TreeTensor"),
    ({"F": turned(ODD)}, "function must return shape"),
    ({"F": turned(MOVED)}, "function must return shape"),
    ({"F": turned(Odd("mine"))}, "mine"),
    ({"F": turned(1j * Y0)}, "complex"),
    ({"F": turned(Y0_STRICT)}, "different libraries"),
    ({"F": turned(broken(math.nan))}, "NaN or Inf"),
    ({"F": turned_dense(np.ones((3, 4)))}, "function must return an array of shape"),
    ({"F": turned_dense(np.full(SHAPE, math.nan))}, "NaN or Inf"),
    ({"F": turned_dense(np.full(SHAPE, "a"))}, "function must return"),
    ({"F": turned_dense(1j * np.ones(SHAPE))}, "complex"),
    ({"F": turned_dense(ZeroDivisionError("mine"))}, "mine"),
    ({"F": tlr.LinearField(H, coefficient=later(1.0, math.nan))}, "coefficient must be finite"),
    ({"F": tlr.LinearField(H, coefficient=later(1.0, "1"))}, "coefficient must be a number"),
    ({"F": tlr.LinearField(H, coefficient=later(1.0, 1j))}, "complex"),
    ({"F": tlr.LinearField(H, coefficient=later(1.0, Odd("mine")))}, "mine"),
    ({"F": tlr.LinearField(H, source=later(Y0, MOVED))}, "source must have shape"),
    ({"F": tlr.LinearField(H, source=later(Y0, np.ones((3, 4))))}, "source must have shape"),
    ({"F": tlr.LinearField(H, source=later(Y0, "none"))}, "source must be"),
    ({"F": tlr.LinearField(H, source=later(Y0, 1j * Y0))}, "complex"),
    ({"F": tlr.LinearField(H, source=later(Y0, np.full(SHAPE, math.nan)))}, "NaN or Inf"),
    *[
        ({"method": kind(RULE, flow=TurningFlow(bad))}, words)
        for kind in (tlr.AugmentedBUG, tlr.ParallelBUG, tlr.FixedRankBUG)
        for bad, words in (
            (lambda x: x[:1], ""), (lambda x: x * math.nan, "NaN or Inf"), (lambda x: None, ""),
            (lambda x: "state", ""), (lambda x: np.ones((7, 7)), ""), (Odd("mine"), "mine"),
        )
    ],
]
LOOKED_AT: list[tuple[Any, str]] = [
    (lambda t, Y: np.zeros(1 + (t > 0.45)), "observe['x'] must return one shape, not (1,) and"),
    (lambda t, Y: 1.0 if t < 0.45 else "high", "observe['x'] must return numbers"),
    (lambda t, Y: later(1.0, Odd("mine"))(t), "mine"),
]


def grown(bad: Any) -> None:
    """The error of a run whose norm grew until it overflowed."""
    nothing_lost(bad)
    assert bad.solution.stats["steps"] >= 1


MID_RUN = [
    *[
        case for options, words in UNDER_WAY for door, call in DOORS.items()
        for case in refuse_call(door, lambda f=call, o=options: f(**o), tlr.IntegrationError,
                                "step from t = 0.4", words, check=under_way)
    ],
    *[
        case for observer, words in LOOKED_AT
        for case in refuse_call("integrate", lambda f=observer: integrate(observe={"x": f}),
                                tlr.IntegrationError, "t = 0.5", words, check=under_way)
    ],
    # without a word of NumPy about overflows on the way
    *[
        case for kind in (tlr.AugmentedBUG, tlr.ParallelBUG, tlr.FixedRankBUG)
        for flow in (tlr.RungeKutta4(), tlr.Exponential(), tlr.Krylov())
        for case in refuse_call(
            "integrate",
            lambda k=kind, f=flow: integrate(F=1e3 * H, span=(0.0, 1e4), step=1.0,
                                             method=k(RULE, flow=f)),
            tlr.IntegrationError, "step from t =", "smaller step")
    ],
    *refuse_call("integrate", lambda: integrate(F=1e60 * H, span=(0.0, 1e3), step=1.0),
                 tlr.IntegrationError, "step from t =", "smaller step", check=grown),
    *refuse_call(
        "integrate", lambda: integrate(F=tlr.FactoredField(lambda t, Y: 1e100 * Y), step=0.1),
        tlr.IntegrationError, "step from t =", "smaller step"),
]

CASES = [*ARGUMENTS, *OBSERVERS, *AT_START, *MID_RUN]
