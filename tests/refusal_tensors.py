"""Bad calls of trees, rules and tensors."""

from __future__ import annotations

from typing import Any

import array_api_strict as strict
import numpy as np
import scipy.sparse
import tensorly
from refusal_cases import refuse, refuse_call

import tensorflowlr as tlr

DEVICE1 = strict.Device("device1")
MATRIX, TUCKER3 = tlr.Tree.matrix(), tlr.Tree.tucker(3)
TWISTED = tlr.Tree((1, 0))
x, u, s = np.ones((2, 3)), np.ones((2, 1)), np.ones((1, 1))
Y = tlr.TreeTensor.random(MATRIX, (2, 3), 2, rng=0)
# more digits than Python writes down
DIGITS = 1 << 20000
OTHERS = {
    "trees": tlr.TreeTensor.random(TWISTED, (2, 3), 1, rng=0),
    "shapes": tlr.TreeTensor.random(MATRIX, (2, 2), 1, rng=0),
}
Y_STRICT = Y.to(like=strict.ones(1))
Y_DEVICE1 = Y.to(like=strict.ones(1, device=DEVICE1))
TENSORLY_TUCKER = tensorly.tucker_tensor.TuckerTensor((s, [u, u]))
TENSORLY_CP = tensorly.cp_tensor.CPTensor((None, [u, u]))
NOT_TREES = ((0, 1), "balanced", 2, [0, 1])
NOT_RULES = (1e-3, "rtol", {"rtol": 0.1}, tlr.Truncation)
NOT_COUNTS = (1.5, 2.0, True, "2", None, [1, 1], np.array([3]), np.array(3.5), np.True_, 1j)
NOT_DTYPES = (int, "int32", bool, str, object, None, "float16", "nothing", 3)
NOT_ARRAYS = ("abc", ["1", "2"], [[1, 2], [3]], [None, "a"], np.array(["2020-01-01"], "M8[D]"),
              np.array([1, 2], object), [10**400], {1: 2}, scipy.sparse.eye_array(3),
              np.ma.masked_array(x, x == x))
NOT_NUMBERS: Any = ("a", None, [1.0], True, np.ones(2))


def holding(value: Any) -> np.ndarray:
    return np.array([[1.0, value], [0.0, 1.0]])


def cores(*arrays: Any) -> Any:
    return lambda: tlr.TreeTensor(MATRIX, arrays)


def range_of(last: int) -> tuple[int, ...]:
    return tuple(range(last + 1))


TREES = [
    *refuse("Tree", "spec", tlr.Tree,
            (3, None, "ab", {0, 1}, 1.0, np.array([0, 1])), TypeError, "nested tuples"),
    *refuse("Tree", "spec", lambda v: tlr.Tree((0, v)),
            (1.0, "1", True, None, np.array([1])), TypeError, "a mode must be an integer"),
    *refuse_call("Tree", lambda: tlr.Tree((0, (None, 1))), TypeError, "spec", "None"),
    *refuse("Tree", "spec", tlr.Tree, ((), ((), 0), [[]]), ValueError, "at least one mode"),
    *refuse("Tree", "spec", lambda v: tlr.Tree(tuple(v)),
            ([0, 0], [1, 2], [0, 2], [0, -1], [0, 2**70]), ValueError,
            "each mode 0 … 1 exactly once"),
    *refuse_call("Tree", lambda: tlr.Tree(range_of(1 << 20)), ValueError,
                 "spec must hold at most 1048576 modes", "not 1048577"),
    *[
        case for name, make in (("train", tlr.Tree.train), ("balanced", tlr.Tree.balanced),
                                ("tucker", tlr.Tree.tucker))
        for case in (
            *refuse(f"Tree.{name}", "modes", make, NOT_COUNTS, TypeError, "a positive integer"),
            *refuse(f"Tree.{name}", "modes", make, (0, -1), ValueError, "at least 1"),
            *refuse(f"Tree.{name}", "modes", make, (10**9, 10**30), ValueError, "at most"),
        )
    ],
    *refuse("Tree.train", "root", lambda v: tlr.Tree.train(3, root=v), ("a", None, 1.0, True),
            TypeError, "integer"),
    *refuse("Tree.train", "root", lambda v: tlr.Tree.train(3, root=v), (3, -1, 10**30),
            ValueError, "at"),
    *[
        case for name, call in (
            ("is_leaf", MATRIX.is_leaf), ("descendants", MATRIX.descendants),
            ("levels", lambda node: MATRIX.levels([0, node])),
        )
        for case in (
            *refuse(f"Tree.{name}", "node", call, (3, -1), ValueError, "at"),
            *refuse(f"Tree.{name}", "node", call, ("a", None, 1.0, True), TypeError, "integer"),
        )
    ],
]

