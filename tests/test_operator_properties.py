"""Hermiticity, expectations, multiples, dtypes and bonds of tree operators."""

import numpy as np
import pytest
from conftest import dense_terms, gaussian, trees
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr

X = np.array([[0.0, 1.0], [1.0, 0.0]])
Y = np.array([[0.0, -1j], [1j, 0.0]])
Z = np.array([1.0, -1.0])
RAISE = np.array([[0.0, 1.0], [0.0, 0.0]])
NUMBER = np.array([0.0, 1.0])

HERMITIAN = {
    "ising": [(-1.0, {0: Z, 1: Z}), (0.3, {2: X}), (1.0, {1: Z, 3: Z})],
    "heisenberg": [(1.0, {i: m, i + 1: m}) for i in range(3) for m in (X, Y, Z)],
    "hopping": [(1.0, {0: RAISE, 2: RAISE.T}), (1.0, {0: RAISE.T, 2: RAISE})],
    "current": [(1j, {0: RAISE, 3: RAISE.T}), (-1j, {0: RAISE.T, 3: RAISE})],
    "constant": [(2.0, {})],
    "zero": [(0.0, {1: RAISE})],
    "cancelling": [(1.0, {0: RAISE}), (1.0, {0: RAISE.T}), (1j, {1: RAISE}), (-1j, {1: RAISE})],
}
OTHER = {
    "raising": [(1.0, {0: RAISE})],
    "one-way hopping": [(1.0, {0: RAISE, 2: RAISE.T}), (0.999, {0: RAISE.T, 2: RAISE})],
    "imaginary": [(1j, {0: Z, 1: Z})],
    "loss": [(1.0, {0: X}), (-1e-3j, {1: NUMBER})],
    "constant": [(1j, {})],
}
FOUR = (2,) * 4


def compiled(terms, tree=None):
    return tlr.TreeOperator.from_terms(terms, tree or tlr.Tree.balanced(4), FOUR)


@pytest.mark.parametrize("terms", HERMITIAN.values(), ids=HERMITIAN.keys())
def test_hermitian_operators(backend, dtype, terms):
    H = compiled(terms)
    full = dense_terms(terms, FOUR)
    np.testing.assert_allclose(full, full.conj().T, atol=1e-15)
    assert H.is_hermitian is True
    host = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=0, dtype=dtype)
    y = host.to_dense().reshape(-1)
    value = H.expectation(backend.tensor(host))
    assert type(value) is float
    assert value == pytest.approx(np.vdot(y, full @ y).real, abs=1e-13)


@pytest.mark.parametrize("terms", OTHER.values(), ids=OTHER.keys())
def test_other_operators(backend, terms):
    H = compiled(terms)
    full = dense_terms(terms, FOUR)
    assert H.is_hermitian is False
    for dtype in (float, complex):
        host = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=0, dtype=dtype)
        y = host.to_dense().reshape(-1)
        value = H.expectation(backend.tensor(host))
        assert type(value) is (complex if H.is_complex or dtype is complex else float)
        assert value == pytest.approx(np.vdot(y, full @ y), abs=1e-13)


@given(trees(max_modes=4), st.integers(0, 1000), st.booleans())
def test_a_sum_with_its_adjoint_is_hermitian(tree, seed, also):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 4, tree.modes))
    terms = []
    for k in range(3):
        modes = rng.choice(tree.modes, rng.integers(1, tree.modes + 1), replace=False)
        factors = {int(m): gaussian((shape[m],) * 2, complex, seed + k) for m in modes}
        c = complex(rng.standard_normal(), rng.standard_normal())
        terms.append((c, factors))
        if also:
            terms.append((c.conjugate(), {m: a.conj().T for m, a in factors.items()}))
    full = dense_terms(terms, shape)
    truth = np.linalg.norm(full - full.conj().T) <= 1e-7 * np.linalg.norm(full)
    assert tlr.TreeOperator.from_terms(terms, tree, shape).is_hermitian == truth


