"""Rounding keeps its tolerance, keeps no more than it must, and leaves orthonormal cores."""

import numpy as np
import pytest
from conftest import (
    decaying_tensor,
    gaussian,
    orthonormality,
    sizes,
    tree_tensors,
    trees,
)
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr
from tensorflowlr.tensors.rounding import truncate

EPS = 2.3e-16


def singular_values(x, tree, node):
    modes = tree.leaves_below[node]
    rows = np.moveaxis(x, modes, range(len(modes)))
    rows = rows.reshape(int(np.prod([x.shape[m] for m in modes])), -1)
    return np.linalg.svd(rows, compute_uv=False)


def smallest_rank(values, tolerance):
    tails = np.sqrt(np.cumsum((values**2)[::-1])[::-1])
    return max(int(np.sum(tails > tolerance)), 1)


tolerances = st.floats(-12.0, -1.0).map(lambda power: 10.0**power)


@given(tree_tensors(), tolerances, st.sampled_from(["rtol", "atol", "both"]))
def test_the_error_is_within_the_tolerance(Y, tolerance, kind):
    x = Y.to_dense()
    size = np.linalg.norm(x)
    rule = {
        "rtol": tlr.Truncation(rtol=tolerance),
        "atol": tlr.Truncation(atol=tolerance * size),
        "both": tlr.Truncation(rtol=tolerance, atol=0.3 * tolerance * size),
    }[kind]
    error = np.linalg.norm(Y.round(rule).to_dense() - x)
    assert error <= tolerance * size + 100 * EPS * size


@given(tree_tensors(), tolerances)
def test_no_rank_is_larger_than_its_share_of_the_tolerance_asks(Y, tolerance):
    """Each edge has at least an equal share; one per cent goes to the downward sweep."""
    x = Y.to_dense()
    size = np.linalg.norm(x)
    share = 0.98 * tolerance * size / np.sqrt(Y.tree.rounding_edges)
    ranks = Y.round(tlr.Truncation(rtol=tolerance)).ranks
    for node, rank in ranks.items():
        values = singular_values(x, Y.tree, node)
        needed = smallest_rank(values, max(share - 10 * EPS * size, 0.0))
        assert rank <= needed


@pytest.mark.parametrize("decay", [0.9, 0.6, 0.3])
def test_half_of_all_roundings_use_a_tenth_of_the_tolerance(decay):
    rng = np.random.default_rng(1)
    specs = [tlr.Tree.matrix(), tlr.Tree.tucker(3), tlr.Tree.train(4), tlr.Tree.balanced(5)]
    used = []
    for case in range(60):
        tree = specs[case % len(specs)]
        Y = decaying_tensor(tree, (6,) * tree.modes, 6, decay, seed=case)
        x = Y.to_dense()
        tolerance = 10.0 ** -rng.uniform(0.5, 1.5)
        error = np.linalg.norm(Y.round(tlr.Truncation(atol=tolerance)).to_dense() - x)
        used.append(error / tolerance)
    assert max(used) <= 1.0
    assert np.median(used) >= 0.1


@pytest.mark.parametrize("tolerance", [1e-1, 1e-5, 1e-11])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_every_backend_keeps_the_tolerance(backend, dtype, tree, tolerance, scale):
    host = decaying_tensor(tree, sizes(tree), 4, 0.2, scale=scale, dtype=dtype, seed=3)
    x = host.to_dense()
    rule = tlr.Truncation(rtol=tolerance)
    Y = backend.tensor(host).round(rule)
    assert np.linalg.norm(backend.dense(Y) - x) <= (tolerance + 1e-13) * scale
    assert Y.ranks == host.round(rule).ranks
    assert orthonormality(Y, backend) <= 1e-13


def test_rounding_removes_what_a_sum_repeats(backend, dtype, tree):
    Y = backend.tensor(decaying_tensor(tree, sizes(tree), 2, 1.0, dtype=dtype))
    Z = (Y + Y - 3 * Y).round(tlr.Truncation(rtol=1e-12))
    assert all(Z.ranks[n] <= Y.ranks[n] for n in tree.edges)
    np.testing.assert_allclose(backend.dense(Z), -backend.dense(Y), atol=1e-13)
    exact = (Y + Y).round(tlr.Truncation())
    np.testing.assert_allclose(backend.dense(exact), 2 * backend.dense(Y), atol=1e-13)


@given(tree_tensors(), tolerances)
def test_rounding_again_changes_no_rank_upwards_and_loses_little(Y, tolerance):
    rule = tlr.Truncation(rtol=tolerance)
    once = Y.round(rule)
    twice = once.round(rule)
    assert all(twice.ranks[n] <= once.ranks[n] for n in Y.tree.edges)
    assert (twice - once).norm() <= (1.0 + 1e-12) * tolerance * once.norm() + 1e-13 * Y.norm()


