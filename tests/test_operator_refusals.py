"""Bad input of operators: the documented error, and the term or argument named in it."""

import array_api_strict
import numpy as np
import pytest
import scipy.sparse

import tensorflowlr as tlr

strict = array_api_strict
DEVICE1 = strict.Device("device1")
MATRIX = tlr.Tree.matrix()
a = np.ones((2, 2))
Y = tlr.TreeTensor.random(MATRIX, (2, 2), 1, rng=0)
Y_STRICT = Y.to(like=strict.ones(1))
Y_DEVICE1 = Y.to(like=strict.ones(1, device=DEVICE1))
H = tlr.TreeOperator.from_terms([(1.0, {0: a})], MATRIX, (2, 2))
H_STRICT = tlr.TreeOperator.from_terms([(1.0, {0: strict.ones((2, 2))})], MATRIX, (2, 2))


def terms(value, tree=MATRIX, shape=(2, 2), rule=None):
    return lambda: tlr.TreeOperator.from_terms(value, tree, shape, rule)


def factor(value, mode=0):
    return terms([(1.0, {}), (1.0, {mode: value})])


CASES = [
    (terms([]), ValueError, "terms must have"),
    *[(terms(v), TypeError, "terms must be a sequence") for v in (None, 5)],
    *[(terms(v), ValueError, r"terms\[0\] must be") for v in ("ab", [1], [(1.0,)], [(1.0, {}, 2)])],
    (terms([(1.0, [a])]), TypeError, r"terms\[0\]\[1\] must map"),
    *[
        (terms([(c, {0: a})]), TypeError, r"terms\[0\]\[0\] must be a number")
        for c in ("a", "1", None, np.ones(2), [1.0])
    ],
    *[
        (terms([(c, {0: a})]), ValueError, r"terms\[0\]\[0\] must be finite")
        for c in (np.nan, np.inf, complex(0, np.nan))
    ],
    *[
        (factor(a, m), ValueError, r"terms\[1\]: a mode must be in 0 … 1")
        for m in (2, -1, "a", 0.0, True, None)
    ],
    (terms([(1.0, {0: a, "a": a})]), ValueError, r"terms\[0\]: a mode"),
    *[
        (factor(m), ValueError, r"terms\[1\]\[1\]\[0\] must have")
        for m in (np.ones((3, 3)), np.ones((2, 3)), np.ones(3), 2.0, np.ones((2, 2, 2)),
                  scipy.sparse.eye_array(3).tocsr(), np.zeros((0, 0)))
    ],
    *[
        (factor(m), ValueError, r"terms\[1\]\[1\]\[0\] must be finite")
        for m in (np.nan * a, np.array([1.0, np.inf]), scipy.sparse.csr_array(np.inf * a),
                  strict.asarray([np.nan, 1.0]))
    ],
    *[
        (factor(m), TypeError, r"terms\[1\]\[1\]\[0\] must be")
        for m in ("ab", [[1.0], [1.0, 2.0]], a.astype("float16"))
    ],
    *[
        (terms([(1.0, {0: a}), (1.0, {m: strict.ones((2, 2))})]), TypeError,
         "terms: arrays of different libraries")
        for m in (0, 1)
    ],
    (
        terms([(1.0, {0: strict.ones(2), 1: strict.ones(2, device=DEVICE1)})]),
        TypeError,
        "terms: arrays on different devices",
    ),
    (terms([(1.0, {0: a})], shape=(2,)), ValueError, "tree has 2 modes"),
    *[(terms([(1.0, {0: a})], shape=(2, n)), ValueError, r"shape\[1\]") for n in (0, -2, 2.5, "2")],
    *[(terms([(1.0, {0: a})], shape=v), TypeError, "shape must be") for v in (5, None)],
    (terms([(1.0, {0: a})], tree=(0, 1)), TypeError, "tree must be a tlr.Tree"),
    (terms([(1.0, {0: a})], rule=1e-3), TypeError, "rule must be a tlr.Truncation"),
    *[(lambda o=o: H @ o, TypeError, "TreeOperator") for o in (a, H, 1.0, None)],
    *[(lambda o=o: o @ H, TypeError, "TreeOperator") for o in (a, Y)],
    *[(lambda o=o: H * o, TypeError, "TreeOperator") for o in (a, "a", None)],
    *[(lambda o=o: o * H, TypeError, "TreeOperator") for o in (a, "a", None)],
    (lambda: H * np.nan, ValueError, "factor must be finite"),
    *[(lambda o=o: H.expectation(o), TypeError, "Y must be a TreeTensor") for o in (a, None)],
    *[
        (lambda f=f, o=o: f(o), ValueError, message)
        for f in (lambda o: H @ o, H.expectation)
        for o, message in (
            (tlr.TreeTensor.random(tlr.Tree((1, 0)), (2, 2), 1, rng=0), "tensor on"),
            (tlr.TreeTensor.random(MATRIX, (2, 3), 1, rng=0), "shape"),
        )
    ],
    *[
        (lambda f=f, o=o: f(o), TypeError, message)
        for f in (lambda o: H_STRICT @ o, H_STRICT.expectation)
        for o, message in (
            (Y, "operator and tensor: arrays of different libraries"),
            (Y_DEVICE1, "operator and tensor: arrays on different devices"),
        )
    ],
]


@pytest.mark.parametrize(("call", "kind", "message"), CASES, ids=range(len(CASES)))
def test_refused_with_the_name_of_the_argument(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_operators_of_numpy_serve_every_backend(backend):
    made = H @ backend.tensor(Y)
    np.testing.assert_allclose(backend.dense(made), a @ Y.to_dense(), atol=1e-14)


def test_whole_numbers_lists_and_sparse_integers_are_matrices():
    given = [(1, {0: [[0, 1], [1, 0]], 1: np.array([1, -1])}),
             (2, {0: scipy.sparse.csr_array(np.eye(2, dtype=int))}), (True + 0, {})]
    K = tlr.TreeOperator.from_terms(given, MATRIX, (2, 2))
    expected = np.kron([[0, 1], [1, 0]], np.diag([1, -1])) + 3 * np.eye(4)
    np.testing.assert_allclose(K.to_dense(), expected, atol=1e-14)


@pytest.mark.filterwarnings("error")
def test_hermitian_on_more_sites_than_double_precision_can_count():
    """100¹⁶⁰ overflows: no norm of the operator itself may be formed on the way."""
    sites, size = 160, 100
    z = np.linspace(-1.0, 1.0, size)
    tree = tlr.Tree.balanced(sites)
    links = [(1.0, {i: z, i + 1: z}) for i in range(sites - 1)]
    assert tlr.TreeOperator.from_terms(links, tree, (size,) * sites).is_hermitian
    links.append((0.5, {0: np.eye(size, k=1)}))
    assert not tlr.TreeOperator.from_terms(links, tree, (size,) * sites).is_hermitian