DIGITLESS = [
    case for door, call in (
        ("Tree.train", tlr.Tree.train), ("Tree", lambda v: tlr.Tree((0, v))),
        ("Truncation", tlr.Truncation), ("TreeTensor.random", lambda v: random(shape=(2, v))),
        ("TreeTensor.random", lambda v: random(rank=-v)), ("TreeTensor.__mul__", lambda v: Y * v),
    )
    for case in refuse_call(door, lambda f=call: f(DIGITS), ValueError, "a value of type")
]

RULES = [
    *[
        case for name in ("rtol", "atol")
        for case in (
            *refuse("Truncation", name, lambda v, n=name: tlr.Truncation(**{n: v}),
                    (-1.0, -1e-300, np.nan, np.inf, -np.inf, 10**400), ValueError,
                    "finite and not negative"),
            *refuse("Truncation", name, lambda v, n=name: tlr.Truncation(**{n: v}),
                    ("a", "1e-3", None, True, np.True_, 1j, np.ones(2), [0.1]), TypeError,
                    "must be"),
        )
    ],
    *[
        case for name in ("max_rank", "min_rank")
        for case in (
            *refuse("Truncation", name, lambda v, n=name: tlr.Truncation(**{n: v}), (0, -1),
                    ValueError, "at least 1"),
            *refuse("Truncation", name, lambda v, n=name: tlr.Truncation(**{n: v}),
                    (1.5, "a", "3", True, np.array([3]), np.inf, 2j), TypeError,
                    "positive integer"),
        )
    ],
    *refuse("Truncation", "min_rank", lambda v: tlr.Truncation(min_rank=v), (None,), TypeError),
    *refuse_call("Truncation", lambda: tlr.Truncation(min_rank=3, max_rank=2), ValueError,
                 "min_rank = 3", "max_rank = 2"),
    *refuse("Truncation.tolerance", "norm", tlr.Truncation(rtol=0.1).tolerance,
            (-1.0, np.nan, np.inf), ValueError, "finite and not negative"),
    *refuse("Truncation.tolerance", "norm", tlr.Truncation(rtol=0.1).tolerance,
            ("1", None, True, 1j), TypeError, "must be"),
    *refuse("Truncation.rank", "singular_values", tlr.Truncation().rank,
            (np.ones((1, 1)), np.float64(1.0)), ValueError, "must have one axis"),
    *[
        case for values, shown in (
            ([1.0, np.nan], "nan at position 1"), ([np.inf, 1.0], "inf at position 0"),
            ([1.0, -0.5], "-0.5 at position 1"), ([0.5, 1.0], "1 at position 1"),
        )
        for case in refuse_call("Truncation.rank", lambda v=values: tlr.Truncation().rank(v),
                                ValueError, "singular_values must", shown)
    ],
    *refuse("Truncation.rank", "singular_values", tlr.Truncation().rank,
            (np.array(["a"]), np.array([1j]), [[1.0], [1.0, 2.0]], np.array([None])), TypeError,
            "must be finite, not negative and descending"),
    *refuse_call("Truncation.rank", lambda: tlr.Truncation().rank(
        np.ma.masked_array([1.0], [True])), TypeError, "singular_values must", "not masked"),
    *[
        case for name in ("tolerance", "round_off")
        for case in (
            *refuse("Truncation.rank", name,
                    lambda v, n=name: tlr.Truncation().rank([1.0], **{n: v}),
                    (-1.0, np.nan, np.inf), ValueError),
            *refuse("Truncation.rank", name,
                    lambda v, n=name: tlr.Truncation().rank([1.0], **{n: v}), ("1", True, 1j),
                    TypeError),
        )
    ],
]


def dense(value: Any) -> Any:
    return tlr.TreeTensor.from_dense(value, MATRIX)


def random(**options: Any) -> Any:
    given = {"tree": MATRIX, "shape": (2, 3), "rank": 1} | options
    return tlr.TreeTensor.random(given.pop("tree"), given.pop("shape"), given.pop("rank"), **given)


def product(*vectors: Any) -> Any:
    return tlr.TreeTensor.product(vectors, MATRIX)


