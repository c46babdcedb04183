"""Bad input of tensors, trees and rules: the documented error, and the argument's name in it."""

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
import tensorly

import tensorflowlr as tlr

strict = array_api_strict
DEVICE1 = strict.Device("device1")
MATRIX, TUCKER3 = tlr.Tree.matrix(), tlr.Tree.tucker(3)
x, u, s = np.ones((2, 3)), np.ones((2, 1)), np.ones((1, 1))
Y = tlr.TreeTensor.random(MATRIX, (2, 3), 2, rng=0)
Y_STRICT = Y.to(like=strict.ones(1))
Y_DEVICE1 = Y.to(like=strict.ones(1, device=DEVICE1))
TENSORLY_TUCKER = tensorly.tucker_tensor.TuckerTensor((s, [u, u]))
TENSORLY_CP = tensorly.cp_tensor.CPTensor((None, [u, u]))


def cores(*arrays):
    return lambda: tlr.TreeTensor(MATRIX, arrays)


def dense(value, tree=MATRIX, rule=None):
    return lambda: tlr.TreeTensor.from_dense(value, tree, rule)


def random(tree=MATRIX, shape=(2, 3), rank=1, **options):
    return lambda: tlr.TreeTensor.random(tree, shape, rank, **options)


def product(*vectors, tree=MATRIX):
    return lambda: tlr.TreeTensor.product(vectors, tree)


def holding(value):
    return np.array([[1.0, value], [0.0, 1.0]])


