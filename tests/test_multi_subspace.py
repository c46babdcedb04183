"""Tensors symmetric in groups of axes, held against dense sums and known components."""

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import tensorflowlr as tlr
from tensorflowlr.decompositions import groups, joint

PROBLEMS = [
    ((5, 5, 6), ((0, 1), (2,)), 4),
    ((6, 5, 6), ((0, 2), (1,)), 5),
    ((4, 5, 6), ((0,), (1,), (2,)), 4),
    ((2, 2, 2), ((0,), (1,), (2,)), 2),
    ((5, 5, 5, 5), ((0, 1), (2, 3)), 8),
    ((4, 3, 4, 5), ((0, 2), (1,), (3,)), 7),
    ((4, 4, 4, 5, 3), ((0, 1, 2), (3,), (4,)), 6),
    ((4, 4, 4, 4), ((0, 1, 2, 3),), 4),
]


def problem(shape, symmetry, rank, dtype=float, seed=0):
    factors = [gaussian((shape[group[0]], rank), dtype, seed + 7 * g)
               for g, group in enumerate(symmetry)]
    factors = [f / np.linalg.norm(f, axis=0) for f in factors]
    weights = gaussian((rank,), dtype, seed + 99) + 0.0
    return weights + np.sign(weights), factors


def dense(weights, factors, symmetry, order):
    letters = {axis: g for g, group in enumerate(symmetry) for axis in group}
    total = 0.0
    for i, w in enumerate(weights):
        term = np.asarray(w)
        for axis in range(order):
            term = np.multiply.outer(term, factors[letters[axis]][:, i])
        total = total + term
    return total


def mismatch(cp, weights, factors, symmetry, backend=None):
    """The largest angle between components, terms matched by the Hungarian method."""
    found = [np.asarray(f) if backend is None else backend.numpy(f) for f in cp.factors]
    near = [abs(a.conj().T @ b) for a, b in zip(factors, found, strict=True)]
    rows, columns = linear_sum_assignment(-np.prod(near, axis=0))
    return max(
        float(np.linalg.norm(b[:, columns] - a * (a.conj() * b[:, columns]).sum(axis=0), axis=0)
              .max())
        for a, b in zip(factors, found, strict=True))


