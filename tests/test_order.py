"""Observed orders of convergence against exact states, and recorded error tables."""

import functools

import numpy as np
import pytest
from conftest import dense_terms
from helpers import (
    errors,
    exact,
    halvings,
    hermitian,
    ising,
    linear,
    long_range_ising,
    random_pairs,
    random_product,
    slope,
    ups,
    xxz,
)
from scipy.sparse.linalg import expm_multiply

import tensorflowlr as tlr

CASES = {
    "matrix": (tlr.Tree.matrix(), (24, 20)),
    "balanced": (tlr.Tree.balanced(4), (5,) * 4),
    "comb": (tlr.Tree.train(4), (5,) * 4),
    "tucker": (tlr.Tree.tucker(3), (10, 9, 8)),
    "irregular": (tlr.Tree(((3, 0, 1), (2, 4))), (4,) * 5),
}
END, RANK = 0.2, 2


@functools.cache
def case(name):
    """The field, the start of rank two and the exact end of a random pair interaction."""
    tree, shape = CASES[name]
    terms = random_pairs(shape)
    Y0 = tlr.TreeTensor.random(tree, shape, RANK, rng=0, dtype=complex)
    end = expm_multiply(-1j * END * dense_terms(terms, shape), Y0.to_dense().reshape(-1))
    return linear(terms, tree, shape), Y0, end


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.RungeKutta4(2)], ids=str)
@pytest.mark.parametrize("kind", [tlr.ParallelBUG, tlr.AugmentedBUG])
def test_first_order(name, flow, kind):
    F, Y0, end = case(name)
    steps = halvings(0.05, 5)
    found = errors(kind(tlr.Truncation(atol=1e-8), flow=flow), F, Y0, END, steps, end)
    assert 0.95 < slope(steps, found) < 1.1
    assert found[-1] < 1e-2


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.RungeKutta4(2)], ids=str)
def test_second_order_parallel(name, flow):
    F, Y0, end = case(name)
    steps = halvings(0.05, 5)
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-10), order=2, flow=flow)
    found = errors(method, F, Y0, END, steps, end)
    assert 1.9 < slope(steps, found) < 2.2
    assert found[-1] < 2e-6


@pytest.mark.parametrize("name", CASES)
def test_second_order_augmented(name):
    F, Y0, end = case(name)
    steps = halvings(0.1, 5)
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), order=2, flow=tlr.Exponential())
    found = errors(method, F, Y0, END, steps, end)
    # the frame of Y0 and F(Y0), augmented once more, often does better than proven
    assert slope(steps, found) > 1.8 or found.max() < 1e-9
    assert found[-1] < 2e-6


@pytest.mark.parametrize("length", [6])
@pytest.mark.parametrize("kind", [tlr.ParallelBUG, tlr.AugmentedBUG])
def test_long_range_ising_on_a_balanced_tree(length, kind):
    tree, terms = tlr.Tree.balanced(length), long_range_ising(length)
    Y0 = tlr.TreeTensor.random(tree, (2,) * length, 3, rng=0, dtype=complex)
    F, end = linear(terms, tree), exact(terms, Y0.to_dense(), 0.4)
    steps = halvings(0.05, 4)
    for order in (1, 2):
        method = kind(tlr.Truncation(atol=1e-9), order=order, flow=tlr.Exponential())
        found = errors(method, F, Y0, 0.4, steps, end)
        assert slope(steps, found) > order - 0.2 or found.max() < 1e-7


def test_backward_runs_converge_as_well():
    F, Y0, end = case("irregular")
    start = tlr.TreeTensor.from_dense(end.reshape(Y0.shape), Y0.tree, tlr.Truncation(atol=1e-10))
    steps, found = halvings(0.05, 4), []
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-10), order=2, flow=tlr.Exponential())
    for h in steps:
        back = tlr.integrate(F, start, (END, 0.0), step=h, method=method).final
        found.append(np.linalg.norm(back.to_dense() - Y0.to_dense()))
    assert slope(steps, np.array(found)) > 1.8
    assert found[-1] < 1e-4


