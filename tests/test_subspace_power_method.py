"""The subspace power method: exact tensors, noise, faults known elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
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


def narrowest(true):
    """The smallest sine between a derivative of a power of a vector and the span of all powers."""
    n = (true.order + 1) // 2
    d = true.factors.shape[0]

    def outer(*vectors):
        made = np.ones(1)
        for v in vectors:
            made = np.kron(made, v)
        return made

    span = np.linalg.qr(np.stack([outer(*[a] * n) for a in true.factors.T], axis=1))[0]
    sines = []
    for a in true.factors.T:
        tangents = np.linalg.svd(a[:, None])[0][:, 1:]
        moved = np.stack([
            sum(outer(*[a] * k, t, *[a] * (n - 1 - k)) for k in range(n)) for t in tangents.T
        ], axis=1) / n**0.5 if d > 1 else np.ones((1, 0))
        sines.append(np.linalg.svd(moved - span @ (span.T @ moved))[1].min(initial=1.0))
    return min(sines)


@st.composite
def problems(draw):
    order = draw(st.integers(3, 7))
    size = draw(st.integers(2, LARGEST[order]))
    rank = draw(st.integers(1, max(1, int(0.9 * identifiable_rank(size, order)))))
    return order, size, rank, draw(st.integers(0, 10**6)), 10.0 ** draw(st.integers(-9, 9))


@given(problems())
@example((7, 2, 3, 6173, 1.0))
def test_exact_tensors_of_any_order_scale_and_sign(drawn):
    order, size, rank, *_ = drawn
    true = problem(*drawn)
    # vectors nearer to one another than this cost digits
    assume(narrowest(true) > 5e-4)
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


def told_of_a_continuum(T):
    # the components may leave a residual too, which is another warning
    with pytest.warns(tlr.DecompositionWarning) as said:
        cp = tlr.subspace_power_method(T, rng=0)
    assert any("not unique" in str(w.message) for w in said)
    assert not cp.diagnostics.unique and "not unique" in str(cp.diagnostics)


def test_decompositions_that_are_not_unique_are_said():
    T = np.zeros((3,) * 4)
    circle = tlr.symmetrize(np.multiply.outer(np.diag([1.0, 1.0, 0]), np.diag([1.0, 1.0, 0])))
    told_of_a_continuum(T + circle)


@pytest.mark.parametrize(("order", "size", "more"), [(4, 4, 2), (6, 4, 0), (6, 4, 3), (8, 3, 2)])
@pytest.mark.parametrize("spread", [3.0, 0.3])
@pytest.mark.parametrize("kind", ["plane", "neighbours"])
def test_planes_are_told_from_near_neighbours(order, size, more, spread, kind):
    rng = np.random.default_rng(order + more)
    # n + 1 powers of vectors in a plane span those of all its vectors, n of them no others
    count = order // 2 + (kind == "plane")
    angles = spread * np.arange(count) / count
    plane = np.linalg.qr(rng.standard_normal((size, 2)))[0]
    A = np.concatenate([plane @ np.stack([np.cos(angles), np.sin(angles)]),
                        rng.standard_normal((size, more))], axis=1)
    w = rng.choice([-1.0, 1.0], count + more) * rng.uniform(0.5, 2.0, count + more)
    true = tlr.SymmetricCP(w, A / np.linalg.norm(A, axis=0), order)
    if kind == "neighbours":
        assert narrowest(true) > 1e-4
        cp = tlr.subspace_power_method(true.to_dense(), rng=0)
        assert cp.diagnostics.unique and factor_error(true.factors, cp.factors) < 1e-8
        return
    assert narrowest(true) < 1e-7
    told_of_a_continuum(true.to_dense())


def test_a_cone_is_a_continuum():
    # the sixth powers of vectors on a cone in three dimensions span 13 dimensions, cubes seven
    angles = 2.0 * np.pi * np.arange(7) / 7.0
    A = np.stack([np.cos(angles), np.sin(angles), np.ones(7)]) / 2.0**0.5
    T = tlr.SymmetricCP(np.arange(1.0, 8.0), A, 6).to_dense()
    told_of_a_continuum(T)


def test_single_precision_input_is_held_to_single_precision():
    true = problem(4, 6, 5, 1)
    T = true.to_dense().astype(np.float32)
    cp = tlr.subspace_power_method(T, rng=0)
    assert cp.factors.dtype == np.float32 and cp.diagnostics.messages == ()
    assert 1e-8 < cp.diagnostics.residual < 1e-5
    circle = tlr.symmetrize(np.multiply.outer(np.diag([1.0, 1.0, 0]), np.diag([1.0, 1.0, 0])))
    told_of_a_continuum(circle.astype(np.float32))


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


@pytest.mark.parametrize(("order", "size", "rank"), [(4, 30, 120), (3, 50, 50), (5, 14, 90)])
def test_single_precision_climbs_lose_no_digit(order, size, rank, monkeypatch):
    climbed, climb = [], power.climb

    def noted(V, *args, **options):
        climbed.append(V.dtype)
        return climb(V, *args, **options)

    monkeypatch.setattr(power, "climb", noted)
    true = problem(order, size, rank, 5)
    cp = tlr.subspace_power_method(true.to_dense(), rng=0)
    assert set(climbed) == {np.dtype(np.float32)}
    assert cp.rank == rank and cp.diagnostics.residual < 1e-13
    assert cp.factors.dtype == np.float64
    assert factor_error(true.factors, cp.factors) <= 1e-10


@pytest.mark.parametrize("order", [3, 4, 5, 6])
def test_compiled_deflation_is_that_of_reflections(order):
    from tensorflowlr.decompositions import kernels
    from tensorflowlr.decompositions.deflation import coordinates, deflate
    from tensorflowlr.decompositions.extraction import extract
    from tensorflowlr.decompositions.flattening import flatten

    true, left = problem(order, 6, 4, 2), (order + 1) // 2
    space = extract(flatten(true.to_dense()), rank=4, limit=6, rng=0)
    start = true.factors[:, :1] + 0.01
    V, U, C, (points, heights, ended, _) = kernels.search(
        space.left, space.right, space.inverse, start / np.linalg.norm(start), left,
        (5000, 0.0, 1e-13, 1e-4, 0.4, 1e-8))
    assert ended.tolist() == [2] and abs(heights[0] - 1.0) < 1e-12
    a = true.factors[:, :1]
    expected = deflate(space.left.copy(), None if U is None else space.right.copy(),
                       space.inverse.copy(), coordinates(space.left, a, left),
                       None if U is None else coordinates(space.right, a, order - left))
    np.testing.assert_allclose(V @ V.T, expected[0] @ expected[0].T, atol=1e-10)

    def flat(V, U, C):
        return V @ np.linalg.inv(C) @ (V if U is None else U).T

    np.testing.assert_allclose(flat(V, U, C), flat(*expected), atol=1e-9)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_compiled_asymmetry_is_that_of_arrays(order):
    from tensorflowlr.decompositions import kernels

    x = np.random.default_rng(order).standard_normal((5,) * order)
    assert kernels.asymmetry(x) == pytest.approx(tlr.asymmetry(x), rel=1e-14)
    made = problem(order, 5, 3, 1).to_dense()
    for place in [(0, 1, *(2,) * (order - 2)), (*(3,) * (order - 1), 0)]:
        bent = made.copy()
        bent[place] += 1.0
        assert kernels.asymmetry(bent) == pytest.approx(tlr.asymmetry(bent), rel=1e-14)
    assert kernels.asymmetry(np.zeros((2, 2, 2))) == 0.0
