"""Exactness, small singular values, rank-deficient starts, invariants, step rejection."""

import functools

import numpy as np
import pytest
from conftest import BACKENDS, dense_terms, gaussian, orthonormality
from helpers import errors, exact, halvings, hermitian, ising, linear, random_pairs, slope, ups
from scipy.linalg import expm

import tensorflowlr as tlr

NUMPY = BACKENDS[0]
AUGMENTED = [{"order": 1}, {"order": 2}]
METHODS = {
    "parallel": tlr.ParallelBUG,
    "parallel2": functools.partial(tlr.ParallelBUG, order=2),
    "augmented": tlr.AugmentedBUG,
    "augmented2": functools.partial(tlr.AugmentedBUG, order=2),
}


def moving(tree, shape, rank, dtype):
    """A(t) with leaves U + t W, and its derivative: of the same rank at every time."""
    Y = tlr.TreeTensor.random(tree, shape, rank, rng=0, dtype=dtype)
    cores = list(Y.cores)
    speeds = [gaussian(c.shape, dtype, 40 + i) for i, c in enumerate(cores[: tree.modes])]

    def at(t, replaced=None):
        made = [u + t * w for u, w in zip(cores[: tree.modes], speeds, strict=True)]
        if replaced is not None:
            made[replaced] = speeds[replaced]
        return tlr.TreeTensor(tree, [*made, *cores[tree.modes:]])

    def slope_at(t, Y):
        total = at(t, 0)
        for mode in range(1, tree.modes):
            total = total + at(t, mode)
        return total

    return at, slope_at


@pytest.mark.parametrize("spec", [(0, 1), (0, 1, 2), ((0, 1), (2, 3)), (0, (1, (2, 3))),
                                  ((0, 2, 1), (3,))], ids=str)
@pytest.mark.parametrize("settings", AUGMENTED, ids=str)
def test_moving_tensors_of_fixed_rank_are_followed_exactly(spec, settings, dtype):
    tree = tlr.Tree(spec)
    # the derivative is a cubic at most in t, which the classical Runge–Kutta method takes exactly
    at, slope_at = moving(tree, (8, 7, 6, 7)[: tree.modes], 2, dtype)
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-9), **settings)
    sol = tlr.integrate(tlr.FactoredField(slope_at), at(0.0), (0.0, 1.0), step=0.25, method=method)
    end = at(1.0).to_dense()
    assert np.linalg.norm(sol.final.to_dense() - end) < 1e-12 * np.linalg.norm(end)
    assert all(r <= 2 for r in sol.final.ranks.values())


def test_rotating_trees_are_followed_exactly():
    tree = tlr.Tree(((0, 1, 2), (3, (4, 5))))
    Y = tlr.TreeTensor.random(tree, (6,) * 6, 3, rng=0)
    turns = []
    for core in Y.cores:
        w = gaussian((core.shape[0],) * 2, seed=len(turns))
        turns.append((w - w.T) / np.linalg.norm(w - w.T))

    def at(t):
        cores = [np.tensordot(expm(t * w), c, axes=(1, 0)) for w, c in
                 zip(turns, Y.cores, strict=True)]
        return tlr.TreeTensor(tree, cores)

    for steps in (5, 20):
        method, state = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8)), Y
        times = np.linspace(0.0, 1.0, steps + 1)
        for a, b in zip(times[:-1], times[1:], strict=True):
            rate = (1.0 / (b - a)) * (at(b) - at(a))
            F = tlr.FactoredField(lambda t, Y, rate=rate: rate)
            state = tlr.integrate(F, state, (a, b), step=2.0, method=method).final
        assert np.linalg.norm(state.to_dense() - at(1.0).to_dense()) < 1e-12


def test_growing_ranks_are_followed_exactly_at_second_order(tree, dtype):
    shape = (4, 3, 5, 4, 3, 4)[: tree.modes]
    Y, B = (tlr.TreeTensor.random(tree, shape, 1, rng=i, dtype=dtype) for i in (0, 1))
    for kind in (tlr.ParallelBUG, tlr.AugmentedBUG):
        sol = tlr.integrate(tlr.FactoredField(lambda t, Y: B), Y, (0.0, 1.0), step=0.5,
                            method=kind(tlr.Truncation(atol=1e-10), order=2))
        gap = sol.final.to_dense() - Y.to_dense() - B.to_dense()
        assert np.linalg.norm(gap) < 1e-12
        assert all(r <= 2 for r in sol.final.ranks.values())


SIGMAS = [1.0, 1e-1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-14]
SHAPE = (16, 14)


