"""Long-range pair interactions: small bonds, exact action on 64 sites, honest compression."""

import functools
import itertools

import numpy as np
import pytest
from conftest import dense_terms

import tensorflowlr as tlr

SITES = 64
NUMBER = np.array([0.0, 1.0])
X = np.array([[0.0, 1.0], [1.0, 0.0]])
TREES = {
    "balanced": tlr.Tree.balanced(SITES),
    "train": tlr.Tree.train(SITES),
    "quarters": tlr.Tree(
        tuple(
            tuple(tuple(range(k, k + 4)) for k in range(j, j + 16, 4)) for j in range(0, SITES, 16)
        )
    ),
}


def coupling(alpha, sites=SITES):
    distance = np.abs(np.subtract.outer(np.arange(sites), np.arange(sites))).astype(float)
    return np.triu(1.0 / np.where(distance == 0, np.inf, distance) ** alpha)


def pairs(c, matrix):
    sites = len(c)
    return [
        (c[i, j], {i: matrix, j: matrix}) for i, j in itertools.combinations(range(sites), 2)
    ]


def numerical_rank(block, rtol):
    values = np.linalg.svd(block, compute_uv=False)
    tails = np.sqrt(np.cumsum((values**2)[::-1])[::-1])
    return int(np.sum(tails > rtol * tails[0]))


@functools.cache
def compiled(name, alpha):
    terms = pairs(coupling(alpha), NUMBER)
    return tlr.TreeOperator.from_terms(terms, TREES[name], (2,) * SITES)


CASES = pytest.mark.parametrize(
    ("name", "alpha"),
    [("balanced", 1.0), ("balanced", 6.0), ("train", 1.0), ("train", 3.0), ("quarters", 1.5)],
)


@CASES
def test_bonds_are_the_ranks_of_the_coupling_matrix(name, alpha):
    operator, tree = compiled(name, alpha), TREES[name]
    c = coupling(alpha)
    c = c + c.T
    for node in tree.edges:
        inside = list(tree.leaves_below[node])
        outside = [i for i in range(SITES) if i not in inside]
        assert operator.ranks[node] <= numerical_rank(c[np.ix_(inside, outside)], 1e-12) + 2


@CASES
def test_exact_energies_of_configurations(backend, name, alpha):
    """A product of basis vectors is an eigenvector with eigenvalue Σ_{i<j} c_ij x_i x_j."""
    operator, tree = compiled(name, alpha), TREES[name]
    rng = np.random.default_rng(0)
    for filling in (0.1, 0.5, 1.0):
        x = (rng.random(SITES) < filling).astype(float)
        energy = x @ coupling(alpha) @ x
        state = tlr.TreeTensor.product([backend.array(np.array([1 - v, v])) for v in x], tree)
        assert operator.expectation(state) == pytest.approx(energy, rel=1e-11, abs=1e-11)
        difference = operator @ state - energy * state
        assert difference.norm() <= 1e-11 * max(energy, 1.0)


@CASES
def test_exact_action_on_product_states(name, alpha):
    """(H v)[x] = E(x) v[x], and ⟨H⟩ = Σ c_ij p_i p_j for p the occupations."""
    operator, tree = compiled(name, alpha), TREES[name]
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, np.pi, SITES)
    state = tlr.TreeTensor.product([[np.cos(a), np.sin(a)] for a in angles], tree)
    p = np.sin(angles) ** 2
    assert operator.expectation(state) == pytest.approx(p @ coupling(alpha) @ p, rel=1e-11)
    table = rng.integers(0, 2, (20, SITES))
    energies = np.einsum("ni,ij,nj->n", table, coupling(alpha), table)
    factors = np.where(table == 1, np.sin(angles), np.cos(angles))
    expected = energies * factors.prod(axis=1)
    np.testing.assert_allclose((operator @ state).entries(table), expected, rtol=1e-10)


def test_two_kinds_of_terms_with_a_field():
    """Σ c_ij X_i X_j + Σ h_i n_i in a product state: Σ c_ij s_i s_j + Σ h_i p_i."""
    tree = TREES["balanced"]
    c, h = coupling(2.0), np.linspace(-1.0, 1.0, SITES)
    terms = pairs(c, X) + [(h[i], {i: NUMBER}) for i in range(SITES)] + [(0.5, {})]
    H = tlr.TreeOperator.from_terms(terms, tree, (2,) * SITES)
    angles = np.random.default_rng(2).uniform(0, np.pi, SITES)
    state = tlr.TreeTensor.product([[np.cos(a), np.sin(a)] for a in angles], tree)
    s, p = np.sin(2 * angles), np.sin(angles) ** 2
    assert H.expectation(state) == pytest.approx(s @ c @ s + h @ p + 0.5, rel=1e-10)
    assert H.is_hermitian


@pytest.mark.parametrize("rtol", [1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("tree", [tlr.Tree.balanced(8), tlr.Tree.train(8)], ids=["bal", "train"])
def test_compression_is_within_the_rule(tree, rtol):
    """Traceless unit matrices make products orthogonal: each edge costs rtol of its terms."""
    sites = 8
    unit = X / np.sqrt(2.0)
    c = coupling(1.0, sites)
    terms = pairs(c, unit)
    H = tlr.TreeOperator.from_terms(terms, tree, (2,) * sites, tlr.Truncation(rtol=rtol))
    full = tlr.TreeOperator.from_terms(terms, tree, (2,) * sites)
    error = np.linalg.norm(H.to_dense() - dense_terms(terms, (2,) * sites).real)
    surroundings = 2.0 ** (0.5 * (sites - 2))
    allowed = rtol * sum(
        np.linalg.norm((c + c.T)[np.ix_(inside, outside)])
        for inside in (list(tree.leaves_below[n]) for n in tree.edges)
        for outside in [[i for i in range(sites) if i not in inside]]
    )
    assert error <= surroundings * allowed
    assert all(H.ranks[n] <= full.ranks[n] for n in tree.edges)
    if rtol >= 1e-3:
        assert sum(H.ranks.values()) < sum(full.ranks.values())


def test_max_rank_caps_the_open_slots():
    tree = tlr.Tree.balanced(16)
    terms = pairs(coupling(1.0, 16), NUMBER)
    for cap in (1, 2, 3):
        H = tlr.TreeOperator.from_terms(terms, tree, (2,) * 16, tlr.Truncation(max_rank=cap))
        assert max(H.ranks.values()) <= cap + 2