CASES = [
    *[(dense(holding(v)), ValueError, "x must be finite") for v in (np.nan, np.inf, -np.inf)],
    (dense(holding(complex(0, np.nan))), ValueError, "x must be finite"),
    (dense(strict.asarray([[np.nan]])), ValueError, "x must be finite"),
    (dense(np.zeros((0, 3))), ValueError, "x must have no empty axis"),
    (dense(3.0), ValueError, "x must have at least one axis"),
    (dense("abc"), TypeError, "x must be an array"),
    (dense([[1, 2], [3]]), TypeError, "x must be an array"),
    (dense(scipy.sparse.eye_array(3)), TypeError, "x must be an array"),
    (dense(np.ma.masked_array(x, x == x)), TypeError, "x must be an array.*masked"),
    (dense(x.astype("float16")), TypeError, "x must be of dtype.*float16"),
    (dense(x.astype("longdouble")), TypeError, "x must be of dtype"),
    (dense(x, None), TypeError, "tree must be given"),
    (dense(x, (0, 1)), TypeError, "tree must be a tlr.Tree"),
    (dense(x, TUCKER3), ValueError, "tree has 3 modes"),
    (dense(x, rule=1e-3), TypeError, "rule must be a tlr.Truncation"),
    (lambda: tlr.LowRankMatrix.from_dense(np.ones((2, 2, 2))), ValueError, "tree has 2 modes"),
    (lambda: tlr.LowRankMatrix.from_dense(x, tlr.Tree((1, 0))), ValueError, "tree of a LowRank"),
    (lambda: tlr.TensorTrain.from_dense(np.ones((2,) * 3), TUCKER3), ValueError, "tree of a Ten"),
    (lambda: tlr.TuckerTensor.from_dense(x, tlr.Tree((1, 0))), ValueError, "tree of a Tucker"),
    *[(random(rank=r), ValueError, "rank must be at least 1") for r in (0, -1, {0: 1, 1: 0})],
    *[
        (random(rank=r), TypeError, "rank must be a positive integer")
        for r in (1.5, 2.0, True, "2", None, [1, 1], {0: 1, 1: 1.5})
    ],
    (random(rank={0: 1}), ValueError, "rank must name every edge, but edge 1"),
    *[(random(shape=(2, n)), ValueError, r"shape\[1\]") for n in (0, -1, 1.5, True, "3")],
    (random(shape=5), TypeError, "shape must be a sequence"),
    (random(shape=(2, 3, 4)), ValueError, "tree has 2 modes"),
    *[
        (random(dtype=d), TypeError, "dtype must be")
        for d in (int, "int32", bool, str, object, None, "float16", "nothing", 3)
    ],
    *[(random(like=v), TypeError, "like must be an array") for v in ("a", 3, [1.0])],
    (random(tree=(0, 1)), TypeError, "tree must be a tlr.Tree"),
    (product([1.0, 2.0]), ValueError, "tree has 2 modes"),
    (lambda: tlr.TreeTensor.product([], MATRIX), ValueError, "vectors must have"),
    (lambda: tlr.TreeTensor.product(5, MATRIX), TypeError, "vectors must be a sequence"),
    (product([1.0], []), ValueError, r"vectors\[1\] must have no empty axis"),
    (product([1.0], [[1.0]]), ValueError, r"vectors\[1\] must have one axis"),
    (product([np.inf], [1.0]), ValueError, r"vectors\[0\] must be finite"),
    (product([1.0], "ab"), TypeError, r"vectors\[1\] must be an array"),
    (product(np.ones(2), strict.ones(2)), TypeError, "vectors: arrays of different libraries"),
    (cores(u, u), ValueError, "cores: .* 3 nodes, not 2"),
    (lambda: tlr.TreeTensor(MATRIX, 0), TypeError, "cores must be a sequence"),
    (lambda: tlr.TreeTensor((0, 1), Y.cores), TypeError, "tree must be"),
    (cores(u, np.ones((3, 2)), s), ValueError, r"cores\[2\] must have shape \(1, 2\)"),
    (cores(np.ones(2), u, s), ValueError, r"cores\[0\] must have shape \(n, r\)"),
    (cores(u, u, np.nan * s), ValueError, r"cores\[2\] must be finite"),
    (cores(u, np.ones((3, 0)), np.ones((1, 0))), ValueError, r"cores\[1\] must have no empty"),
    (cores(u, u, strict.ones((1, 1))), TypeError, "cores: arrays of different libraries"),
    (
        cores(*[strict.ones((1, 1), device=d) for d in (None, None, DEVICE1)]),
        TypeError,
        "cores: arrays on different devices",
    ),
    (cores(u, u, s.astype("float32")), TypeError, "cores must share one dtype"),
    (cores(u, u, s.astype(complex)), TypeError, "cores must share one dtype"),
    (lambda: tlr.LowRankMatrix(u, s, np.nan * u), ValueError, "V must be finite"),
    (lambda: tlr.LowRankMatrix(np.ones(2), s, u), ValueError, "U must have shape"),
    (lambda: tlr.LowRankMatrix(u, np.ones((2, 1)), u), ValueError, r"S must have shape \(1, 1\)"),
    (lambda: tlr.TuckerTensor(np.ones((2, 1)), [u, u]), ValueError, "core must have shape"),
    (lambda: tlr.TuckerTensor(s, [u, np.inf * u]), ValueError, r"factors\[1\] must be finite"),
    (lambda: tlr.TuckerTensor(s, []), ValueError, "factors must have"),
    (lambda: tlr.TuckerTensor(s, 5), TypeError, "factors must be a sequence"),
    (lambda: tlr.TensorTrain([]), ValueError, "cores must have"),
    (lambda: tlr.TensorTrain(5), TypeError, "cores must be a sequence"),
    (lambda: tlr.TensorTrain([np.ones((1, 2))]), ValueError, r"cores\[0\] must have shape"),
    (lambda: tlr.TensorTrain([np.ones((2, 2, 1))]), ValueError, r"cores\[0\] .*first axis 1"),
    (lambda: tlr.TensorTrain([np.ones((1, 2, 2))]), ValueError, r"cores\[0\] .*last axis 1"),
    (lambda: tlr.TensorTrain([np.full((1, 2, 1), np.nan)]), ValueError, r"cores\[0\] .*finite"),
    (lambda: tlr.from_tensorly(3), TypeError, "obj must be a TensorLy"),
    (lambda: tlr.from_tensorly(TENSORLY_TUCKER, tree=MATRIX), ValueError, "tree may be given"),
    (lambda: tlr.from_tensorly(TENSORLY_CP, tree=TUCKER3), ValueError, "tree has 3 modes"),
    (lambda: tlr.from_tensorly(TENSORLY_CP, tree=(0, 1)), TypeError, "tree must be"),
    (lambda: Y.round(1e-3), TypeError, "rule must be"),
    *[(lambda i=i: Y.entries(i), ValueError, "indices must have") for i in ([0], [0, 1, 1])],
    *[(lambda i=i: Y.entries(i), IndexError, "indices of mode") for i in ([0, 3], [-3, 0])],
    *[
        (lambda i=i: Y.entries(i), TypeError, "indices must be integers")
        for i in ([[0.0, 1.0]], "a", None, [[True, False]])
    ],
    *[
        (lambda d=d: Y.astype(d), TypeError, "dtype must be")
        for d in (int, "int32", bool, "float16", "nothing", None, 3)
    ],
    (lambda: Y.astype(complex).astype(float), TypeError, "dtype must be complex"),
    *[(lambda v=v: Y.to(like=v), TypeError, "like must be") for v in (None, "a", 3, [1.0])],
    *[(lambda c=c: Y * c, ValueError, "factor must be finite") for c in (np.nan, np.inf, 1e999j)],
    (lambda: Y / np.nan, ValueError, "factor must be finite"),
    (lambda: Y / 0, ZeroDivisionError, "zero"),
    *[(lambda o=o: Y * o, TypeError, "TreeTensor") for o in ("a", None, [1.0], True, x)],
    *[(lambda o=o: o * Y, TypeError, "TreeTensor") for o in ("a", None, [1.0], True, x)],
    *[(lambda o=o: Y + o, TypeError, "TreeTensor") for o in ("a", None, 1.0, x)],
    *[(lambda o=o: o - Y, TypeError, "TreeTensor") for o in ("a", None, 1.0, x)],
    (lambda: tlr.inner(x, Y), TypeError, "first must be"),
    (lambda: tlr.inner(Y, x), TypeError, "second must be"),
    *[
        (lambda f=f, o=o: f(Y, o), kind, text)
        for f in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, tlr.inner)
        for o, kind, text in (
            (tlr.TreeTensor.random(tlr.Tree((1, 0)), (2, 3), 1, rng=0), ValueError, "trees"),
            (tlr.TreeTensor.random(MATRIX, (2, 2), 1, rng=0), ValueError, "shapes"),
            (Y_STRICT, TypeError, "tensors: arrays of different libraries"),
        )
    ],
    (lambda: Y_STRICT + Y_DEVICE1, TypeError, "tensors: arrays on different devices"),
    *[
        (lambda v=v: tlr.Tree(v), TypeError, "spec")
        for v in (3, None, "ab", {0, 1}, (0, 1.0), (0, "1"), (0, True), (0, None), (0, (None, 1)))
    ],
    *[
        (lambda v=v: tlr.Tree(v), ValueError, "spec")
        for v in ((), ((), 0), (0, 0), (1, 2), (0, 2), (0, -1))
    ],
    *[
        (lambda f=f, m=m: f(m), kind, "modes must be")
        for f in (tlr.Tree.train, tlr.Tree.balanced, tlr.Tree.tucker)
        for m, kind in ((0, ValueError), (-1, ValueError), (1.5, TypeError), ("a", TypeError),
                        (None, TypeError), (True, TypeError))
    ],
    *[
        (lambda n=n, v=v: tlr.Truncation(**{n: v}), kind, f"{n} must be")
        for n in ("rtol", "atol")
        for v, kind in ((-1.0, ValueError), (-1e-300, ValueError), (np.nan, ValueError),
                        (np.inf, ValueError), ("a", TypeError), (None, TypeError),
                        (True, TypeError), (1j, TypeError), (np.ones(2), TypeError))
    ],
    *[
        (lambda n=n, v=v: tlr.Truncation(**{n: v}), kind, f"{n} must be")
        for n in ("max_rank", "min_rank")
        for v, kind in ((0, ValueError), (-1, ValueError), (1.5, TypeError), ("a", TypeError),
                        (True, TypeError), (np.array([3]), TypeError))
    ],
    (lambda: tlr.Truncation(min_rank=None), TypeError, "min_rank must be"),
    (lambda: tlr.Truncation(min_rank=3, max_rank=2), ValueError, "min_rank = 3"),
    *[
        (lambda v=v: tlr.Truncation().rank(v), ValueError, "singular_values must")
        for v in ([1.0, np.nan], [np.inf, 1.0], [1.0, -0.5], [0.5, 1.0], [[1.0]])
    ],
    *[
        (lambda v=v: tlr.Truncation().rank([1.0], tolerance=v), ValueError, "tolerance must")
        for v in (-1.0, np.nan)
    ],
]


@pytest.mark.parametrize(("call", "kind", "message"), CASES, ids=range(len(CASES)))
def test_refused_with_the_name_of_the_argument(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_numpy_numbers_are_numbers():
    rule = tlr.Truncation(np.float32(0.5), np.float64(0.25), np.int64(3), np.int32(2))
    assert rule.rank([1.0, 0.9, 0.8, 0.7]) == 3
    assert tlr.TreeTensor.random(MATRIX, np.array([2, 3]), np.int64(2), rng=0).shape == (2, 3)


def test_subclasses_of_numpy_arrays_become_plain_arrays():
    class Tagged(np.ndarray):
        """An array with something of its own."""

    Z = tlr.TreeTensor.from_dense(np.arange(6.0).reshape(2, 3).view(Tagged), MATRIX)
    assert all(type(c) is np.ndarray for c in Z.cores)
    np.testing.assert_allclose(Z.to_dense(), np.arange(6.0).reshape(2, 3), atol=1e-14)