@given(tree_tensors(max_modes=4), st.integers(1, 4), st.integers(1, 4))
def test_min_rank_and_max_rank(Y, first, second):
    low, high = min(first, second), max(first, second)
    free = Y.round(tlr.Truncation(rtol=0.1))
    capped = Y.round(tlr.Truncation(rtol=1e-12, max_rank=high))
    assert capped.max_rank <= high
    x = Y.to_dense()
    tails = [np.sum(singular_values(x, Y.tree, n)[high:] ** 2) for n in Y.tree.edges]
    # the error of a capped rounding stays within the sum of all tails (Grasedyck 2010)
    bound = np.sqrt(sum(tails)) + 1e-12 * np.linalg.norm(x)
    assert np.linalg.norm(capped.to_dense() - x) <= bound
    padded = Y.round(tlr.Truncation(rtol=0.1, min_rank=low))
    for node in Y.tree.edges:
        assert padded.ranks[node] >= min(low, free.ranks[node])
        assert padded.ranks[node] <= max(Y.ranks[node], 1)
    assert (padded - Y).norm() <= 0.1 * Y.norm() * (1 + 1e-12)


def test_min_rank_holds_where_the_tensor_has_the_ranks(backend):
    Y = backend.tensor(decaying_tensor(tlr.Tree.balanced(4), (5,) * 4, 4, 1e-4))
    for low in (1, 2, 3, 4, 7):
        Z = Y.round(tlr.Truncation(rtol=0.5, min_rank=low))
        assert set(Z.ranks.values()) == {min(low, 4)}
        assert orthonormality(Z, backend) <= 1e-13


def test_orthogonalize_changes_the_gauge_alone(backend, dtype, tree):
    raw = decaying_tensor(tree, sizes(tree), 3, 0.1, scale=7.0, dtype=dtype)
    Y = backend.tensor(raw + raw)
    Q = Y.orthogonalize()
    assert orthonormality(Q, backend) <= 1e-13
    np.testing.assert_allclose(backend.dense(Q), backend.dense(Y), atol=1e-12)
    assert Q.orthogonalize() is Q
    assert Q.orthonormal and not Y.orthonormal


@given(trees(), st.data())
def test_orthonormal_after_every_rounding(tree, data):
    """Rank-deficient cores, ranks beyond the sizes and dead columns included."""
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * tree.modes))
    ranks = [data.draw(st.integers(1, 4)) for _ in tree.edges]
    cores = []
    for node in tree.nodes:
        below = tree.children[node]
        lead = tuple(ranks[c] for c in below) if below else (shape[node],)
        core = gaussian(lead if node == tree.root else (*lead, ranks[node]), seed=node)
        if data.draw(st.booleans()):
            core = core * (np.arange(core.shape[-1]) < 1)
        cores.append(core)
    Y = tlr.TreeTensor(tree, cores)
    x = Y.to_dense()
    rule = tlr.Truncation(rtol=data.draw(st.sampled_from([0.0, 1e-10, 1e-2])),
                          min_rank=data.draw(st.integers(1, 3)))
    for Z, limit in ((Y.orthogonalize(), 0.0), (Y.round(rule), rule.rtol)):
        for core in Z.cores[:-1]:
            u = core.reshape(-1, core.shape[-1])
            assert np.abs(u.T @ u - np.eye(u.shape[1])).max() <= 1e-13
        size = np.linalg.norm(x)
        assert np.linalg.norm(Z.to_dense() - x) <= limit * size + 1e-13 * (size + 1.0)


@given(tree_tensors(), tolerances, st.none() | st.integers(1, 3))
def test_the_reported_weight_bounds_the_error(Y, tolerance, cap):
    x, size = Y.to_dense(), Y.norm()
    rule = tlr.Truncation(rtol=tolerance, max_rank=cap)
    cores, discarded = truncate(Y.tree, Y.orthogonalize().cores, rule)
    error = np.linalg.norm(tlr.TreeTensor(Y.tree, cores).to_dense() - x)
    assert error <= discarded.weight + (0.011 * tolerance + 1e-13) * size
    if not discarded.capped:
        assert discarded.weight <= tolerance * size + 1e-13 * size
    else:
        assert cap is not None


def waves(tree, weights, rng):
    """Σ_j w_j cos(Σ_k θ_jk i_k + φ_j): rank two per wave, any entry by formula."""
    d = tree.modes
    angles = rng.uniform(0.0, 3.0, (len(weights), d))
    total = None
    for w, theta in zip(weights, angles, strict=True):
        wave = tlr.TreeTensor.product([np.exp(1j * t * np.arange(2)) for t in theta], tree)
        part = (0.5 * w) * wave
        part = part + part.conj()
        total = part if total is None else total + part

    def entries(table, count):
        phases = table @ angles[:count].T
        return np.cos(phases) @ np.asarray(weights[:count])

    return total, entries