@functools.cache
def curve(name, sigma):
    """Errors over five halvings from singular values of order one and one of `sigma`."""
    terms = random_pairs(SHAPE)
    u, v = (np.linalg.qr(gaussian((n, 4), complex, n))[0] for n in SHAPE)
    s = np.array([1.0, 0.6, 0.3, sigma])
    Y0 = tlr.LowRankMatrix(u, np.diag(s / np.linalg.norm(s)).astype(complex), v.conj())
    end = exact(terms, Y0.to_dense(), 0.4)
    method = METHODS[name](tlr.Truncation(atol=1e-9), flow=tlr.Exponential())
    return errors(method, linear(terms, tlr.Tree.matrix(), SHAPE), Y0, 0.4, halvings(0.1), end)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_small_singular_values_do_no_harm(name, sigma):
    found, reference = curve(name, sigma), curve(name, 1e-1)
    # truncations add up to fifty tolerances
    assert (found <= 2.0 * reference + 5e-8).all()
    assert slope(halvings(0.1), found) > (1.8 if "2" in name else 0.95) or found.max() < 1e-7


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("sigma", [1e-1, 1e-6, 1e-14])
def test_small_singular_values_on_a_tree(name, sigma):
    tree = tlr.Tree(((0, 1), (2, 3)))
    terms = random_pairs((4,) * 4)
    start = tlr.TreeTensor.random(tree, (4,) * 4, 3, rng=0, dtype=complex)
    weights = np.geomspace(1.0, sigma, 3)
    cores = [c if n == tree.root else c * weights for n, c in enumerate(start.cores)]
    Y0 = tlr.TreeTensor(tree, cores)
    Y0 = Y0 / Y0.norm()
    method = METHODS[name](tlr.Truncation(atol=1e-9), flow=tlr.Exponential())
    steps = halvings(0.1, 4)
    found = errors(method, linear(terms, tree, Y0.shape), Y0, 0.4, steps,
                   exact(terms, Y0.to_dense(), 0.4))
    assert slope(steps, found) > (1.8 if "2" in name else 0.9) or found.max() < 1e-7
    bounds = {"parallel": 2.0, "augmented": 1.0, "parallel2": 2.0, "augmented2": 0.5}
    assert (found <= bounds[name] * np.array(steps) ** (2 if "2" in name else 1)).all()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("padding", ["zeros", "copies", "both"])
def test_rank_deficient_starts(name, padding):
    tree, shape = tlr.Tree(((0, 1), (2, 3))), (4,) * 4
    terms = random_pairs(shape)
    slim = tlr.TreeTensor.random(tree, shape, 1, rng=0, dtype=complex)
    zero = 0.0 * tlr.TreeTensor.random(tree, shape, 1, rng=1, dtype=complex)
    Y0 = {"zeros": slim + zero, "copies": 0.5 * slim + 0.5 * slim,
          "both": (0.5 * slim + zero) + 0.5 * slim}[padding]
    assert min(Y0.ranks.values()) > 1
    F, end = linear(terms, tree, shape), exact(terms, slim.to_dense(), 0.4)
    method = METHODS[name](tlr.Truncation(atol=1e-9), flow=tlr.Exponential())
    steps = halvings(0.1, 4)
    found = errors(method, F, Y0, 0.4, steps, end)
    reference = errors(method, F, slim, 0.4, steps, end)
    assert (found <= 2.0 * reference + 5e-8).all()


@pytest.mark.parametrize("flow", [tlr.Krylov(), tlr.Exponential()], ids=str)
@pytest.mark.parametrize("tree", [tlr.Tree.balanced(8), tlr.Tree.train(8)], ids=str)
def test_norm_and_energy_of_the_ising_chain(flow, tree):
    H = tlr.TreeOperator.from_terms(ising(8), tree, (2,) * 8)
    sol = tlr.integrate(
        tlr.LinearField(H, coefficient=-1j), ups(tree), (0.0, 1.0), step=0.05,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), flow=flow),
        observe={"energy": lambda t, Y: H.expectation(Y), "norm": lambda t, Y: Y.norm()})
    assert np.abs(sol.observables["norm"] - 1.0).max() < 1e-8
    assert np.abs(sol.observables["energy"] + 7.0).max() < 1e-8
    assert sol.stats["discarded"] <= 20 * 1e-10