@pytest.mark.parametrize("shape, symmetry, rank", PROBLEMS, ids=str)
def test_exact_tensors_on_every_library(shape, symmetry, rank, dtype, backend):
    w, factors = problem(shape, symmetry, rank, dtype)
    T = dense(w, factors, symmetry, len(shape))
    cp = tlr.multi_subspace_power_method(backend.array(T), symmetry=symmetry, rng=0)
    backend.check(cp.weights, *cp.factors)
    assert cp.rank == rank and cp.symmetry == symmetry
    error = np.linalg.norm(backend.numpy(cp.to_dense()) - T) / np.linalg.norm(T)
    assert error < 1e-12
    assert mismatch(cp, w, factors, symmetry, backend) < 1e-9
    assert cp.diagnostics.residual < 1e-12 and cp.diagnostics.exact
    assert np.allclose(np.sort(abs(backend.numpy(cp.weights))), np.sort(abs(w)), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_scale_does_not_matter(scale):
    w, factors = problem((5, 4, 5), ((0, 2), (1,)), 3)
    T = scale * dense(w, factors, ((0, 2), (1,)), 3)
    cp = tlr.multi_subspace_power_method(T, symmetry=((0, 2), (1,)), rng=0)
    assert cp.rank == 3
    assert np.linalg.norm(cp.to_dense() - T) < 1e-12 * np.linalg.norm(T)


@given(st.lists(st.tuples(st.integers(2, 6), st.integers(1, 3)), min_size=1, max_size=3),
       st.integers(0, 2**20), st.sampled_from([float, complex]), st.randoms())
def test_any_symmetry(parts, seed, dtype, random):
    # within half of the limit, on axes in any order
    sizes, orders = zip(*parts, strict=True)
    order = sum(orders)
    if not 3 <= order <= 5:
        return
    axes = list(range(order))
    random.shuffle(axes)
    symmetry = tuple(tuple(axes.pop() for _ in range(n)) for n in orders)
    group = {axis: g for g, part in enumerate(symmetry) for axis in part}
    shape = tuple(sizes[group[axis]] for axis in range(order))
    rank = max(1, groups.best_split(sizes, orders)[2] // 2)
    w, factors = problem(shape, symmetry, rank, dtype, seed)
    T = dense(w, factors, symmetry, order)
    cp = tlr.multi_subspace_power_method(T, rank, symmetry=symmetry, rng=seed)
    assert np.linalg.norm(cp.to_dense() - T) < 1e-8 * np.linalg.norm(T)


@pytest.mark.parametrize("noise", [1e-6, 1e-3])
@pytest.mark.parametrize("shape, symmetry, rank", [
    ((9, 9, 10), ((0, 1), (2,)), 5), ((7, 7, 7, 7), ((0, 1), (2, 3)), 6),
    ((6, 7, 6, 5), ((0,), (1,), (2,), (3,)), 5),
], ids=str)
def test_noise(shape, symmetry, rank, noise, dtype):
    w, factors = problem(shape, symmetry, rank, dtype, 3)
    exact = dense(w, factors, symmetry, len(shape))
    N = gaussian(shape, dtype, 1)
    for group in symmetry:
        if len(group) == 2:
            N = N + np.swapaxes(N, *group)
    N = N * (noise * np.linalg.norm(exact) / np.linalg.norm(N))
    cp = tlr.multi_subspace_power_method(exact + N, symmetry=symmetry, rng=0)
    assert cp.rank == rank and not cp.diagnostics.exact
    # projected on the tangent space of the model, less noise is left than was there
    assert np.linalg.norm(cp.to_dense() - exact) < 0.9 * np.linalg.norm(N)
    # at the least-squares fit, the residual is orthogonal to every derivative
    rest = exact + N - cp.to_dense()
    for axis in range(len(shape)):
        vectors = cp.to_tensorly().factors
        operands = [rest, list(range(len(shape)))]
        for other in range(len(shape)):
            if other != axis:
                operands += [np.conj(vectors[other]), [other, len(shape)]]
        slope = np.einsum(*operands, [axis, len(shape)])
        assert np.abs(slope).max() < 1e-3 * np.linalg.norm(N)


def test_all_axes_alike_is_the_symmetric_method():
    T = tlr.SymmetricCP.random(5, 6, 4, rng=2)
    cp = tlr.multi_subspace_power_method(T.to_dense(), symmetry=((0, 1, 2, 3),), rng=0)
    same = tlr.SymmetricCP(cp.weights, cp.factors[0], 4)
    assert (same - T).norm() < 1e-12 * T.norm()
    assert np.sort(cp.weights) == pytest.approx(np.sort(T.weights), rel=1e-9)


def test_derivatives_of_the_objective(dtype):
    side = groups.Side((0, 1), (3, 2), (2, 1))
    V = np.linalg.qr(gaussian((12, 4), dtype, 1))[0]
    X = [gaussian((3, 1), dtype, 2), gaussian((2, 1), dtype, 3)]
    X = [x / np.linalg.norm(x) for x in X]

    def f(points):
        return float(joint.objective(V, side, points)[0])

    alpha = V.conj().T @ side.powers(X)
    for place, order in enumerate(side.orders):
        g = side.contracted(V @ alpha, [x.conj() for x in X], place)
        assert (X[place].conj() * g).sum() == pytest.approx(f(X), rel=1e-12)
        h = gaussian(X[place].shape, dtype, 5)
        ends = [f([x + s * h if i == place else x for i, x in enumerate(X)])
                for s in (1e-5, -1e-5)]
        slope = 2.0 * order * float((h.conj() * g).sum().real)
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-7)


def test_a_sweep_never_lowers_the_objective(dtype):
    side = groups.Side((0, 1), (4, 3), (2, 1))
    V = np.linalg.qr(gaussian((30, 9), dtype, 1))[0]
    X = [gaussian((4, 20), dtype, 2), gaussian((3, 20), dtype, 3)]
    X = [x / np.linalg.norm(x, axis=0) for x in X]
    before = joint.objective(V, side, X)
    for _ in range(30):
        _, X = joint.sweep(V, side, X)
        after = joint.objective(V, side, X)
        assert (after >= before - 1e-12).all()
        before = after


def test_limits_of_known_varieties():
    # points on curves, scrolls and the Veronese surface: of least degree, hence one more
    assert groups.Side((0,), (2,), (3,)).limit == 3
    assert groups.Side((0, 1), (2, 5), (1, 1)).limit == 5
    assert groups.Side((0,), (3,), (2,)).limit == 4
    assert groups.Side((0,), (6,), (2,)).limit == 21 - 6
    assert groups.Side((0, 1), (4, 5), (1, 1)).limit == 20 - 1 - 7
    assert groups.Side((0,), (6,), (1,)).limit == 1


def test_near_symmetry_is_mended_with_a_warning():
    w, factors = problem((4, 4, 5), ((0, 1), (2,)), 3)
    T = dense(w, factors, ((0, 1), (2,)), 3)
    T[0, 1, 2] += 1e-11 * abs(T).max()
    with pytest.warns(tlr.DecompositionWarning, match="symmetrised"):
        cp = tlr.multi_subspace_power_method(T, 3, symmetry=((0, 1), (2,)), rng=0)
    assert np.linalg.norm(cp.to_dense() - T) < 1e-10 * np.linalg.norm(T)


def test_tensors_of_components(backend, dtype):
    symmetry = ((0, 3), (1,), (2,))
    w, factors = problem((3, 4, 2, 3), symmetry, 5, dtype)
    T = dense(w, factors, symmetry, 4)
    cp = tlr.PartiallySymmetricCP(
        backend.array(w), [backend.array(3.0 * f) for f in factors], symmetry)
    assert cp.shape == T.shape and cp.order == 4 and cp.rank == 5
    assert np.allclose(backend.numpy(cp.to_dense()), 81.0 * T, rtol=1e-12, atol=1e-12)
    other = tlr.PartiallySymmetricCP(cp.weights[:2], [f[:, :2] for f in cp.factors], symmetry)
    part = 81.0 * dense(w[:2], [f[:, :2] for f in factors], symmetry, 4)
    assert cp.inner(other) == pytest.approx(81.0 * np.vdot(T, part), rel=1e-11)
    assert cp.norm() == pytest.approx(81.0 * np.linalg.norm(T), rel=1e-11)
    assert np.allclose(backend.numpy(cp.to_tree().to_dense()), 81.0 * T, atol=1e-10)


def test_tensorly_takes_the_components():
    cp = tlr.PartiallySymmetricCP([1.0, 2.0], [np.eye(3)[:, :2], np.eye(2)], ((0, 1), (2,)))
    assert np.allclose(cp.to_tensorly().to_tensor(), cp.to_dense())
