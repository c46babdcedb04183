"""Bad calls of measures, and of the observers that hold their settings."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict as strict
import numpy as np
import scipy.sparse
from refusal_cases import Case, refuse, refuse_call
from refusal_operators import H
from refusal_operators import Y as PAIR

import tensorflowlr as tlr

measures, observers = tlr.measures, tlr.observers
Y = tlr.TreeTensor.random(tlr.Tree.balanced(3), (2, 3, 4), 2, rng=0)
NOT_TENSORS: Any = (None, np.ones((2, 3, 4)), H, "Y", 1.0)
NOT_MAPS: Any = (None, [0.5, 0.5], 3, "0", [(0, [1.0, 0.0])])
THIRDS, HALVES = np.ones(3) / 3, np.ones(2) / 2


def both(name: str, argument: str, values: Any, error: Any, *words: str, **rest: Any
         ) -> list[Case]:
    """A bad setting, in the function and in the observer."""
    function, kind = NAMES[name]
    given = SETTINGS[name] | rest
    return [
        *refuse(f"measures.{function}", argument,
                lambda v: getattr(measures, function)(Y, **(given | {argument: v})), values, error,
                *words),
        *(refuse(f"observers.{kind}", argument,
                 lambda v: getattr(observers, kind)(**(given | {argument: v})), values, error,
                 *words) if kind else []),
    ]


NAMES = {
    "contraction": ("contract_modes", "Contraction"), "mean": ("mean", "Mean"),
    "variance": ("variance", "Variance"), "marginal": ("marginal", "Marginal"),
    "amplitude": ("amplitude", ""), "density": ("reduced_density", "ReducedDensity"),
    "local": ("local_expectations", "LocalExpectations"),
    "correlations": ("correlations", "Correlations"), "entropies": ("entropies", "Entropies"),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "contraction": {"vectors": {0: 1}}, "mean": {"weights": {0: HALVES}},
    "variance": {"weights": {0: HALVES}}, "marginal": {"modes": 0}, "amplitude": {"modes": 0},
    "density": {"modes": 0}, "local": {"matrices": {0: np.ones(2)}},
    "correlations": {"first": {0: np.ones(2)}}, "entropies": {},
}

TENSORS = [
    *[
        case for name, (function, _) in NAMES.items()
        for case in refuse(f"measures.{function}", "Y", lambda v, f=function, n=name: getattr(
            measures, f)(v, **SETTINGS[n]), NOT_TENSORS, TypeError, "must be a TreeTensor")
    ],
    *refuse("measures.singular_values", "Y", measures.singular_values, NOT_TENSORS, TypeError,
            "must be a TreeTensor"),
]

MODES = [
    case for name in ("marginal", "density", "amplitude")
    for case in (
        *both(name, "modes", ("a", None, 1.0, True), TypeError),
        *both(name, "modes", (-1,), ValueError, "must"),
        *[c for function in [NAMES[name][0]] for value in (3, [0, 3])
          for c in refuse_call(f"measures.{function}", lambda f=function, v=value: getattr(
              measures, f)(Y, v), ValueError, "modes must be in 0 … 2", "not 3")],
        *[c for function in [NAMES[name][0]]
          for c in refuse_call(f"measures.{function}", lambda f=function: getattr(
              measures, f)(Y, [0, 0]), ValueError, "modes must differ", "0, 0")],
        *[c for function in [NAMES[name][0]]
          for c in refuse_call(f"measures.{function}", lambda f=function: getattr(
              measures, f)(Y, []), ValueError, "modes must have at least one entry")],
        *[c for kind in [NAMES[name][1]] if kind for value, words in (
            ([0, 0], "modes must differ"), ([], "modes must have at least one entry"))
          for c in refuse_call(f"observers.{kind}", lambda k=kind, v=value: getattr(
              observers, k)(v), ValueError, words)],
    )
]


def vectors(name: str, argument: str) -> list[Case]:
    """Mappings from modes to vectors."""
    function, kind = NAMES[name]

    def one(value: Any, mode: Any = 1) -> Any:
        return SETTINGS[name] | {argument: {mode: value}}

    doors = ((f"measures.{function}", lambda o: getattr(measures, function)(Y, **o)),
             (f"observers.{kind}", lambda o: getattr(observers, kind)(**o)))
    return [
        *both(name, argument, NOT_MAPS[argument == "select":], TypeError,
              "must map modes to vectors"),
        *[
            case for door, call in doors
            for case in (
                *refuse(door, f"a mode of {argument}", lambda v, c=call: c(one(THIRDS, v)),
                        ("a", None, 1.0, True), TypeError, "must be an integer"),
                *refuse(door, f"a mode of {argument}", lambda v, c=call: c(one(THIRDS, v)), (-1,),
                        ValueError, "must"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(one(v)),
                        ("abc", ["1", "2", "3"], None, [[1.0], [1.0, 2.0]]), TypeError),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(one(v)), (True, 1.0),
                        ValueError, "must have at least one axis"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(one(v)),
                        (np.ones((3, 1)), np.ones((1, 3))), ValueError, "must have"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(one(v)),
                        (np.array([math.nan, 1.0, 0.0]), np.full(3, math.inf)), ValueError,
                        "must be finite"),
            )
        ],
        *refuse(f"measures.{function}", f"{argument}[1]",
                lambda v: getattr(measures, function)(Y, **one(v)),
                (np.ones(2), np.ones(4)), ValueError, "must have shape (3,)"),
        *refuse(f"measures.{function}", f"a mode of {argument}",
                lambda v: getattr(measures, function)(Y, **one(THIRDS, v)), (3, 99), ValueError,
                "must be in 0 … 2"),
    ]


WEIGHTS = [
    *vectors("contraction", "vectors"),
    *refuse("measures.contract_modes", "vectors[1]", lambda v: measures.contract_modes(Y, {1: v}),
            (3, -4, 10**30), ValueError, "must be an index in [-3, 3)"),
    *refuse_call("observers.Contraction", lambda: observers.Contraction({}), ValueError,
                 "vectors must name at least one mode"),
    *[
        case for name in ("mean", "variance")
        for case in (
            *vectors(name, "weights"), *vectors(name, "select"),
            *[c for door, call in (
                (f"measures.{name}", lambda w, n=name: getattr(measures, n)(Y, w)),
                (f"observers.{name.title()}", lambda w, n=name: getattr(observers, n.title())(w)),
            ) for c in (
                *refuse_call(door, lambda f=call: f({}), ValueError,
                             "weights must name at least one mode"),
                *refuse_call(door, lambda f=call: f({0: [0.5, 0.6]}), ValueError,
                             "weights[0] must be probabilities", "the sum is 1.1"),
                *refuse_call(door, lambda f=call: f({0: [1.5, -0.5]}), ValueError,
                             "weights[0] must be probabilities", "the least is -0.5"),
                *refuse_call(door, lambda f=call: f({0: [0.5 + 1j, 0.5 - 1j]}), TypeError,
                             "weights[0] must be real", "complex128"),
            )],
            *refuse_call(f"measures.{name}", lambda n=name: getattr(measures, n)(
                Y, {0: HALVES}, select={0: 1}), ValueError, "[0] are in weights and in select"),
        )
    ],
]


def matrices(name: str, argument: str) -> list[Case]:
    """One matrix for all modes, or matrices by mode."""
    function, kind = NAMES[name]

    def given(value: Any) -> Any:
        return SETTINGS[name] | {argument: value}

    doors = ((f"measures.{function}", lambda o: getattr(measures, function)(Y, **o)),
             (f"observers.{kind}", lambda o: getattr(observers, kind)(**o)))
    return [
        *[
            case for door, call in doors
            for case in (
                *refuse(door, argument, lambda v, c=call: c(given(v)),
                        ("ab", ["1", "2"], np.array(["a"]), [[1.0], [1.0, 2.0]]), TypeError,
                        "must be an array of numbers"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(given({1: v})),
                        ("ab", None, [[1.0], [1.0, 2.0]]), TypeError,
                        "must be an array of numbers"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(given({1: v})),
                        (np.ones((2, 3)), np.ones((3, 3, 3))), ValueError, "must have shape"),
                *refuse(door, f"{argument}[1]", lambda v, c=call: c(given({1: v})),
                        (np.full((3, 3), math.nan),), ValueError, "must be finite"),
                *refuse_call(door, lambda c=call: c(given({1: scipy.sparse.csr_array(
                    np.full((3, 3), math.inf))})), ValueError, f"{argument}[1] must be finite"),
                *refuse(door, f"a mode of {argument}", lambda v, c=call: c(given({v: np.ones(3)})),
                        ("a", None, 1.0, True), TypeError, "must be an integer"),
                *refuse_call(door, lambda c=call: c(given({})), ValueError,
                             f"{argument} must name at least one mode"),
            )
        ],
        *refuse(f"measures.{function}", f"{argument}[1]",
                lambda v: getattr(measures, function)(Y, **given({1: v})),
                (np.ones(2), np.ones((4, 4))), ValueError, "must have shape (3, 3)"),
        *refuse(f"measures.{function}", f"a mode of {argument}",
                lambda v: getattr(measures, function)(Y, **given({v: np.ones(3)})), (3, -1),
                ValueError, "must be in 0 … 2"),
    ]


REST = [
    *matrices("local", "matrices"), *matrices("correlations", "first"),
    *matrices("correlations", "second"),
    *both("correlations", "connected", (1, "yes", None), TypeError, "must be True or False"),
    *both("entropies", "order", (-1.0, math.nan), ValueError, "must"),
    *both("entropies", "order", ("1", None, True, 1j, [1.0]), TypeError, "must be a number"),
    *refuse("observers.Expectation", "operator", observers.Expectation, (None, np.eye(2), 1.0),
            TypeError, "must be a TreeOperator"),
    *refuse("observers.Entries", "indices must be integers", observers.Entries,
            (np.array([[0.0, 1.0]]), np.array([True]), np.array(["a"])), TypeError),
    *refuse("observers.Entries", "indices must be integers, not", observers.Entries,
            ([[0, 1], [1]],), TypeError),
    *refuse("observers.Entries", "indices must have shape", observers.Entries,
            (np.ones((1, 1, 2), int), np.ones((0, 2), int)), ValueError),
    *[
        case for argument, least in (("edge", 0), ("count", 1))
        for case in (
            *refuse("observers.SingularValues", argument, lambda v, n=argument:
                    observers.SingularValues(**({"edge": 0, "count": 1} | {n: v})),
                    (least - 1, -7), ValueError, f"at least {least}"),
            *refuse("observers.SingularValues", argument, lambda v, n=argument:
                    observers.SingularValues(**({"edge": 0, "count": 1} | {n: v})),
                    (1.5, "0", True, None, np.array(1.5)), TypeError, "integer"),
        )
    ],
    *refuse_call("observers.SingularValues", lambda: observers.SingularValues(9, 1)(0.0, Y),
                 ValueError, "edge must be in 0 … 3", "not 9"),
    *refuse_call("observers.Entries", lambda: observers.Entries([9, 0, 0])(0.0, Y), IndexError,
                 "indices of mode 0 must lie in [-2, 2)", "not 9"),
    *refuse_call("observers.Expectation", lambda: observers.Expectation(H)(0.0, Y), ValueError,
                 "the operator lives on", str(Y.tree)),
    *refuse_call("observers.Expectation", lambda: observers.Expectation(H)(0.0, None), TypeError,
                 "Y must be a TreeTensor", "NoneType"),
    *refuse_call("observers.Marginal", lambda: observers.Marginal(3)(0.0, Y), ValueError,
                 "modes must be in 0 … 2", "not 3"),
    *[
        case for name in ("mean", "variance")
        for case in refuse(f"measures.{name}", "select", lambda v, n=name: getattr(measures, n)(
            Y, {0: HALVES}, select=v), (0, False, "", [], np.ones(2)), TypeError,
            "must map modes to vectors")
    ],
    *refuse_call("measures.contract_modes", lambda: measures.contract_modes(
        Y, {0: strict.ones(2)}), TypeError, "vectors[0]: arrays of different libraries"),
    *refuse_call("measures.local_expectations", lambda: measures.local_expectations(
        PAIR, {0: strict.ones(2)}), TypeError, "different libraries"),
]

CASES = [*TENSORS, *MODES, *WEIGHTS, *REST]
