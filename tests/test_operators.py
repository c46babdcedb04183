"""Tree operators against Kronecker products, their action, their kinds of matrices."""

import numpy as np
import pytest
import scipy.sparse
from conftest import dense_terms, gaussian, sizes, trees
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr

KINDS = ("dense", "diagonal", "sparse", "identity", "zero")


def matrix(kind, n, dtype=float, seed=0):
    """A matrix of one mode, as it would be given to `from_terms`."""
    if kind == "dense":
        return gaussian((n, n), dtype, seed)
    if kind == "diagonal":
        return gaussian((n,), dtype, seed)
    if kind == "sparse":
        mask = np.random.default_rng(seed).random((n, n)) < 0.4
        return scipy.sparse.csr_array(gaussian((n, n), dtype, seed) * mask)
    return np.eye(n) if kind == "identity" else np.zeros((n, n))


def kind(m):
    return "sparse" if scipy.sparse.issparse(m) else "dense" if m.ndim == 2 else "diagonal"


def mixed_terms(shape, dtype):
    """One of everything: constant, single-mode, pairs, all modes, repeated, proportional."""
    d = len(shape)
    first = matrix("dense", shape[0], dtype, 1)
    last = matrix("sparse", shape[-1], dtype, 2)
    terms = [(0.5, {}), (1.0, {0: first}), (-2.0, {d - 1: last}), (3.0, {0: first})]
    terms.append((0.25, {0: -4.0 * first, d - 1: matrix("diagonal", shape[-1], dtype, 3)}))
    terms.append((1.5, {i: matrix(KINDS[i % 3], n, dtype, 10 + i) for i, n in enumerate(shape)}))
    terms.append((1.0, {i: matrix("identity", n) for i, n in enumerate(shape)}))
    terms.append((7.0, {0: first, d // 2: matrix("zero", shape[d // 2])}))
    return [(c * (1 + 1j) if dtype is complex else c, f) for c, f in terms]


def close(made, expected, rtol=1e-11):
    assert np.linalg.norm(made - expected) <= rtol * max(np.linalg.norm(expected), 1.0)


def test_compiled_operators_are_sums_of_kronecker_products(dtype, tree):
    shape = tuple(min(n, 3) for n in sizes(tree))
    terms = mixed_terms(shape, dtype)
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    expected = dense_terms(terms, shape)
    close(H.to_dense(), expected)
    assert np.iscomplexobj(H.to_dense()) == (dtype is complex) == H.is_complex
    assert H.shape == shape and H.tree == tree
    assert set(H.ranks) == set(tree.edges)


def test_the_action_on_every_backend(backend, dtype, tree):
    shape = tuple(min(n, 3) for n in sizes(tree))
    terms = mixed_terms(shape, dtype)
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    expected = dense_terms(terms, shape)
    for state in (float, complex):
        host = tlr.TreeTensor.random(tree, shape, 2, rng=4, dtype=state)
        Y, y = backend.tensor(host), host.to_dense().reshape(-1)
        Z = H @ Y
        close(backend.dense(Z).reshape(-1), expected @ y)
        assert all(Z.ranks[n] == H.ranks[n] * Y.ranks[n] for n in tree.edges)
        value = H.expectation(Y)
        assert type(value) is (float if dtype is state is float else complex)
        assert value == pytest.approx(np.vdot(y, expected @ y), rel=1e-11, abs=1e-11)


def test_matrices_may_live_on_the_backend(backend, dtype):
    shape, tree = (3, 2, 4), tlr.Tree.balanced(3)
    a, b, c = (gaussian((n, n), dtype, n) for n in shape)
    terms = [(2.0, {0: a, 1: b}), (1.0, {2: c}), (0.5, {0: a, 2: np.diag(c).copy()})]
    there = [(w, {m: backend.array(x) for m, x in f.items()}) for w, f in terms]
    H = tlr.TreeOperator.from_terms(there, tree, shape)
    close(H.to_dense(), dense_terms(terms, shape))
    for group in H.leaf_matrices:
        backend.check(*group)
    host = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=dtype)
    Z = H @ backend.tensor(host)
    close(backend.dense(Z).reshape(-1), dense_terms(terms, shape) @ host.to_dense().reshape(-1))


@given(trees(max_modes=4), st.data())
def test_any_sum_of_products(tree, data):
    shape = data.draw(st.tuples(*[st.integers(1, 3)] * tree.modes))
    pool = [
        [
            data.draw(st.sampled_from([1.0, -1.0, 2.5, 1j]))
            * matrix(data.draw(st.sampled_from(KINDS)), n, seed=seed)
            for seed in range(data.draw(st.integers(1, 3)))
        ]
        for n in shape
    ]
    coefficients = st.sampled_from([1.0, -1.0, 0.3, 1e-3, 100.0, 0.0, 1j, 2 - 1j])
    terms = []
    for _ in range(data.draw(st.integers(1, 8))):
        modes = data.draw(st.sets(st.integers(0, tree.modes - 1)))
        factors = {m: data.draw(st.sampled_from(pool[m])) for m in sorted(modes)}
        terms.append((data.draw(coefficients), factors))
    expected = dense_terms(terms, shape)
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    largest = sum(np.linalg.norm(dense_terms([term], shape)) for term in terms) + 1e-300
    assert np.linalg.norm(H.to_dense() - expected) <= 1e-11 * largest
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=1, dtype=complex)
    y = Y.to_dense().reshape(-1)
    assert np.linalg.norm((H @ Y).to_dense().reshape(-1) - expected @ y) <= 1e-11 * largest
    assert abs(H.expectation(Y) - np.vdot(y, expected @ y)) <= 1e-11 * largest


@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("given_kind", ["dense", "diagonal", "sparse"])
def test_kinds_are_kept(backend, given_kind, n):
    shape, tree = (n, n, n), tlr.Tree.balanced(3)
    terms = [
        (1.0, {0: matrix(given_kind, n, seed=1), 1: matrix(given_kind, n, seed=2)}),
        (0.5, {1: matrix(given_kind, n, seed=3), 2: matrix(given_kind, n, seed=4)}),
        (2.0, {0: matrix(given_kind, n, seed=5)}),
    ]
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    for group in H.leaf_matrices:
        assert {kind(m) for m in group} <= {given_kind, "diagonal"}, "the identity is diagonal"
        assert given_kind in {kind(m) for m in group}
    host = tlr.TreeTensor.random(tree, shape, 2, rng=0)
    y = host.to_dense()
    expected = np.zeros_like(y)
    for c, factors in terms:
        z = c * y
        for mode, m in factors.items():
            full = m.toarray() if kind(m) == "sparse" else m if m.ndim == 2 else np.diag(m)
            z = np.moveaxis(np.tensordot(full, z, (1, mode)), 0, mode)
        expected += z
    close(backend.dense(H @ backend.tensor(host)), expected)
    assert H.expectation(backend.tensor(host)) == pytest.approx(np.vdot(y, expected), rel=1e-10)


def test_mixed_kinds_on_large_modes_stay_apart():
    n, shape = 40, (40, 40)
    terms = [(1.0, {0: matrix(k, n, seed=i), 1: matrix("dense", n, seed=i + 9)})
             for i, k in enumerate(("dense", "diagonal", "sparse"))]
    H = tlr.TreeOperator.from_terms(terms, tlr.Tree.matrix(), shape)
    assert sorted(kind(m) for m in H.leaf_matrices[0]) == ["dense", "diagonal", "sparse"]
    Y = tlr.LowRankMatrix.random(tlr.Tree.matrix(), shape, 3, rng=0)
    close((H @ Y).to_dense().reshape(-1), dense_terms(terms, shape).real @ Y.to_dense().reshape(-1))


def test_repeated_and_proportional_terms_cost_nothing():
    a, b = gaussian((3, 3), seed=1), gaussian((4, 4), seed=2)
    terms = [(1.0, {0: a, 1: b}), (2.0, {0: a.copy(), 1: b}), (0.5, {0: -3.0 * a, 1: 1e5 * b})]
    H = tlr.TreeOperator.from_terms(terms, tlr.Tree.matrix(), (3, 4))
    assert H.ranks == {0: 1, 1: 1}
    close(H.to_dense(), dense_terms(terms, (3, 4)).real)


def test_constants_alone_and_terms_that_cancel(tree):
    shape = tuple(min(n, 2) for n in sizes(tree))
    total = int(np.prod(shape))
    H = tlr.TreeOperator.from_terms([(2.0, {}), (1.0, {})], tree, shape)
    np.testing.assert_allclose(H.to_dense(), 3.0 * np.eye(total), atol=1e-14)
    x = gaussian((shape[0], shape[0]))
    for terms in ([(0.0, {0: x})], [(1.0, {0: x}), (-1.0, {0: x})], [(0.0, {})]):
        H = tlr.TreeOperator.from_terms(terms, tree, shape)
        assert np.abs(H.to_dense()).max() <= 1e-14
        Y = tlr.TreeTensor.random(tree, shape, 2, rng=0)
        assert (H @ Y).norm() <= 1e-13 and abs(H.expectation(Y)) <= 1e-13