MAKING = [
    *refuse("TreeTensor.from_dense", "x", dense,
            [*(holding(v) for v in (np.nan, np.inf, -np.inf, complex(0, np.nan))),
             [[np.inf]]], ValueError, "must be finite"),
    *refuse_call("TreeTensor.from_dense", lambda: dense(strict.asarray([[np.nan]])), ValueError,
                 "x must be finite", "NaN or Inf"),
    *refuse("TreeTensor.from_dense", "x", dense, (np.zeros((0, 3)), np.zeros((1, 0))), ValueError,
            "must have no empty axis"),
    *refuse_call("TreeTensor.from_dense", lambda: dense(3.0), ValueError,
                 "x must have at least one axis"),
    *refuse("TreeTensor.from_dense", "x", dense, NOT_ARRAYS, TypeError,
            "must be an array of numbers"),
    *refuse("TreeTensor.from_dense", "x", dense, (x.astype("float16"), x.astype("longdouble")),
            TypeError, "must be of dtype float32"),
    *refuse_call("TreeTensor.from_dense", lambda: tlr.TreeTensor.from_dense(x), TypeError,
                 "tree must be given: a tlr.Tree"),
    *refuse("TreeTensor.from_dense", "tree", lambda v: tlr.TreeTensor.from_dense(x, v), NOT_TREES,
            TypeError, "must be a tlr.Tree"),
    *refuse_call("TreeTensor.from_dense", lambda: tlr.TreeTensor.from_dense(x, TUCKER3),
                 ValueError, "tree has 3 modes", "the tensor has 2"),
    *refuse("TreeTensor.from_dense", "rule", lambda v: tlr.TreeTensor.from_dense(x, MATRIX, v),
            NOT_RULES, TypeError, "must be a tlr.Truncation"),
    *refuse_call("LowRankMatrix.from_dense", lambda: tlr.LowRankMatrix.from_dense(
        np.ones((2, 2, 2))), ValueError, "tree has 2 modes", "the tensor has 3"),
    *refuse("LowRankMatrix.from_dense", "tree", lambda v: tlr.LowRankMatrix.from_dense(x, v),
            (TWISTED,), ValueError, "of a LowRankMatrix must be Tree((0, 1))"),
    *refuse("TensorTrain.from_dense", "tree",
            lambda v: tlr.TensorTrain.from_dense(np.ones((2,) * 3), v), (TUCKER3,), ValueError,
            "of a TensorTrain must be"),
    *refuse("TuckerTensor.from_dense", "tree", lambda v: tlr.TuckerTensor.from_dense(x, v),
            (TWISTED,), ValueError, "of a TuckerTensor must be"),
    *refuse("TreeTensor.random", "rank", lambda v: random(rank=v), (0, -1), ValueError,
            "at least 1"),
    *refuse("TreeTensor.random", "rank", lambda v: random(rank=v), NOT_COUNTS, TypeError,
            "positive integer"),
    *refuse("TreeTensor.random", "rank", lambda v: random(rank={0: 1, 1: v}), (0, -1), ValueError,
            "at least 1"),
    *refuse("TreeTensor.random", "rank", lambda v: random(rank={0: 1, 1: v}), (1.5, None),
            TypeError, "positive integer"),
    *refuse_call("TreeTensor.random", lambda: random(rank={0: 1}), ValueError,
                 "rank must name every edge", "edge 1"),
    *refuse("TreeTensor.random", "rank names edge", lambda v: random(rank={0: 1, 1: 1, v: 1}),
            (2, -1, "a"), ValueError, "range(0, 2)"),
    *refuse("TreeTensor.random", "shape[1]", lambda v: random(shape=(2, v)),
            (0, -1, 1.5, True, "3", None, 10**20), ValueError, "must be a positive integer"),
    *refuse("TreeTensor.random", "shape", lambda v: random(shape=v),
            (5, None, b"ab", {2: 0, 3: 0}, {2, 3}), TypeError,
            "must be a sequence"),
    *refuse_call("TreeTensor.random", lambda: random(shape=()), ValueError,
                 "shape must have at least one entry"),
    *refuse_call("TreeTensor.random", lambda: random(shape=(2, 3, 4)), ValueError,
                 "tree has 2 modes", "the tensor has 3"),
    *refuse("TreeTensor.random", "dtype", lambda v: random(dtype=v), NOT_DTYPES, TypeError,
            "must be"),
    *refuse("TreeTensor.random", "like", lambda v: random(like=v), ("a", 3, [1.0]), TypeError,
            "must be an array or a tree tensor"),
    *refuse("TreeTensor.random", "tree", lambda v: random(tree=v), NOT_TREES, TypeError,
            "must be a tlr.Tree"),
    *refuse("TreeTensor.random", "rng", lambda v: random(rng=v), ("a", 1.5, True, {}), TypeError,
            "numpy.random.default_rng"),
    *refuse("TreeTensor.random", "rng", lambda v: random(rng=v), (-1,), ValueError,
            "numpy.random.default_rng"),
    *refuse_call("TreeTensor.product", lambda: product([1.0, 2.0]), ValueError,
                 "tree has 2 modes", "the tensor has 1"),
    *refuse_call("TreeTensor.product", lambda: tlr.TreeTensor.product([], MATRIX), ValueError,
                 "vectors must have at least one entry"),
    *refuse("TreeTensor.product", "vectors", lambda v: tlr.TreeTensor.product(v, MATRIX),
            (5, None, "ab", {0: [1.0], 1: [1.0]}), TypeError, "must be a sequence"),
    *refuse("TreeTensor.product", "tree", lambda v: tlr.TreeTensor.product([u[0], u[0]], v),
            NOT_TREES, TypeError, "must be a tlr.Tree"),
    *refuse_call("TreeTensor.product", lambda: product([1.0], []), ValueError,
                 "vectors[1] must have no empty axis", "(0,)"),
    *refuse_call("TreeTensor.product", lambda: product([1.0], [[1.0]]), ValueError,
                 "vectors[1] must have one axis", "(1, 1)"),
    *refuse("TreeTensor.product", "vectors[0]", lambda v: product(v, [1.0]),
            ([np.inf], [np.nan]), ValueError, "must be finite"),
    *refuse("TreeTensor.product", "vectors[1]", lambda v: product([1.0], v), NOT_ARRAYS,
            TypeError, "must be an array of numbers"),
    *refuse_call("TreeTensor.product", lambda: product(np.ones(2), strict.ones(2)), TypeError,
                 "vectors: arrays of different libraries", "array_api_strict"),
    *refuse_call("TreeTensor.product", lambda: product([1e200], [1e200]), OverflowError,
                 "vectors[0 … 1]", "float64"),
]