def test_a_time_dependent_coefficient_and_source():
    tree, shape = tlr.Tree.tucker(3), (6, 5, 4)
    rng = np.random.default_rng(3)
    matrices = [0.5 * hermitian(rng, n) for n in shape]
    H = tlr.TreeOperator.from_terms([(1.0, {i: m}) for i, m in enumerate(matrices)], tree, shape)
    Y0 = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=complex)
    Z = tlr.TreeTensor.random(tree, shape, 1, rng=1, dtype=complex)
    F = tlr.LinearField(H, coefficient=lambda t: -1j * np.cos(t), source=lambda t: t * Z)
    dense, z = H.to_dense(), Z.to_dense().reshape(-1)
    values, vectors = np.linalg.eigh(dense)
    # variation of constants in the eigenbasis, the integral by 40 Gauss points
    nodes, weights = np.polynomial.legendre.leggauss(40)
    s, w = 0.5 * (nodes + 1.0), 0.5 * weights
    phase = np.exp(-1j * np.outer(np.sin(1.0) - np.sin(s), values))
    inner = (w * s) @ (phase * (vectors.conj().T @ z))
    end = vectors @ (
        np.exp(-1j * np.sin(1.0) * values) * (vectors.conj().T @ Y0.to_dense().reshape(-1))
        + inner)
    steps = halvings(0.125, 4)
    for order, kind, flow in ((1, tlr.ParallelBUG, tlr.RungeKutta4()),
                              (2, tlr.ParallelBUG, tlr.RungeKutta4()),
                              (2, tlr.AugmentedBUG, tlr.RungeKutta4())):
        found = errors(kind(tlr.Truncation(atol=1e-10), order=order, flow=flow), F, Y0, 1.0,
                       steps, end)
        assert slope(steps, found) > order - 0.2 or found.max() < 1e-7


BALANCED, COMB, TUCKER = tlr.Tree.balanced(8), tlr.Tree.train(8), tlr.Tree.tucker(6)
ISING = [
    (BALANCED, 1, 0.5, [7.6e-2, 1.7e-2, 4.2e-3, 1.0e-3]),
    (COMB, 1, 0.5, [1.4e-1, 5.9e-2, 3.0e-2, 1.6e-2]),
    (BALANCED, 2, 0.4, [1.6e-2, 1.0e-3, 6.5e-5]),
    (COMB, 2, 0.4, [1.9e-2, 4.3e-3, 1.1e-3]),
    (TUCKER, 2, 0.4, [3.9e-3, 2.4e-4, 1.5e-5]),
]


@pytest.mark.parametrize("tree, order, end, recorded", ISING)
def test_recorded_errors_of_the_ising_quench(tree, order, end, recorded):
    terms, Y0 = ising(tree.modes), ups(tree)
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-8), order=order)
    found = errors(method, linear(terms, tree), Y0, end, halvings(0.1, len(recorded)),
                   exact(terms, Y0.to_dense(), end))
    assert (found <= 1.05 * np.array(recorded)).all()


def test_tangent_enrichment_is_enough_for_neighbours():
    terms, Y0 = ising(8), ups(BALANCED)
    F, end = linear(terms, BALANCED), exact(terms, Y0.to_dense(), 0.4)
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-8), order=2, enrich="tangent")
    found = errors(method, F, Y0, 0.4, halvings(0.1, 3), end)
    assert (found <= 1.05 * np.array([1.6e-2, 1.0e-3, 6.5e-5])).all()


@pytest.mark.parametrize("spec", [
    ((0, 1, 2), (3, 4), 5), ((0, 3, 1), (2, (5, 4)), 6), (((0, 1, 2), 3), (4, 5, 6)),
], ids=str)
def test_the_full_range_beats_the_tangent_space(spec):
    tree = tlr.Tree(spec)
    terms, Y0 = xxz(tree.modes), random_product(tree, (2,) * tree.modes)
    F, end = linear(terms, tree), exact(terms, Y0.to_dense(), 0.4)
    steps = halvings(0.05, 4)

    def run(**settings):
        method = tlr.ParallelBUG(tlr.Truncation(atol=1e-8), **settings)
        return errors(method, F, Y0, 0.4, steps, end)

    plain, tangent, full = run(), run(order=2, enrich="tangent"), run(order=2)
    assert 0.9 < slope(steps, plain) < 1.1
    assert 0.9 < slope(steps, tangent) < 1.15
    assert slope(steps, full) > 1.9
    assert (tangent < plain).all()
    assert (full < 0.2 * tangent).all() and full[-1] < 0.02 * tangent[-1]
