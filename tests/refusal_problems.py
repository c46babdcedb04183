"""Bad calls of ready-made problems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from refusal_cases import Case, refuse, refuse_call
from refusal_operators import MATRIX, H, Y, a
from refusal_tensors import NOT_COUNTS

import tensorflowlr as tlr

LONG, NEAR = tlr.problems.long_range_ising, tlr.problems.nearest_neighbour_ising
WAVE = tlr.problems.discrete_schroedinger
SPANS = ((1.0, 1.0), (0.0, math.nan), (0.0, math.inf), 1.0, None, (0.0, 1.0, 2.0), (0.0,),
         ("a", "b"), ("0", "1"), "01", (0.0, 1j), (True, 2), (-1e308, 1e308))

PROBLEMS = [
    *[
        case for name, make, numbers in (
            ("long_range_ising", LONG, ("field", "detuning", "interaction", "exponent")),
            ("nearest_neighbour_ising", NEAR, ("coupling", "field")),
        )
        for case in (
            *refuse(f"problems.{name}", "modes", make, (0, -1), ValueError, "at least 1"),
            *refuse(f"problems.{name}", "modes", make, NOT_COUNTS, TypeError, "positive integer"),
            *refuse(f"problems.{name}", "modes", lambda v, m=make: m(v, tree=MATRIX), ("2", 2.0),
                    TypeError, "positive integer"),
            *refuse_call(f"problems.{name}", lambda m=make: m(3, tree=MATRIX), ValueError,
                         "tree has 2 modes", "the tensor has 3"),
            *refuse(f"problems.{name}", "tree", lambda v, m=make: m(2, tree=v),
                    ((0, 1), "balanced", 0, ()), TypeError, "must be a tlr.Tree"),
            *refuse(f"problems.{name}", "span", lambda v, m=make: m(2, span=v), SPANS, ValueError,
                    "must be two"),
            *[c for argument in numbers for c in (
                *refuse(f"problems.{name}", argument, lambda v, m=make, n=argument: m(2, **{n: v}),
                        (math.nan, math.inf, 10**400), ValueError, "must be a finite number"),
                *refuse(f"problems.{name}", argument, lambda v, m=make, n=argument: m(2, **{n: v}),
                        ("1", None, True, 1j, [1.0]), TypeError, "must be a finite number"),
            )],
        )
    ],
    *refuse("problems.long_range_ising", "modes", LONG, (5000, 10**9), ValueError,
            "at most 4096"),
    *refuse("problems.long_range_ising", "exponent", lambda v: LONG(4, exponent=v), (-1e4,),
            ValueError, "must be"),
    *refuse("problems.discrete_schroedinger", "points", WAVE, (1, 0, -1), ValueError,
            "at least 2"),
    *refuse("problems.discrete_schroedinger", "points", WAVE, (10**30,), ValueError, "at most"),
    *refuse("problems.discrete_schroedinger", "points", WAVE, NOT_COUNTS, TypeError,
            "positive integer"),
    *refuse("problems.discrete_schroedinger", "rank", lambda v: WAVE(8, rank=v), (0, -1, 9),
            ValueError, "at"),
    *refuse("problems.discrete_schroedinger", "rank", lambda v: WAVE(8, rank=v), NOT_COUNTS,
            TypeError, "positive integer"),
    *refuse("problems.discrete_schroedinger", "rng", lambda v: WAVE(8, rng=v), ("a", 1.5, True),
            TypeError, "numpy.random.default_rng"),
    *refuse("problems.discrete_schroedinger", "span", lambda v: WAVE(8, span=v), SPANS,
            ValueError, "must be two"),
    *refuse("problems.Problem", "span",
            lambda v: tlr.problems.Problem("x", tlr.LinearField(H), Y, v), SPANS, ValueError,
            "must be two"),
    *refuse("problems.Problem", "start",
            lambda v: tlr.problems.Problem("x", tlr.LinearField(H), v, (0.0, 1.0)), (None, a),
            TypeError, "must be a TreeTensor"),
    *refuse("problems.Problem", "field", lambda v: tlr.problems.Problem("x", v, Y, (0.0, 1.0)),
            (None, a, tlr.LinearField, 3), TypeError, "must be a TreeOperator"),
    *refuse("problems.Problem", "observe",
            lambda v: tlr.problems.Problem("x", H, Y, (0.0, 1.0), v), (3, [len]), TypeError,
            "must map names to functions"),
    *refuse("problems.Problem", "observe['norm']",
            lambda v: tlr.problems.Problem("x", H, Y, (0.0, 1.0), {"norm": v}), (3, "norm"),
            TypeError, "must be callable"),
]

SLAB, SOURCE = tlr.problems.radiation_slab, tlr.problems.line_source
NOT_REAL: Any = ("1", None, True, 1j, [1.0])


def transport(name: str, make: Any, counts: dict[str, int], signs: dict[str, bool]
              ) -> list[Case]:
    """Rows of a problem of radiative transfer: counts with their least, numbers with their sign."""
    door = f"problems.{name}"

    def call(**options: Any) -> Any:
        small: dict[str, Any] = {key: max(least, 4) for key, least in counts.items()}
        return make(**(small | {"points": 3} | options))

    return [
        *[
            case for argument, least in counts.items()
            for case in (
                *refuse(door, argument, lambda v, n=argument: call(**{n: v}), (least - 1, -1),
                        ValueError, f"at least {least}"),
                *refuse(door, argument, lambda v, n=argument: call(**{n: v}), NOT_COUNTS,
                        TypeError, "integer"),
                *([] if argument == "rank" else refuse(
                    door, argument, lambda v, n=argument: call(**{n: v}), (10**30,), ValueError,
                    "at most")),
            )
        ],
        *[
            case for argument, positive in signs.items()
            for case in (
                *refuse(door, argument, lambda v, n=argument: call(**{n: v}),
                        (-1.0, math.nan, math.inf, 10**400, *((0.0,) if positive else ())),
                        ValueError, "must be"),
                *refuse(door, argument, lambda v, n=argument: call(**{n: v}), NOT_REAL, TypeError,
                        "must be"),
            )
        ],
        *refuse(door, "amplitudes", lambda v: call(amplitudes=v),
                (3.0, None, "12", {0: 1.0}, np.array(1.0)), TypeError,
                "must be a sequence of numbers"),
        *refuse(door, "amplitudes[1]", lambda v: call(amplitudes=(0.5, v)), (math.nan, math.inf),
                ValueError, "must be"),
        *refuse(door, "amplitudes[1]", lambda v: call(amplitudes=(0.5, v)), NOT_REAL, TypeError,
                "must be"),
        *refuse(door, "span", lambda v: call(span=v), SPANS, ValueError, "must be two"),
    ]


RADIATION = [
    *transport("radiation_slab", SLAB, {"cells": 3, "moments": 2, "points": 1, "rank": 1},
               {"half_width": True, "width": True, "scattering": False, "absorption": False}),
    *refuse_call("problems.radiation_slab", lambda: SLAB(
        5, 4, points=2, amplitudes=(0.5, 0.6), scattering=1.0), ValueError,
        "amplitudes must not sum to more than scattering = 1.0", "0.6"),
    *refuse("problems.radiation_slab", "tree", lambda v: SLAB(5, 4, points=2, tree=v),
            ((0, 1), "balanced", 0), TypeError, "must be a tlr.Tree"),
    *refuse_call("problems.radiation_slab", lambda: SLAB(5, 4, points=2, tree=MATRIX), ValueError,
                 "tree has 2 modes", "the tensor has 4"),
    *transport("line_source", SOURCE, {"cells": 3, "degree": 1, "points": 1},
               {"half_width": True, "width": True, "absorption": False, "floor": False}),
    *refuse("problems.line_source", "scattering", lambda v: SOURCE(4, 1, points=2, scattering=v),
            (math.nan, math.inf, 10**400), ValueError, "must be a finite number"),
    *refuse("problems.line_source", "scattering", lambda v: SOURCE(4, 1, points=2, scattering=v),
            NOT_REAL, TypeError, "must be a finite number"),
]

CASES = [*PROBLEMS, *RADIATION]