CONSTRUCTORS = [
    *refuse_call("TreeTensor", cores(u, u), ValueError, "cores:", "3 nodes, not 2"),
    *refuse("TreeTensor", "cores", lambda v: tlr.TreeTensor(MATRIX, v), (0, None), TypeError,
            "must be a sequence"),
    *refuse("TreeTensor", "tree", lambda v: tlr.TreeTensor(v, Y.cores), NOT_TREES, TypeError,
            "must be a tlr.Tree"),
    *refuse("TreeTensor", "cores[0]", lambda v: tlr.TreeTensor(MATRIX, [v, u, s]), NOT_ARRAYS,
            TypeError, "must be an array of numbers"),
    *refuse("TreeTensor", "cores[2]", lambda v: tlr.TreeTensor(MATRIX, [u, np.ones((3, 2)), v]),
            (s, np.ones((1, 2, 1)), np.ones(1)), ValueError, "must have shape (1, 2)"),
    *refuse_call("TreeTensor", cores(np.ones(2), u, s), ValueError,
                 "cores[0] must have shape (n, r)", "(2,)"),
    *refuse("TreeTensor", "cores[2]", lambda v: tlr.TreeTensor(MATRIX, [u, u, v]),
            (np.nan * s, np.inf * s), ValueError, "must be finite"),
    *refuse_call("TreeTensor", cores(u, np.ones((3, 0)), np.ones((1, 0))), ValueError,
                 "cores[1] must have no empty axis", "(3, 0)"),
    *refuse_call("TreeTensor", cores(u, u, strict.ones((1, 1))), TypeError,
                 "cores: arrays of different libraries", "array_api_strict"),
    *refuse_call("TreeTensor", cores(*[strict.ones((1, 1), device=d)
                                       for d in (None, None, DEVICE1)]),
                 TypeError, "cores: arrays on different devices", "device1"),
    *refuse_call("TreeTensor", cores(u, u, s.astype("float32")), TypeError,
                 "cores must share one dtype", "float32", "float64"),
    *refuse_call("TreeTensor", cores(u, u, s.astype(complex)), TypeError,
                 "cores must share one dtype", "complex128", "float64"),
    *refuse("LowRankMatrix", "V", lambda v: tlr.LowRankMatrix(u, s, v), (np.nan * u,), ValueError,
            "must be finite"),
    *refuse("LowRankMatrix", "U", lambda v: tlr.LowRankMatrix(v, s, u), (np.ones(2),), ValueError,
            "must have shape (n, r)"),
    *refuse("LowRankMatrix", "S", lambda v: tlr.LowRankMatrix(u, v, u), (np.ones((2, 1)),),
            ValueError, "must have shape (1, 1)"),
    *refuse("LowRankMatrix", "S", lambda v: tlr.LowRankMatrix(u, v, u), ("ab", None), TypeError,
            "must be an array of numbers"),
    *refuse("TuckerTensor", "core", lambda v: tlr.TuckerTensor(v, [u, u]), (np.ones((2, 1)),),
            ValueError, "must have shape (1, 1)"),
    *refuse("TuckerTensor", "factors[1]", lambda v: tlr.TuckerTensor(s, [u, v]), (np.inf * u,),
            ValueError, "must be finite"),
    *refuse_call("TuckerTensor", lambda: tlr.TuckerTensor(s, []), ValueError,
                 "factors must have at least one entry"),
    *refuse("TuckerTensor", "factors", lambda v: tlr.TuckerTensor(s, v), (5, None), TypeError,
            "must be a sequence"),
    *refuse_call("TensorTrain", lambda: tlr.TensorTrain([]), ValueError,
                 "cores must have at least one entry"),
    *refuse("TensorTrain", "cores", tlr.TensorTrain, (5, None), TypeError, "must be a sequence"),
    *refuse("TensorTrain", "cores[0]", lambda v: tlr.TensorTrain([v]), (np.ones((1, 2)),),
            ValueError, "must have shape (r, n, r')"),
    *refuse_call("TensorTrain", lambda: tlr.TensorTrain([np.ones((2, 2, 1))]), ValueError,
                 "cores[0] must have first axis 1, not 2"),
    *refuse_call("TensorTrain", lambda: tlr.TensorTrain([np.ones((1, 2, 2))]), ValueError,
                 "cores[0] must have last axis 1, not 2"),
    *refuse("TensorTrain", "cores[0]", lambda v: tlr.TensorTrain([v]),
            (np.full((1, 2, 1), np.nan),), ValueError, "must be finite"),
    *refuse_call("TensorTrain", lambda: tlr.TensorTrain(
        [np.ones((1, 2, 1)), strict.ones((1, 2, 1))]), TypeError,
        "cores: arrays of different libraries", "array_api_strict"),
    *refuse("from_tensorly", "obj", tlr.from_tensorly, (3, None, u, Y), TypeError,
            "must be a TensorLy"),
    *refuse_call("from_tensorly", lambda: tlr.from_tensorly(TENSORLY_TUCKER, tree=MATRIX),
                 ValueError, "tree may be given for a CP tensor alone", "TuckerTensor"),
    *refuse_call("from_tensorly", lambda: tlr.from_tensorly(TENSORLY_CP, tree=TUCKER3),
                 ValueError, "tree has 3 modes", "the tensor has 2"),
    *refuse("from_tensorly", "tree", lambda v: tlr.from_tensorly(TENSORLY_CP, tree=v), NOT_TREES,
            TypeError, "must be a tlr.Tree"),
    *refuse_call("from_tensorly", lambda: tlr.from_tensorly(tensorly.cp_tensor.CPTensor(
        (None, [u, np.nan * u]))), ValueError, "cores[1] must be finite", "NaN or Inf"),
]