@pytest.mark.parametrize("tree", [tlr.Tree.train(60), tlr.Tree.balanced(60)], ids=["train", "bal"])
def test_order_sixty_is_never_dense(backend, tree):
    """2⁶⁰ entries: waves of weight 1, 1e-2, 1e-5, 1e-9; the norm of each is w 2^29.5."""
    weights = (1.0, 1e-2, 1e-5, 1e-9)
    host, formula = waves(tree, weights, np.random.default_rng(2))
    table = np.random.default_rng(3).integers(0, 2, (50, 60))
    Y = backend.tensor(host)
    assert Y.max_rank == 8
    np.testing.assert_allclose(backend.numpy(Y.entries(table)).real, formula(table, 4), atol=1e-12)
    size = Y.norm()
    assert size == pytest.approx(2.0**29.5, rel=1e-3)
    for rtol, waves_left in ((1e-3, 2), (1e-7, 3), (1e-11, 4)):
        Z = Y.round(tlr.Truncation(rtol=rtol))
        assert Z.max_rank == 2 * waves_left
        # ‖Y - Z‖² by inner products of the originals, and by the norm of the difference
        squared = size**2 - 2 * tlr.inner(Y, Z).real + Z.norm() ** 2
        assert squared <= (rtol * size) ** 2 + 1e-14 * size**2
        assert (Y - Z).norm() <= rtol * size
        assert orthonormality(Z, backend) <= 1e-13


def test_a_sum_of_sixty_single_site_terms_has_rank_two():
    tree, d = tlr.Tree.balanced(60), 60
    slopes = np.random.default_rng(0).uniform(0.5, 1.5, d)
    parts = [
        tlr.TreeTensor.product(
            [slopes[k] * np.arange(3.0) if i == k else np.ones(3) for i in range(d)], tree
        )
        for k in range(d)
    ]
    rule = tlr.Truncation(rtol=1e-13)
    while len(parts) > 1:
        sums = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = [s.round(rule) for s in sums] + ([parts[-1]] if len(parts) % 2 else [])
    Y = parts[0]
    assert set(Y.ranks.values()) == {2}
    table = np.random.default_rng(1).integers(0, 3, (100, d))
    np.testing.assert_allclose(Y.entries(table), table @ slopes, rtol=1e-9)


def tucker_with(spectra, sizes, tail):
    """A Tucker tensor whose first two matricisations have about the given singular values."""
    core = gaussian(sizes)
    for axis, values in enumerate(spectra):
        rows = np.moveaxis(core, axis, 0)
        u, _, vh = np.linalg.svd(rows.reshape(len(rows), -1), full_matrices=False)
        weighted = (u * values) @ vh
        core = np.moveaxis(weighted.reshape(rows.shape), 0, axis)
    return np.ascontiguousarray(core) + tail * gaussian(sizes, seed=1)


@pytest.mark.parametrize("rule", [
    tlr.Truncation(edge_ranks={0: 6, 1: 5, 2: 3}),
    tlr.Truncation(rtol=0.05, edge_ranks={2: 3}),
    tlr.Truncation(rtol=0.05, max_rank=4),
])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_gram_matrices_truncate_as_well_where_they_resolve_what_is_kept(backend, rule, scale):
    decay = 2.0 ** -np.arange(12)
    x = scale * tucker_with((decay, decay), (12, 12, 3), 1e-7)
    tree = tlr.Tree.tucker(3)
    bases = [backend.array(np.eye(n)) for n in x.shape]
    cores = [*bases, backend.array(x)]
    exact, right = truncate(tree, cores, rule)
    found, dropped = truncate(tree, cores, rule, squared=True)
    assert [c.shape for c in found] == [c.shape for c in exact]
    y, z = (tlr.TreeTensor(tree, c).to_dense() for c in (exact, found))
    y, z = backend.numpy(y), backend.numpy(z)
    assert np.linalg.norm(y - z) <= 1e-9 * np.linalg.norm(x)
    assert abs(dropped.weight - right.weight) <= 1e-7 * np.linalg.norm(x)
    for core in found[:-1]:
        u = backend.numpy(core)
        assert np.abs(u.T @ u - np.eye(u.shape[1])).max() <= 1e-13


@pytest.mark.parametrize("rule", [
    tlr.Truncation(edge_ranks={0: 9, 1: 8, 2: 3}), tlr.Truncation(rtol=1e-8), tlr.Truncation(),
])
def test_gram_matrices_are_not_trusted_below_the_root_of_round_off(rule):
    decay = 10.0 ** -np.arange(12)
    x = tucker_with((decay, decay), (12, 12, 3), 0.0)
    tree = tlr.Tree.tucker(3)
    cores = [*(np.eye(n) for n in x.shape), x]
    exact, right = truncate(tree, cores, rule)
    found, dropped = truncate(tree, cores, rule, squared=True)
    assert dropped == right
    for a, b in zip(exact, found, strict=True):
        np.testing.assert_array_equal(a, b)