@pytest.mark.parametrize("settings", AUGMENTED, ids=str)
def test_a_gradient_flow_goes_downhill(settings):
    tree, shape, atol = tlr.Tree(((0, 1, 2), 3)), (4,) * 4, 1e-6
    rng = np.random.default_rng(5)
    terms = [(1.0, {})] + [(1.0, {i: hermitian(rng, n).real}) for i, n in enumerate(shape)]
    terms += [(3.0, {})]
    A, b = tlr.TreeOperator.from_terms(terms, tree, shape), gaussian(shape, seed=3)
    dense = dense_terms(terms, shape).real
    assert np.linalg.eigvalsh(dense).min() > 0.0

    def height(t, Y):
        y = Y.to_dense().reshape(-1)
        return 0.5 * y @ dense @ y - b.reshape(-1) @ y

    start = tlr.TreeTensor.random(tree, shape, 1, rng=0)
    sol = tlr.integrate(
        tlr.LinearField(A, coefficient=-1.0, source=b), start, (0.0, 4.0), step=0.2,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=atol, max_rank=None), flow=tlr.Exponential(),
                                **settings), observe={"height": height})
    heights = sol.observables["height"]
    assert (np.diff(heights) < 10.0 * atol).all()
    lowest = -0.5 * b.reshape(-1) @ np.linalg.solve(dense, b.reshape(-1))
    assert heights[-1] - lowest < 1e-4 * (heights[0] - lowest)


def test_rejection_repairs_a_product_start():
    tree = tlr.Tree(((0, 3, 1), (2, (5, 4)), 6))
    terms, Y0 = ising(7), ups(tree)
    F, end = linear(terms, tree), exact(terms, Y0.to_dense(), 0.5)
    runs = {
        c: tlr.integrate(F, Y0, (0.0, 0.5), step=0.05,
                         method=tlr.ParallelBUG(tlr.Truncation(atol=1e-6), reject=c))
        for c in (None, 10.0, 1e12)
    }
    found = {c: np.linalg.norm(s.final.to_dense().reshape(-1) - end) for c, s in runs.items()}
    assert runs[None].stats["rejected"] == 0
    assert runs[10.0].stats["rejected"] > 0
    # a huge constant leaves the doubling of ranks as the only reason
    assert 0 < runs[1e12].stats["rejected"] <= runs[10.0].stats["rejected"]
    assert found[10.0] < 0.1 * found[None]
    assert runs[10.0].stats["evaluations"] > runs[None].stats["evaluations"]


@pytest.mark.parametrize("cap", [1, 2, 3, 5])
def test_rejection_ends_where_the_ranks_are_capped(cap):
    tree = tlr.Tree.balanced(6)
    rule = tlr.Truncation(atol=1e-12, max_rank=cap)
    with pytest.warns(tlr.RankCapWarning, match=f"max_rank = {cap}"):
        sol = tlr.integrate(linear(ising(6), tree), ups(tree), (0.0, 0.5), step=0.1,
                            method=tlr.ParallelBUG(rule, reject=1e-9))
    assert sol.success and sol.max_ranks.max() == cap
    assert sol.stats["rejected"] <= 8 * sol.stats["steps"]


@pytest.mark.parametrize("growing", [False, True])
def test_rejection_of_a_matrix_by_the_dense_definition(growing):
    terms = random_pairs(SHAPE)
    dense = dense_terms(terms, SHAPE)
    Y0 = tlr.TreeTensor.random(tlr.Tree.matrix(), SHAPE, 4, rng=0, dtype=complex)
    h = 0.01
    # a field that vanishes at the start shows its gap at the end of the step alone
    coefficient = (lambda t: -1j * t / h) if growing else (lambda t: -1j)
    F = linear(terms, Y0.tree, SHAPE, coefficient)
    slow = tlr.Truncation(atol=1e-3, max_rank=7)
    plain = tlr.integrate(F, Y0, (0.0, h), step=h, method=tlr.ParallelBUG(tlr.Truncation()))
    U, V = plain.final.cores[:2]
    inside = [np.eye(n) - c @ c.conj().T for n, c in zip(SHAPE, Y0.cores[:2], strict=True)]
    gaps = []
    for t, state in ((0.0, Y0), (h, plain.final)):
        slope_ = (coefficient(t) * dense @ state.to_dense().reshape(-1)).reshape(SHAPE)
        within = U @ (U.conj().T @ slope_ @ V.conj()) @ V.T
        gaps.append(h * np.linalg.norm(inside[0] @ within @ inside[1].T))
    for factor, rejected in ((0.99, True), (1.01, False)):
        c = factor * max(gaps) / slow.atol
        sol = tlr.integrate(F, Y0, (0.0, h), step=h, method=tlr.ParallelBUG(slow, reject=c))
        assert (sol.stats["rejected"] > 0) == rejected


@pytest.mark.parametrize("name", METHODS)
def test_cores_stay_orthonormal_over_many_steps(name):
    tree, shape = tlr.Tree(((0, 1), 2)), (4, 3, 4)
    method = METHODS[name](tlr.Truncation(atol=1e-3, max_rank=3), flow=tlr.Exponential())
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=complex)
    worst = 0.0
    for info in tlr.steps(linear(random_pairs(shape), tree, shape), Y, (0.0, 30.0), step=0.1,
                          method=method):
        worst = max(worst, orthonormality(info.y, NUMPY))
    assert info.record.steps == 300
    assert worst < 1e-13