METHODS = [
    *refuse("TreeTensor.round", "rule", Y.round, NOT_RULES, TypeError, "must be a tlr.Truncation"),
    *refuse_call("TreeTensor.entries", lambda: Y.entries([0]), ValueError,
                 "indices must have shape (N, 2)", "(1, 1)"),
    *refuse_call("TreeTensor.entries", lambda: Y.entries([0, 1, 1]), ValueError,
                 "indices must have shape (N, 2)", "(1, 3)"),
    *refuse_call("TreeTensor.entries", lambda: Y.entries([0, 3]), IndexError,
                 "indices of mode 1 must lie in [-3, 3)", "not 3"),
    *refuse_call("TreeTensor.entries", lambda: Y.entries([-3, 0]), IndexError,
                 "indices of mode 0 must lie in [-2, 2)", "not -3"),
    *refuse("TreeTensor.entries", "indices must be integers", Y.entries,
            (np.array([[0.0, 1.0]]), np.array([[True, False]]), np.array(["a"])), TypeError),
    *refuse("TreeTensor.entries", "indices must be integers, not", Y.entries,
            ([[0, 1], [1]],), TypeError),
    *[case for v, kind in (("a", "<U1"), (None, "object"), ([], "float64"))
      for case in refuse_call("TreeTensor.entries", lambda v=v: Y.entries(v), TypeError,
                              "indices must be integers", kind)],
    *refuse("TreeTensor.astype", "dtype", Y.astype, NOT_DTYPES, TypeError, "must be"),
    *refuse("TreeTensor.astype", "dtype", Y.astype(complex).astype, (float, "float32"), TypeError,
            "must be complex for a complex tensor"),
    *refuse("TreeTensor.to", "like", lambda v: Y.to(like=v), (None, "a", 3, [1.0]), TypeError,
            "must be an array or a tree tensor"),
    *refuse("TreeTensor.__mul__", "factor", lambda v: Y * v,
            (np.nan, np.inf, 1e999j, 10**400, np.float64("inf")), ValueError, "must be finite"),
    *refuse("TreeTensor.__mul__", "TreeTensor", lambda v: Y * v,
            (*NOT_NUMBERS, np.array(True), np.array("a")), TypeError),
    *refuse("TreeTensor.__rmul__", "TreeTensor", lambda v: v * Y, NOT_NUMBERS, TypeError),
    *refuse("TreeTensor.__rmul__", "factor", lambda v: v * Y, (np.nan, -np.inf), ValueError,
            "must be finite"),
    *refuse("TreeTensor.__mul__", "the factor", lambda v: (1e200 * Y) * v, (1e200,),
            OverflowError, "float64"),
    *refuse_call("TreeTensor.__mul__", lambda: (1e200 * Y) * (1e200 * Y), OverflowError,
                 "the product", "float64"),
    *refuse("TreeTensor.__truediv__", "factor", lambda v: Y / v, (np.nan, np.inf), ValueError,
            "must be finite"),
    *refuse("TreeTensor.__truediv__", "TreeTensor", lambda v: Y / v, ("a", None, Y, True),
            TypeError),
    *refuse_call("TreeTensor.__truediv__", lambda: Y / 0, ZeroDivisionError, "zero"),
    *refuse("TreeTensor.__add__", "TreeTensor", lambda v: Y + v, ("a", None, 1.0, x), TypeError),
    *refuse("TreeTensor.__rsub__", "TreeTensor", lambda v: v - Y, ("a", None, 1.0, x), TypeError),
    *refuse("TreeTensor.__sub__", "TreeTensor", lambda v: Y - v, ("a", None, 1.0, x), TypeError),
    *refuse("TreeTensor.__radd__", "TreeTensor", lambda v: v + Y, ("a", None, 1.0, x), TypeError),
    *refuse("inner", "first", lambda v: tlr.inner(v, Y), (x, None, 1.0), TypeError,
            "must be a TreeTensor"),
    *refuse("inner", "second", lambda v: tlr.inner(Y, v), (x, None, 1.0), TypeError,
            "must be a TreeTensor"),
    *refuse_call("inner", lambda: tlr.inner(1e200 * Y, 1e200 * Y), OverflowError,
                 "the inner product", "float64"),
    *[
        case for door, combine in (
            ("TreeTensor.__add__", lambda a, b: a + b), ("TreeTensor.__sub__", lambda a, b: a - b),
            ("TreeTensor.__mul__", lambda a, b: a * b), ("inner", tlr.inner),
        )
        for case in (
            *[c for word, other in OTHERS.items() for c in refuse_call(
                door, lambda f=combine, o=other: f(Y, o), ValueError,
                f"the tensors {'live on' if word == 'trees' else 'have'} different {word}",
                str(MATRIX if word == "trees" else Y.shape),
                str(other.tree if word == "trees" else other.shape))],
            *refuse_call(door, lambda f=combine: f(Y, Y_STRICT), TypeError,
                         "tensors: arrays of different libraries", "array_api_strict"),
            *refuse_call(door, lambda f=combine: f(Y_STRICT, Y_DEVICE1), TypeError,
                         "tensors: arrays on different devices", "device1"),
        )
    ],
]

CASES = [*TREES, *DIGITLESS, *RULES, *MAKING, *CONSTRUCTORS, *METHODS]
