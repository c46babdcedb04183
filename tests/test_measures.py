"""Moments, marginals, densities, correlations and entropies against dense arrays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from conftest import TREES, decaying_tensor, gaussian, sizes, tree_tensors
from conftest import plain as densified
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr
from tensorflowlr import measures

RANK, DECAY, SCALE = 4, 0.6, 1.7


def made(tree: tlr.Tree, dtype: Any, backend: Any) -> tuple[tlr.TreeTensor, np.ndarray]:
    """A tensor of norm SCALE on a library, not orthonormal, and its dense array."""
    Y = decaying_tensor(tree, sizes(tree), RANK, DECAY, SCALE, dtype)
    return backend.tensor(Y), Y.to_dense()


def weights(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n))


def subsets(d: int) -> list[tuple[int, ...]]:
    return [s for k in range(1, d + 1) for s in itertools.combinations(range(d), k)]


def plain(value: Any, backend: Any) -> np.ndarray:
    """What a function returned, as NumPy; arrays must be of the library."""
    if isinstance(value, tlr.TreeTensor):
        return backend.dense(value)
    return np.asarray(value) if isinstance(value, (float, complex)) else backend.numpy(value)


def contracted(x: np.ndarray, vectors: dict[int, np.ndarray]) -> np.ndarray:
    for mode in sorted(vectors, reverse=True):
        x = np.tensordot(x, vectors[mode], (mode, 0))
    return x


def rows_of(x: np.ndarray, modes: Any) -> np.ndarray:
    """The matricisation with the given modes, in that order, in the rows."""
    moved = np.moveaxis(x, modes, range(len(modes)))
    return moved.reshape(int(np.prod(moved.shape[: len(modes)])), -1)


def value(x: np.ndarray, *factors: tuple[int, Any]) -> complex:
    """⟨x| product of matrices of single modes |x⟩."""
    applied = x
    for mode, matrix in reversed(factors):
        applied = np.moveaxis(np.tensordot(matrix, applied, (1, mode)), 0, mode)
    return np.vdot(x, applied)


def table(x: np.ndarray, first: Any, second: Any, share: float = 0.0) -> np.ndarray:
    """All values of pairs, less `share` times the products of their means."""
    return np.array([
        [value(x, a, b) - share * value(x, a) * value(x, b) for b in second.items()]
        for a in first.items()
    ])


def test_contraction_of_every_set_of_modes(tree, dtype, backend):
    Y, x = made(tree, dtype, backend)
    for modes in subsets(tree.modes):
        vectors = {m: gaussian((x.shape[m],), dtype, m) for m in modes}
        found = plain(measures.contract_modes(Y, {m: backend.array(v) for m, v in vectors.items()}),
                      backend)
        expected = contracted(x, vectors)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-12
    assert measures.contract_modes(Y, {}) is Y


def test_an_index_picks_an_entry_and_complex_vectors_make_complex(backend):
    Y, x = made(tlr.Tree.balanced(5), float, backend)
    found = backend.dense(measures.contract_modes(Y, {1: 2, 3: -1}))
    assert np.abs(found - x[:, 2, :, -1, :]).max() < 1e-14
    vector = gaussian((x.shape[4],), complex)
    found = backend.dense(measures.contract_modes(Y, {4: vector.tolist()}))
    assert np.abs(found - x @ vector).max() < 1e-14


def test_contraction_leaves_a_tidy_tree():
    Y = tlr.TreeTensor.random(tlr.Tree(((0, 1), ((2, 3), 4), 5)), (2,) * 6, 2, rng=0)
    assert measures.contract_modes(Y, {0: 0, 3: 0}).tree == tlr.Tree((0, (1, 2), 3))
    assert measures.contract_modes(Y, {0: 0, 1: 0, 5: 0}).tree == tlr.Tree(((0, 1), 2))


def test_moments_of_every_set_of_modes(tree, dtype, backend):
    Y, x = made(tree, dtype, backend)
    for modes in subsets(tree.modes):
        chances = {m: weights(x.shape[m], m) for m in modes}
        first = contracted(x, chances)
        second = contracted(np.abs(x) ** 2, chances)
        found = plain(measures.mean(Y, chances), backend)
        assert found.shape == first.shape
        assert np.abs(found - first).max() < 1e-14
        spread = plain(measures.variance(Y, chances), backend)
        assert spread.shape == first.shape
        assert spread.dtype == np.float64
        assert np.abs(spread - (second - np.abs(first) ** 2)).max() < 1e-13


def test_selected_modes_come_first(tree, backend):
    if tree.modes < 3:
        return
    Y, x = made(tree, complex, backend)
    chance = {0: weights(x.shape[0])}
    mixed = {1: gaussian((x.shape[1],), float, 3), 2: 1}
    chosen = np.tensordot(x, mixed[1], (1, 0))[:, 1]
    first = contracted(chosen, chance)
    second = contracted(np.abs(chosen) ** 2, chance) - np.abs(first) ** 2
    assert np.abs(plain(measures.mean(Y, chance, select=mixed), backend) - first).max() < 1e-14
    found = plain(measures.variance(Y, chance, select=mixed), backend)
    assert np.abs(found - second).max() < 1e-13
    everything = {m: 0 for m in range(1, tree.modes)}
    column = x[(slice(None), *([0] * (tree.modes - 1)))]
    assert measures.mean(Y, chance, select=everything) == pytest.approx(
        chance[0] @ column, abs=1e-14)
    assert measures.variance(Y, chance, select=everything) == pytest.approx(
        chance[0] @ np.abs(column - chance[0] @ column) ** 2, abs=1e-14)


def test_small_variances_beside_a_large_mean_keep_their_digits():
    """E[Y²] - E[Y]² would lose all of them: the spread is 1e-9 of the mean."""
    tree, n = tlr.Tree.balanced(3), 7
    spread = gaussian((n,), float, 1)
    # 1 + 1e-9 g in each random mode, times a profile
    random = 1.0 + 1e-9 * spread
    Y = tlr.TreeTensor.product([np.array([1.0, 2.0, 3.0]), random, random], tree)
    w = weights(n)
    gaps = 1e-9 * (spread[:, None] + spread[None, :] + 1e-9 * np.outer(spread, spread))
    middle = np.einsum("i,j,ij", w, w, gaps)
    expected = np.einsum("i,j,ij", w, w, (gaps - middle) ** 2) * np.array([1.0, 4.0, 9.0])
    found = measures.variance(Y, {1: w, 2: w})
    assert np.abs(found / expected - 1.0).max() < 1e-5
    direct = w @ (random**2) * (w @ (random**2)) - ((w @ random) ** 2) ** 2
    assert abs(direct / expected[0] - 1.0) > 0.1


@given(tree_tensors(), st.data())
def test_variances_are_not_negative_and_nothing_is_lost(Y, data):
    modes = data.draw(st.sets(st.sampled_from(range(Y.ndim)), min_size=1))
    chances = {m: weights(Y.shape[m], data.draw(st.integers(0, 99))) for m in modes}
    found = np.asarray(measures.variance(Y, chances))
    x = Y.to_dense()
    expected = contracted(np.abs(x) ** 2, chances) - np.abs(contracted(x, chances)) ** 2
    assert found.min() >= 0.0
    assert np.abs(found - expected).max() <= 1e-12 * Y.norm() ** 2


def test_marginals_and_densities_of_every_set_of_modes(tree, dtype, backend):
    Y, x = made(tree, dtype, backend)
    for modes in subsets(tree.modes):
        modes = modes[::-1] if len(modes) % 2 else modes
        rows = rows_of(x, modes)
        shape = tuple(x.shape[m] for m in modes)
        density = backend.numpy(measures.reduced_density(Y, modes))
        assert np.abs(density - rows @ rows.conj().T).max() < 1e-13
        assert np.array_equal(density, density.conj().T)
        shares = backend.numpy(measures.marginal(Y, modes))
        assert shares.shape == shape
        assert shares.dtype == np.float64
        assert np.abs(shares.reshape(-1) - (np.abs(rows) ** 2).sum(axis=1)).max() < 1e-13
        amplitude = backend.numpy(measures.amplitude(Y, modes))
        assert amplitude.shape[:-1] == shape
        assert amplitude.shape[-1] <= np.prod(shape)


@given(tree_tensors(), st.data())
def test_densities_are_positive_of_trace_norm_squared(Y, data):
    modes = data.draw(st.lists(st.sampled_from(range(Y.ndim)), min_size=1, max_size=2, unique=True))
    density = measures.reduced_density(Y, modes)
    size = Y.norm() ** 2
    assert np.trace(density).real == pytest.approx(size, rel=1e-12)
    assert np.linalg.eigvalsh(density).min() >= -1e-14 * size
    shares = measures.marginal(Y, modes)
    assert shares.min() >= 0.0
    assert np.abs(shares.reshape(-1) - np.diag(density).real).max() <= 1e-13 * size


def test_small_probabilities_keep_their_digits():
    small = np.array([1.0, 1e-12])
    Y = tlr.TreeTensor.product([small, small, [1.0, 0.0]], tlr.Tree.balanced(3))
    found = measures.marginal(Y, (0, 1))
    assert np.abs(found / np.outer(small**2, small**2) - 1.0).max() < 1e-12


@pytest.mark.parametrize("connected", [False, True])
def test_all_correlations(tree, dtype, backend, connected):
    Y, x = made(tree, dtype, backend)
    first = {m: gaussian((n, n), dtype, m) for m, n in enumerate(x.shape)}
    second = {m: gaussian((n, n), dtype, 10 + m) for m, n in enumerate(x.shape) if m != 1}
    share = connected / np.linalg.norm(x) ** 2
    expected = table(x, first, second, share)
    placed = {m: backend.array(a) for m, a in first.items()}
    # the order of a mapping does not matter
    other = {m: backend.array(second[m]) for m in reversed(second)}
    found = measures.correlations(Y, placed, other, connected=connected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-12
    found = measures.correlations(Y, placed, connected=connected)
    assert np.abs(found - table(x, first, first, share)).max() < 1e-12
    means = measures.local_expectations(Y, placed)
    assert np.abs(means - [value(x, a) for a in first.items()]).max() < 1e-12


def test_diagonal_and_sparse_matrices_and_real_results(tree, backend):
    Y, x = made(tree, complex, backend)
    half = {m: gaussian((n, n), complex, m) for m, n in enumerate(x.shape)}
    hermitian = {m: h + h.conj().T for m, h in half.items()}
    kinds = {m: np.diag(h).real if m % 3 == 1 else scipy.sparse.csr_array(h) if m % 3 == 2 else h
             for m, h in hermitian.items()}
    full = {m: densified(k) for m, k in kinds.items()}
    found = measures.correlations(Y, kinds)
    assert found.dtype == np.float64
    assert np.abs(found - table(x, full, full)).max() < 1e-12
    means = measures.local_expectations(Y, kinds)
    assert means.dtype == np.float64
    assert np.abs(means - [value(x, a) for a in full.items()]).max() < 1e-12


def test_complex_matrices_on_a_real_tensor(backend):
    Y, x = made(tlr.Tree.balanced(5), float, backend)
    first = {m: gaussian((x.shape[m],) * 2, complex, m) for m in (0, 3)}
    assert np.abs(measures.correlations(Y, first) - table(x, first, first)).max() < 1e-12


def test_small_connected_correlations_keep_their_digits():
    """A pair with correlation 1e-13 beside means of one; the difference has a digit or none."""
    tilt = 1e-13
    pair = np.array([[1.0, 0.0], [0.0, tilt**0.5]])
    x = np.einsum("ij,k->ijk", pair, [1.0, 0.0]) / np.linalg.norm(pair)
    Y = tlr.TreeTensor.from_dense(x, tlr.Tree.balanced(3))
    found = measures.correlations(Y, [1.0, -1.0], connected=True)
    # with p the chance of both down, means are 1 - 2p and the correlation 4 p (1 - p)
    p = tilt / (1.0 + tilt)
    assert found[0, 1] == pytest.approx(4.0 * p * (1.0 - p), rel=1e-2)
    assert abs(found[0, 2]) < 1e-25


def test_two_hundred_modes_in_portions(monkeypatch):
    """A product of a chain of entangled pairs: correlations inside pairs alone."""
    monkeypatch.setattr("tensorflowlr.operators.correlations.PORTION", 64)
    d = 200
    for tree in (tlr.Tree.balanced(d), tlr.Tree.train(d, root=d // 2)):
        terms = [tlr.TreeTensor.product([[1.0, 0.0]] * d, tree)]
        terms.append(tlr.TreeTensor.product([[0.0, 1.0]] * 2 + [[1.0, 0.0]] * (d - 2), tree))
        Y = terms[0] + terms[1]
        found = measures.correlations(Y, [1.0, -1.0], connected=True)
        expected = np.zeros((d, d))
        expected[:2, :2] = 2.0
        assert np.abs(found - expected).max() < 1e-12
        shares = measures.marginal(Y, (1, 0))
        assert np.abs(shares - np.eye(2)).max() < 1e-12
        density = measures.reduced_density(Y, (0, d - 1))
        assert np.abs(density - np.diag([1.0, 0.0, 1.0, 0.0])).max() < 1e-12
        entropy = measures.entropies(Y)
        assert entropy[0] == pytest.approx(np.log(2.0), abs=1e-12)
        assert entropy[d - 1] == pytest.approx(0.0, abs=1e-12)


def test_singular_values_and_entropies_of_every_edge(tree, dtype, backend):
    Y, x = made(tree, dtype, backend)
    found = measures.singular_values(Y)
    assert list(found) == list(tree.edges)
    for edge, values in found.items():
        exact = np.linalg.svd(rows_of(x, tree.leaves_below[edge]), compute_uv=False)
        assert np.abs(values - exact[: len(values)]).max() < 1e-13
        assert exact[len(values) :].max(initial=0.0) < 1e-14
        p = exact**2 / np.sum(exact**2)
        p = p[p > 1e-30]
        orders = {1.0: -np.sum(p * np.log(p)), 2.0: -np.log(np.sum(p**2)), 0.5: 2.0 * np.log(
            np.sum(p**0.5)), float("inf"): -np.log(p[0]), 0: np.log(np.sum(p > 1e-25))}
        for order, expected in orders.items():
            entropy = measures.entropies(Y, order=order)[edge]
            assert entropy == pytest.approx(expected, abs=1e-10)


def test_vanishing_tensors():
    Y = 0.0 * tlr.TreeTensor.random(tlr.Tree.balanced(4), (2,) * 4, 2, rng=0)
    assert set(measures.entropies(Y).values()) == {0.0}
    assert not measures.correlations(Y, [1.0, -1.0], connected=True).any()
    assert not measures.marginal(Y, 2).any()
    assert measures.variance(Y, {m: [0.5, 0.5] for m in range(4)}) == 0.0


def test_single_precision_stays(backend):
    x = gaussian((3, 4, 2)).astype(np.float32)
    Y = backend.tensor(tlr.TreeTensor.from_dense(x, tlr.Tree.balanced(3)))
    w = [0.25] * 4
    for found in (measures.mean(Y, {1: w}).to_dense(), measures.variance(Y, {1: w}),
                  measures.marginal(Y, 1), measures.reduced_density(Y, (0, 2))):
        assert backend.numpy(found).dtype == np.float32
    expected = x.var(axis=1)
    assert np.abs(backend.numpy(measures.variance(Y, {1: w})) - expected).max() < 1e-5


CHAIN = tlr.TreeTensor.random(TREES["balanced"], (2, 3, 2, 2, 2), 2, rng=0)
HALF = [0.5, 0.5]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: measures.contract_modes(3, {0: HALF}), TypeError, "Y must be a TreeTensor, not int"),
    (lambda: measures.contract_modes(CHAIN, [HALF]), TypeError, "vectors must map modes"),
    (lambda: measures.contract_modes(CHAIN, {5: HALF}), ValueError, "in 0 … 4, not 5"),
    (lambda: measures.contract_modes(CHAIN, {-1: HALF}), ValueError, "in 0 … 4, not -1"),
    (lambda: measures.contract_modes(CHAIN, {"0": HALF}), TypeError, "integer, not '0'"),
    (lambda: measures.contract_modes(CHAIN, {1: HALF}), ValueError, r"vectors\[1\].*\(3,\)"),
    (lambda: measures.contract_modes(CHAIN, {1: 3}), ValueError, r"index in \[-3, 3\), not 3"),
    (lambda: measures.contract_modes(CHAIN, {0: [1, np.nan]}), ValueError, "finite"),
    (lambda: measures.contract_modes(CHAIN, {0: "ab"}), TypeError, "array of numbers"),
    (lambda: measures.mean(CHAIN, {}), ValueError, "weights must name at least one mode"),
    (lambda: measures.mean(CHAIN, {0: [0.5, 0.6]}), ValueError, r"weights\[0\].*sum is 1\.1"),
    (lambda: measures.mean(CHAIN, {0: [-1.0, 2.0]}), ValueError, "the least is -1"),
    (lambda: measures.mean(CHAIN, {0: [0.5, 0.5j]}), TypeError, r"weights\[0\] must be real"),
    (lambda: measures.variance(CHAIN, {0: HALF}, select={0: 1}), ValueError, r"modes \[0\]"),
    (lambda: measures.marginal(CHAIN, ()), ValueError, "modes must have at least one"),
    (lambda: measures.marginal(CHAIN, (1, 1)), ValueError, "modes must differ"),
    (lambda: measures.marginal(CHAIN, 7), ValueError, "modes must be in 0 … 4, not 7"),
    (lambda: measures.reduced_density(CHAIN, 1.5), TypeError, "modes must be"),
    (lambda: measures.entropies(CHAIN, order=-1), ValueError, "order must be a number that"),
    (lambda: measures.entropies(CHAIN, order=float("nan")), ValueError, "order"),
    (lambda: measures.entropies(CHAIN, order="1"), TypeError, "order must be a number"),
    (lambda: measures.singular_values(None), TypeError, "not NoneType"),
    (lambda: measures.correlations(CHAIN, HALF), ValueError, r"first \(for mode 1\).*\(3, 3\)"),
    (lambda: measures.correlations(CHAIN, {0: HALF}, {9: HALF}), ValueError, "a mode of second"),
    (lambda: measures.correlations(CHAIN, {}), ValueError, "first must name at least one mode"),
    (lambda: measures.local_expectations(CHAIN, {0: [1, np.inf]}), ValueError, r"matrices\[0\]"),
])
def test_refusals_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
