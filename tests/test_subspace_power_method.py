"""The subspace power method: exact tensors, noise, faults known elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import tensorflowlr as tlr
from tensorflowlr.decompositions import power
from tensorflowlr.tensors.multisets import identifiable_rank

LARGEST = {3: 14, 4: 9, 5: 6, 6: 5, 7: 4}


def factor_error(true, found):
    """The largest distance of matched vectors, up to sign."""
    gram = np.abs(true.T @ found)
    rows, columns = linear_sum_assignment(-gram)
    signs = np.sign((true[:, rows] * found[:, columns]).sum(axis=0))
    return np.linalg.norm(true[:, rows] - signs * found[:, columns], axis=0).max()


def problem(order, size, rank, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    weights = scale * rng.choice([-1.0, 1.0], rank) * rng.uniform(0.5, 2.0, rank)
    return tlr.SymmetricCP(weights, tlr.SymmetricCP.random(size, rank, order, rng=rng).factors,
                           order)


@given(st.data())
def test_exact_tensors_of_any_order_scale_and_sign(data):
    order = data.draw(st.integers(3, 7))
    size = data.draw(st.integers(2, LARGEST[order]))
    rank = data.draw(st.integers(1, max(1, int(0.9 * identifiable_rank(size, order)))))
    true = problem(order, size, rank, data.draw(st.integers(0, 10**6)),
                   10.0 ** data.draw(st.integers(-9, 9)))
    T = true.to_dense()
    cp = tlr.subspace_power_method(T, rng=0)
    assert cp.rank == rank
    assert np.linalg.norm(cp.to_dense() - T) <= 1e-12 * np.linalg.norm(T)
    assert factor_error(true.factors, cp.factors) <= 1e-9
    if order % 2:
        assert (cp.weights > 0.0).all()
    else:
        np.testing.assert_allclose(np.sort(cp.weights), np.sort(true.weights), rtol=1e-7)


@pytest.mark.parametrize(("order", "size", "rank"), [(3, 5, 4), (4, 4, 5), (5, 3, 4)])
def test_every_library(backend, dtype, order, size, rank):
    true = tlr.SymmetricCP.random(size, rank, order, rng=4, dtype=dtype)
    cp = tlr.subspace_power_method(backend.array(true.to_dense()), rng=0)
    backend.check(cp.factors, cp.weights)
    error = np.linalg.norm(backend.numpy(cp.to_dense()) - true.to_dense())
    assert error <= 1e-11 * true.norm()
    assert cp.rank == rank and cp.diagnostics.exact and cp.diagnostics.unique


def test_many_starts_as_products_and_compiled_agree():
    true = problem(4, 8, 10, 0)
    V = np.linalg.svd(true.to_tree(tlr.Tree(((0, 1), (2, 3)))).to_dense().reshape(64, 64))
    assert np.linalg.matrix_rank(true.to_dense().reshape(64, 64)) == 10
    assert V[1][10] < 1e-12 * V[1][0]
    from tensorflowlr.decompositions.extraction import extract
    from tensorflowlr.decompositions.flattening import flatten

    space = extract(flatten(true.to_dense()), limit=28, rng=0)
    X = power.normalised(np.random.default_rng(0).standard_normal((8, 30)))
    together = power._climb_together(space.left, X, 2, 5000, 0.0, 1.0)
    alone = power.climb(space.left, X, 2)
    for made in (together, alone):
        near = np.abs(true.factors.T @ made.points[:, made.objectives > 1.0 - 1e-10])
        assert near.shape[1] > 20
        np.testing.assert_allclose(near.max(axis=0), 1.0, atol=1e-12)


def test_large_ranks_leave_the_compiled_steps():
    true = problem(4, 20, 100, 1)
    T = true.to_dense()
    cp = tlr.subspace_power_method(T, rng=0)
    assert cp.rank == 100
    assert np.linalg.norm(cp.to_dense() - T) <= 1e-12 * np.linalg.norm(T)


def test_orthogonal_and_identity_tensors():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    for order in (3, 4, 5):
        T = tlr.SymmetricCP(np.ones(6), Q, order).to_dense()
        cp = tlr.subspace_power_method(T, rng=1)
        np.testing.assert_allclose(np.abs(cp.weights), 1.0, rtol=1e-12)
        assert factor_error(Q, cp.factors) < 1e-12


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("noise", [1e-8, 1e-6, 1e-4, 1e-3])
def test_rank_under_noise_and_an_error_below_it(order, noise):
    true = problem(order, 12, 8, 2)
    T = true.to_dense()
    N = tlr.symmetrize(np.random.default_rng(1).standard_normal(T.shape))
    N *= noise * np.linalg.norm(T) / np.linalg.norm(N)
    cp = tlr.subspace_power_method(T + N, rng=0)
    assert cp.rank == 8 and not cp.diagnostics.exact
    assert np.linalg.norm(cp.to_dense() - T) < 0.9 * np.linalg.norm(N)
    slope = tlr.subspace_power_method(T + N, rank=8, refine=False, rng=0)
    assert cp.diagnostics.residual <= slope.diagnostics.residual * (1.0 + 1e-12)
    np.testing.assert_allclose(cp.diagnostics.residual, np.linalg.norm(
        cp.to_dense() - T - N) / np.linalg.norm(T + N), rtol=1e-6)


def test_the_refined_fit_is_stationary():
    true = problem(4, 8, 5, 3)
    T = tlr.symmetrize(true.to_dense() + 0.02 * np.random.default_rng(0).standard_normal((8,) * 4))
    cp = tlr.subspace_power_method(T, rank=5, rng=0)
    rest = cp.to_dense() - T
    for a in cp.factors.T:
        slope = rest @ a @ a @ a
        assert np.linalg.norm(slope) < 1e-3 * np.linalg.norm(rest)


def test_nearly_symmetric_input_is_symmetrised_and_said():
    T = problem(3, 5, 3, 0).to_dense()
    T[0, 1, 2] += 1e-11 * np.abs(T).max()
    with pytest.warns(tlr.DecompositionWarning, match="symmetric only to"):
        cp = tlr.subspace_power_method(T, rng=0)
    assert np.linalg.norm(cp.to_dense() - T) < 1e-10 * np.linalg.norm(T)


def test_decompositions_that_are_not_unique_are_said():
    T = np.zeros((3,) * 4)
    circle = tlr.symmetrize(np.multiply.outer(np.diag([1.0, 1.0, 0]), np.diag([1.0, 1.0, 0])))
    with pytest.warns(tlr.DecompositionWarning) as said:
        cp = tlr.subspace_power_method(T + circle, rng=0)
    assert any("not unique" in str(w.message) for w in said)
    assert not cp.diagnostics.unique and "not unique" in str(cp.diagnostics)


def test_ranks_beyond_the_method_are_said():
    with pytest.raises(ValueError, match="rank of at most 3"):
        tlr.subspace_power_method(problem(4, 3, 6, 0).to_dense(), rng=0)
    with pytest.warns(tlr.DecompositionWarning, match="leave a relative residual"):
        tlr.subspace_power_method(problem(3, 4, 6, 0).to_dense(), rng=0)


def test_the_same_numbers_from_the_same_seed():
    T = problem(4, 6, 6, 0).to_dense()
    first, second = (tlr.subspace_power_method(T, rng=5) for _ in range(2))
    np.testing.assert_array_equal(first.factors, second.factors)
    assert set(first.diagnostics.seconds) == {"extraction", "power", "deflation", "finish"}
    assert "round-off" in str(first.diagnostics)


def test_dense_tucker_decompositions(backend, dtype):
    from conftest import decaying

    x = decaying((6, 5, 7), 0.4, dtype)
    rule = tlr.Truncation(max_rank=3)
    errors = [np.linalg.norm(backend.numpy(f(backend.array(x), rule).to_dense()) - x)
              for f in (tlr.st_hosvd, tlr.hooi)]
    tails = [np.linalg.svd(np.moveaxis(x, k, 0).reshape(x.shape[k], -1))[1][3:] for k in range(3)]
    best = max(np.linalg.norm(t) for t in tails)
    assert best <= errors[1] * (1 + 1e-12) <= errors[0] * (1 + 2e-12)
