"""Bad calls of operators, fields, flows, methods and problems: what is refused before a run."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict as strict
import numpy as np
import scipy.sparse
from refusal_cases import refuse, refuse_call
from refusal_tensors import NOT_COUNTS, NOT_RULES, NOT_TREES

import tensorflowlr as tlr

DEVICE1 = strict.Device("device1")
MATRIX, TWISTED = tlr.Tree.matrix(), tlr.Tree((1, 0))
a = np.ones((2, 2))
Y = tlr.TreeTensor.random(MATRIX, (2, 2), 1, rng=0)
Y_STRICT = Y.to(like=strict.ones(1))
Y_DEVICE1 = Y.to(like=strict.ones(1, device=DEVICE1))
H = tlr.TreeOperator.from_terms([(1.0, {0: a})], MATRIX, (2, 2))
HUGE = tlr.TreeOperator.from_terms([(1e200, {0: a})], MATRIX, (2, 2))
H_STRICT = tlr.TreeOperator.from_terms([(1.0, {0: strict.ones((2, 2))})], MATRIX, (2, 2))
ELSEWHERE = tlr.TreeOperator.from_terms([(1.0, {0: a})], TWISTED, (2, 2))
SMALLER = tlr.TreeOperator.from_terms([(1.0, {1: a})], MATRIX, (1, 2))
RULE = tlr.Truncation(atol=1e-8)
NOT_OPERATORS = (None, a, "H", 1.0)


def terms(value: Any, **options: Any) -> Any:
    given = {"tree": MATRIX, "shape": (2, 2), "rule": None} | options
    return tlr.TreeOperator.from_terms(value, given["tree"], given["shape"], given["rule"])


def one(**options: Any) -> Any:
    return terms([(1.0, {0: a})], **options)


def factor(value: Any, mode: Any = 0) -> Any:
    return terms([(1.0, {}), (1.0, {mode: value})])


TERMS = [
    *refuse_call("TreeOperator.from_terms", lambda: terms([]), ValueError,
                 "terms must have at least one entry"),
    *refuse("TreeOperator.from_terms", "terms", terms, (None, 5, "ab", {0: a}), TypeError,
            "must be a sequence"),
    *refuse("TreeOperator.from_terms", "terms[0]", lambda v: terms([v]),
            (1, (1.0,), (1.0, {}, 2), "a", None), ValueError,
            "must be (coefficient, {mode: matrix})"),
    *refuse("TreeOperator.from_terms", "terms[0][1]", lambda v: terms([(1.0, v)]),
            ([a], None, "ab"), TypeError, "must map modes to matrices"),
    *refuse("TreeOperator.from_terms", "terms[0][0]", lambda v: terms([(v, {0: a})]),
            ("a", "1", None, np.ones(2), [1.0], True, np.array(True)), TypeError,
            "must be a number"),
    *refuse("TreeOperator.from_terms", "terms[0][0]", lambda v: terms([(v, {0: a})]),
            (math.nan, math.inf, complex(0, math.nan), 10**400), ValueError, "must be finite"),
    *refuse("TreeOperator.from_terms", "terms[1]", lambda v: factor(a, v),
            (2, -1, "a", 0.0, True, None), ValueError, "a mode must be in 0 … 1"),
    *refuse_call("TreeOperator.from_terms", lambda: terms([(1.0, {0: a, "a": a})]), ValueError,
                 "terms[0]: a mode must be", "'a'"),
    *refuse("TreeOperator.from_terms", "terms[1][1][0]", factor,
            (np.ones((3, 3)), np.ones((2, 3)), np.ones(3), np.ones((2, 2, 2)),
             scipy.sparse.eye_array(3).tocsr()), ValueError,
            "must have shape (2, 2), or (2,) for a diagonal"),
    *refuse_call("TreeOperator.from_terms", lambda: factor(2.0), ValueError,
                 "terms[1][1][0] must have at least one axis"),
    *refuse("TreeOperator.from_terms", "terms[1][1][0]", factor, (np.zeros((0, 0)),), ValueError,
            "must have no empty axis"),
    *refuse("TreeOperator.from_terms", "terms[1][1][0]", factor,
            (np.nan * a, np.array([1.0, np.inf])), ValueError, "must be finite"),
    *[
        case for value in (scipy.sparse.csr_array(np.inf * a), strict.asarray([np.nan, 1.0]))
        for case in refuse_call("TreeOperator.from_terms", lambda v=value: factor(v), ValueError,
                                "terms[1][1][0] must be finite", "NaN or Inf")
    ],
    *refuse("TreeOperator.from_terms", "terms[1][1][0]", factor,
            ("ab", ["1", "2"], [[1.0], [1.0, 2.0]], a.astype("float16"), np.array([1, 2], object)),
            TypeError, "must be"),
    *[
        case for mode in (0, 1)
        for case in refuse_call(
            "TreeOperator.from_terms",
            lambda m=mode: terms([(1.0, {0: a}), (1.0, {m: strict.ones((2, 2))})]), TypeError,
            "terms: arrays of different libraries", "array_api_strict")
    ],
    *refuse_call(
        "TreeOperator.from_terms",
        lambda: terms([(1.0, {0: strict.ones(2), 1: strict.ones(2, device=DEVICE1)})]), TypeError,
        "terms: arrays on different devices", "device1"),
    *refuse_call("TreeOperator.from_terms", lambda: terms([(1e200, {0: 1e200 * a})]), ValueError,
                 "terms[0]", "overflows"),
    *refuse_call("TreeOperator.from_terms", lambda: one(shape=(2,)), ValueError,
                 "tree has 2 modes", "the tensor has 1"),
    *refuse("TreeOperator.from_terms", "shape[1]", lambda v: one(shape=(2, v)),
            (0, -2, 2.5, "2", True, None), ValueError, "must be a positive integer"),
    *refuse("TreeOperator.from_terms", "shape", lambda v: one(shape=v), (5, None), TypeError,
            "must be a sequence"),
    *refuse("TreeOperator.from_terms", "tree", lambda v: one(tree=v), NOT_TREES, TypeError,
            "must be a tlr.Tree"),
    *refuse("TreeOperator.from_terms", "rule", lambda v: one(rule=v), NOT_RULES, TypeError,
            "must be a tlr.Truncation"),
]

PARTS = ([[a], [a]], [np.ones((1, 1))])


def parts(matrices: Any = PARTS[0], cores: Any = PARTS[1], tree: Any = MATRIX) -> Any:
    return tlr.TreeOperator(tree, matrices, cores)


OPERATORS = [
    *refuse("TreeOperator", "tree", lambda v: parts(tree=v), NOT_TREES, TypeError,
            "must be a tlr.Tree"),
    *refuse("TreeOperator", "leaf_matrices", parts, (None, 3), TypeError, "must be a sequence"),
    *refuse_call("TreeOperator", lambda: parts([[a]]), ValueError, "leaf_matrices:", "needs 2",
                 "not 1"),
    *refuse_call("TreeOperator", lambda: parts([[a], []]), ValueError,
                 "leaf_matrices[1] must have at least one entry"),
    *refuse("TreeOperator", "leaf_matrices[0][1]", lambda v: parts([[a, v], [a]]),
            (np.ones((3, 3)), np.ones((2, 2, 2)), np.ones(1)), ValueError, "must have shape"),
    *refuse("TreeOperator", "leaf_matrices[1][0]", lambda v: parts([[a], [v]]), (np.nan * a,),
            ValueError, "must be finite"),
    *refuse("TreeOperator", "leaf_matrices[1][0]", lambda v: parts([[a], [v]]), ("ab", None),
            TypeError, "must be an array of numbers"),
    *refuse_call("TreeOperator", lambda: parts([[a], [strict.ones((2, 2))]]), TypeError,
                 "leaf_matrices: arrays of different libraries", "array_api_strict"),
    *refuse("TreeOperator", "cores", lambda v: parts(cores=v), (None, 3), TypeError,
            "must be a sequence"),
    *refuse_call("TreeOperator", lambda: parts(cores=[a, a]), ValueError, "cores:", "needs 1",
                 "not 2"),
    *refuse("TreeOperator", "cores[0]", lambda v: parts(cores=[v]),
            (np.ones((2, 1)), np.ones(1), np.ones((1, 1, 1))), ValueError,
            "must have shape (1, 1)"),
    *refuse("TreeOperator", "cores[0]", lambda v: parts(cores=[v]), (np.full((1, 1), np.nan),),
            ValueError, "must be finite"),
    *refuse("TreeOperator.__matmul__", "TreeOperator", lambda v: H @ v, (a, H, 1.0, None),
            TypeError),
    *refuse("TreeOperator.__matmul__", "TreeOperator", lambda v: v @ H, (a, Y), TypeError),
    *refuse("TreeOperator.__mul__", "TreeOperator", lambda v: H * v, (a, "a", None, True),
            TypeError),
    *refuse("TreeOperator.__rmul__", "TreeOperator", lambda v: v * H, (a, "a", None, True),
            TypeError),
    *refuse("TreeOperator.__mul__", "factor", lambda v: H * v, (math.nan, math.inf, 10**400),
            ValueError, "must be finite"),
    *refuse("TreeOperator.__mul__", "factor", lambda v: HUGE * v, (1e200,), OverflowError,
            "float64"),
    *refuse("TreeOperator.__rmul__", "factor", lambda v: v * H, (math.nan,), ValueError,
            "must be finite"),
    *refuse("TreeOperator.expectation", "Y", H.expectation, (a, None, H), TypeError,
            "must be a TreeTensor"),
    *[
        case for door, call in (("TreeOperator.__matmul__", lambda h, y: h @ y),
                                ("TreeOperator.expectation", lambda h, y: h.expectation(y)))
        for case in (
            *refuse_call(door, lambda f=call: f(
                H, tlr.TreeTensor.random(TWISTED, (2, 2), 1, rng=0)), ValueError,
                "the tensor on Tree((1, 0))", "operator lives on Tree((0, 1))"),
            *refuse_call(door, lambda f=call: f(
                H, tlr.TreeTensor.random(MATRIX, (2, 3), 1, rng=0)), ValueError,
                "the tensor (2, 3)", "operator has shape (2, 2)"),
            *refuse_call(door, lambda f=call: f(H_STRICT, Y), TypeError,
                         "operator and tensor: arrays of different libraries", "numpy"),
            *refuse_call(door, lambda f=call: f(H_STRICT, Y_DEVICE1), TypeError,
                         "operator and tensor: arrays on different devices", "device1"),
            *refuse_call(door, lambda f=call: f(HUGE, 1e200 * Y), OverflowError, "float64"),
            *refuse_call(door, lambda f=call: f(HUGE, Y.astype("float32")), ValueError,
                         "the operator has entries larger than float32"),
        )
    ],
]


def sourced(value: Any) -> Any:
    return tlr.LinearField(H, source=value)


FIELDS = [
    *refuse("LinearField", "operator", tlr.LinearField, NOT_OPERATORS, TypeError,
            "must be a TreeOperator"),
    *refuse_call("LinearField", lambda: tlr.LinearField([]), TypeError,
                 "operator must be a TreeOperator", "[]"),
    *refuse_call("LinearField", lambda: tlr.LinearField([H, Y]), TypeError,
                 "operator must be a TreeOperator", "TreeTensor"),
    *[
        case for other, shown in ((ELSEWHERE, "Tree((1, 0))"), (SMALLER, "(1, 2)"))
        for case in refuse_call("LinearField", lambda o=other: tlr.LinearField([H, o]), ValueError,
                                "operator: all operators must share one tree and shape", shown)
    ],
    *refuse_call("LinearField", lambda: tlr.LinearField([H, H], [1.0]), ValueError,
                 "coefficient: 2 operators need as many", "[1.0]"),
    *refuse_call("LinearField", lambda: tlr.LinearField(H, [1.0]), ValueError,
                 "coefficient", "[1.0]"),
    *refuse("LinearField", "coefficient", lambda v: tlr.LinearField(H, v),
            (math.nan, math.inf, complex(0, math.nan), 10**400), ValueError, "must be finite"),
    *refuse("LinearField", "coefficient", lambda v: tlr.LinearField(H, v),
            ("1", None, True, np.ones(1)), TypeError, "must be a number"),
    *refuse("LinearField", "source", sourced,
            ("none", ["1", "2"], 3.0, {}, H, np.array(["a"]), [[1.0], [1.0, 2.0]]), TypeError,
            "must be a tree tensor, an array or a function"),
    *[
        case for name, kind in (("FactoredField", tlr.FactoredField),
                                ("DenseField", tlr.DenseField))
        for case in refuse(name, "function", kind, (None, 1.0, Y, "f"), TypeError,
                           "must be callable")
    ],
]

METHODS = [
    *[
        case for name, kind in (("ParallelBUG", tlr.ParallelBUG),
                                ("AugmentedBUG", tlr.AugmentedBUG))
        for case in (
            *refuse(name, "rule", kind, (None, *NOT_RULES), TypeError, "must be a tlr.Truncation"),
            *refuse(name, "order", lambda v, k=kind: k(RULE, order=v),
                    (0, 3, "1", 1.0, True, None, np.array(1.5), np.ones(2), np.zeros(0)),
                    ValueError, "must be 1 or 2"),
            *refuse(name, "enrich", lambda v, k=kind: k(RULE, enrich=v),
                    ("full", None, 1, ["range"], np.ones(2), np.array(["range"])), ValueError,
                    "must be 'range' or 'tangent'"),
            *refuse(name, "flow", lambda v, k=kind: k(RULE, flow=v), (None, "rk4", tlr.Krylov, 4),
                    TypeError, "must be"),
            *refuse_call(name, lambda k=kind: k(RULE, 2), TypeError, "positional argument"),
            *refuse_call(name, lambda k=kind: k(RULE, ordre=2), TypeError, "ordre"),
        )
    ],
    *refuse("ParallelBUG", "reject", lambda v: tlr.ParallelBUG(RULE, reject=v),
            (0.0, -10.0, math.nan, math.inf), ValueError, "must be None or"),
    *refuse("ParallelBUG", "reject", lambda v: tlr.ParallelBUG(RULE, reject=v),
            ("10", True, [10.0], 10j), TypeError, "must be None or"),
    *refuse_call("AugmentedBUG", lambda: tlr.AugmentedBUG(RULE, reject=10.0), TypeError, "reject"),
    *refuse("FixedRankBUG", "rule", tlr.FixedRankBUG, (None, *NOT_RULES), TypeError,
            "must be a tlr.Truncation"),
    *refuse("FixedRankBUG", "flow", lambda v: tlr.FixedRankBUG(RULE, flow=v),
            (None, "rk4", tlr.Krylov, 4), TypeError, "must be"),
    *refuse_call("FixedRankBUG", lambda: tlr.FixedRankBUG(RULE, order=2), TypeError, "order"),
    *refuse_call("FixedRankBUG", lambda: tlr.FixedRankBUG(RULE, tlr.Krylov()), TypeError,
                 "positional argument"),
    *refuse("RungeKutta4", "substeps", tlr.RungeKutta4, (0, -1), ValueError, "at least 1"),
    *refuse("RungeKutta4", "substeps", tlr.RungeKutta4, NOT_COUNTS, TypeError, "positive integer"),
    *refuse("Krylov", "max_dimension", lambda v: tlr.Krylov(max_dimension=v), (1, 0, -3),
            ValueError, "at least 2"),
    *refuse("Krylov", "max_dimension", lambda v: tlr.Krylov(max_dimension=v), NOT_COUNTS,
            TypeError, "integer"),
    *[
        case for name, kind in (("Krylov", tlr.Krylov), ("Exponential", tlr.Exponential))
        for case in (
            *refuse(name, "tol", lambda v, k=kind: k(tol=v),
                    (0.0, -1e-8, 1.0, 2.0, math.nan, math.inf), ValueError, "between 0 and 1"),
            *refuse(name, "tol", lambda v, k=kind: k(tol=v), ("1e-8", None, 1j, True, [0.1]),
                    TypeError, "between 0 and 1"),
        )
    ],
    *refuse("cite", "method", tlr.cite, ("BUG", None, 3, tlr.Krylov, ["ParallelBUG"]), ValueError,
            "must be one of ParallelBUG, AugmentedBUG"),
]

CASES = [*TERMS, *OPERATORS, *FIELDS, *METHODS]