def test_expectation_is_not_divided_by_the_norm():
    H = compiled([(1.0, {0: NUMBER})])
    up = tlr.TreeTensor.product([[0.0, 3.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], H.tree)
    assert H.expectation(up) == pytest.approx(9.0)


def test_expectation_of_any_gauge(backend, dtype):
    H = compiled(HERMITIAN["heisenberg"])
    A = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=1, dtype=dtype)
    B = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=2, dtype=dtype)
    state = backend.tensor(A + 3 * B)
    y = backend.dense(state).reshape(-1)
    full = dense_terms(HERMITIAN["heisenberg"], FOUR)
    assert H.expectation(state) == pytest.approx(np.vdot(y, full @ y).real, rel=1e-12)
    applied = tlr.inner(state, H @ state)
    assert H.expectation(state) == pytest.approx(applied.real, rel=1e-12)


@pytest.mark.parametrize("factor", [2, -0.5, 1j, np.float64(3.0), 0])
def test_multiples(factor):
    H = compiled(HERMITIAN["ising"])
    full = dense_terms(HERMITIAN["ising"], FOUR)
    for made in (factor * H, H * factor):
        assert isinstance(made, tlr.TreeOperator)
        np.testing.assert_allclose(made.to_dense(), factor * full, atol=1e-14)
        assert made.is_hermitian == (np.imag(factor) == 0)
        assert made.ranks == H.ranks
    np.testing.assert_allclose(H.to_dense(), full, atol=1e-14)


@pytest.mark.parametrize("name", ["float32", "complex64"])
def test_single_precision_stays_single(backend, name):
    H = compiled(HERMITIAN["ising"])
    host = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=0, dtype=name)
    state = backend.tensor(host)
    applied = H @ state
    assert applied.dtype == state.dtype
    full = dense_terms(HERMITIAN["ising"], FOUR)
    expected = full @ host.to_dense().reshape(-1)
    np.testing.assert_allclose(backend.dense(applied).reshape(-1), expected, atol=1e-5)


def test_a_complex_operator_makes_a_real_tensor_complex(backend):
    H = compiled(HERMITIAN["current"])
    host = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=0)
    applied = H @ backend.tensor(host)
    assert applied.dtype == backend.array(np.zeros(1, complex)).dtype
    expected = dense_terms(HERMITIAN["current"], FOUR) @ host.to_dense().reshape(-1)
    np.testing.assert_allclose(backend.dense(applied).reshape(-1), expected, atol=1e-13)


def test_the_action_mutates_nothing():
    terms = [(1.0, {0: gaussian((2, 2)), 1: gaussian((2,)), 3: gaussian((2, 2), seed=1)})]
    H = compiled(terms)
    state = tlr.TreeTensor.random(H.tree, FOUR, 2, rng=0)
    for array in (*state.cores, *H.inner_cores, *(m for g in H.leaf_matrices for m in g)):
        array.flags.writeable = False
    first = (H @ state).to_dense()
    assert H.expectation(state) == H.expectation(state)
    np.testing.assert_array_equal((H @ state).to_dense(), first)


def test_placement_is_remembered(backend, dtype):
    H = compiled(HERMITIAN["ising"])
    like = backend.array(np.zeros(1, dtype))
    assert H.place(like) is H.place(backend.array(np.ones(3, dtype)))


@pytest.mark.parametrize("sites", [4, 9, 16])
@pytest.mark.parametrize(("matrices", "bond"), [((Z,), 3), ((X, Y, Z), 5)])
def test_neighbour_chains_have_the_textbook_bond_on_a_train(sites, matrices, bond):
    terms = [(1.0, {i: m, i + 1: m}) for i in range(sites - 1) for m in matrices]
    terms += [(0.7, {i: X}) for i in range(sites)]
    H = tlr.TreeOperator.from_terms(terms, tlr.Tree.train(sites), (2,) * sites)
    assert all(rank <= bond for node, rank in H.ranks.items() if node >= sites)
    assert H.ranks[H.tree.root - 1] == bond


def test_repr_names_shape_and_bond():
    text = repr(compiled(HERMITIAN["ising"]))
    assert "(2, 2, 2, 2)" in text and "bond" in text
