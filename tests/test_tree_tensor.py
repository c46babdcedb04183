"""Making tree tensors: from dense arrays, from vectors, at random."""

import numpy as np
import pytest
from conftest import decaying, gaussian, orthonormality, sizes, tree_tensors, trees
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr

# at 0 and 1e-12 the singular vectors come from QR and SVD, at the others from Gram matrices
TOLERANCES = (0.0, 1e-12, 1e-5, 1e-2, 0.3)
ROUND_OFF = 1e-13


def tail(x, tree, node, rank):
    """Norm of the singular values of `x` across an edge beyond `rank`, by one dense SVD."""
    modes = tree.leaves_below[node]
    rows = np.moveaxis(x, modes, range(len(modes)))
    rows = rows.reshape(int(np.prod([x.shape[m] for m in modes])), -1)
    return np.linalg.norm(np.linalg.svd(rows, compute_uv=False)[rank:])


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("kind", ["rtol", "atol"])
def test_from_dense_keeps_its_tolerance(backend, dtype, tree, tolerance, kind):
    x = 50.0 * decaying(sizes(tree), 0.1, dtype)
    atol = tolerance if kind == "atol" else 0.0
    rule = tlr.Truncation(rtol=tolerance, atol=0.0) if kind == "rtol" else tlr.Truncation(atol=atol)
    Y = tlr.TreeTensor.from_dense(backend.array(x), tree, rule)
    limit = tolerance * 50.0 if kind == "rtol" else atol
    assert np.linalg.norm(backend.dense(Y) - x) <= limit + 50.0 * ROUND_OFF
    assert Y.shape == x.shape and Y.tree == tree and Y.ndim == x.ndim
    assert orthonormality(Y, backend) <= ROUND_OFF


def test_from_dense_takes_the_smaller_rank_for_the_larger_tolerance(tree):
    x = decaying(sizes(tree), 0.1)
    ranks = [
        tlr.TreeTensor.from_dense(x, tree, tlr.Truncation(rtol=tolerance)).max_rank
        for tolerance in TOLERANCES
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert tree.modes == 1 or ranks[0] > ranks[-1]


def test_from_dense_is_exact_by_default(backend, dtype, tree):
    x = gaussian(sizes(tree), dtype)
    Y = tlr.TreeTensor.from_dense(backend.array(x), tree)
    np.testing.assert_allclose(backend.dense(Y), x, atol=ROUND_OFF)
    assert Y.dtype == backend.array(x).dtype


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_capped_from_dense_is_quasi_optimal(dtype, tree, cap):
    """Squared error at most the sum of the squared tails of all edges (a dense SVD each)."""
    x = gaussian(sizes(tree), dtype)
    Y = tlr.TreeTensor.from_dense(x, tree, tlr.Truncation(max_rank=cap))
    assert Y.max_rank <= cap
    bound = np.sqrt(sum(tail(x, tree, node, cap) ** 2 for node in tree.edges))
    assert np.linalg.norm(Y.to_dense() - x) <= bound + ROUND_OFF * np.linalg.norm(x)


def test_min_rank_of_from_dense(backend):
    x = decaying((4, 5, 3), 1e-4)
    for low in (1, 2, 3, 9):
        Y = tlr.TreeTensor.from_dense(
            backend.array(x), tlr.Tree.tucker(3), tlr.Truncation(rtol=0.5, min_rank=low)
        )
        assert Y.ranks == {0: min(low, 4), 1: min(low, 5), 2: min(low, 3)}
        assert orthonormality(Y, backend) <= ROUND_OFF
        assert np.linalg.norm(backend.dense(Y) - x) <= 0.5


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (4, 1, 3), (1, 1, 6), (7, 2, 1)])
def test_modes_of_size_one(backend, dtype, shape):
    x = gaussian(shape, dtype)
    for spec in ((0, 1, 2), ((0, 1), 2), (2, (1, 0)), (((1,), 0), (2,))):
        Y = tlr.TreeTensor.from_dense(backend.array(x), tlr.Tree(spec))
        np.testing.assert_allclose(backend.dense(Y), x, atol=ROUND_OFF)


def test_rank_one_edges_are_found(backend, dtype, tree):
    vectors = [gaussian((n,), dtype, seed=i) for i, n in enumerate(sizes(tree))]
    x = np.ones(())
    for v in vectors:
        x = np.multiply.outer(x, v)
    for rule in (tlr.Truncation(rtol=1e-14), tlr.Truncation(rtol=1e-3)):
        Y = tlr.TreeTensor.from_dense(backend.array(x), tree, rule)
        assert set(Y.ranks.values()) == {1}
        np.testing.assert_allclose(backend.dense(Y), x, atol=1e-12)


@pytest.mark.parametrize("rule", [None, tlr.Truncation(rtol=0.1), tlr.Truncation(min_rank=2)])
def test_the_zero_tensor(backend, dtype, tree, rule):
    x = np.zeros(sizes(tree), dtype)
    Y = tlr.TreeTensor.from_dense(backend.array(x), tree, rule)
    assert not backend.dense(Y).any() and Y.norm() == 0.0
    assert orthonormality(Y, backend) <= ROUND_OFF
    rounded = (Y + Y).round(tlr.Truncation() if rule is None else rule)
    assert not backend.dense(rounded).any()
    assert orthonormality(rounded, backend) <= ROUND_OFF


@pytest.mark.parametrize("name", ["float32", "complex64"])
def test_single_precision(backend, name):
    x = decaying((4, 5, 3), 0.3, complex if "complex" in name else float).astype(name)
    Y = tlr.TreeTensor.from_dense(backend.array(x), tlr.Tree.balanced(3), tlr.Truncation(rtol=0.01))
    assert Y.dtype == backend.array(x).dtype
    assert np.linalg.norm(backend.dense(Y) - x) <= 0.01
    exact = tlr.TreeTensor.from_dense(backend.array(x), tlr.Tree.balanced(3))
    assert np.linalg.norm(backend.dense(exact) - x) <= 1e-5
    assert (exact + exact).round(tlr.Truncation(rtol=1e-5)).ranks == exact.round(
        tlr.Truncation(rtol=1e-5)
    ).ranks


def test_integers_become_double_precision():
    Y = tlr.TreeTensor.from_dense(np.arange(12).reshape(3, 4), tlr.Tree.matrix())
    assert Y.dtype == np.float64
    np.testing.assert_allclose(Y.to_dense(), np.arange(12).reshape(3, 4), atol=1e-13)
    assert Y.ranks == {0: 2, 1: 2}


def test_product_is_the_outer_product(backend, dtype, tree):
    vectors = [gaussian((n,), dtype, seed=i) for i, n in enumerate(sizes(tree))]
    Y = tlr.TreeTensor.product([backend.array(v) for v in vectors], tree)
    x = np.ones(())
    for v in vectors:
        x = np.multiply.outer(x, v)
    np.testing.assert_allclose(backend.dense(Y), x, rtol=1e-13, atol=1e-14)
    assert set(Y.ranks.values()) == {1}
    assert orthonormality(Y, backend) <= ROUND_OFF
    assert Y.norm() == pytest.approx(np.linalg.norm(x), rel=1e-13)


def test_product_of_zero_mixed_and_listed_vectors(backend):
    zero = tlr.TreeTensor.product([backend.array(np.ones(2)), backend.array(np.zeros(3))],
                                  tlr.Tree.matrix())
    assert zero.norm() == 0.0 and not backend.dense(zero).any()
    mixed = tlr.TreeTensor.product([backend.array(np.ones(2)), backend.array(np.array([1j]))],
                                   tlr.Tree.matrix())
    np.testing.assert_allclose(backend.dense(mixed), [[1j], [1j]], atol=1e-15)
    listed = tlr.TreeTensor.product([backend.array(np.ones(2)), [0, 3]], tlr.Tree.matrix())
    np.testing.assert_allclose(backend.dense(listed), [[0, 3], [0, 3]], atol=1e-15)


def test_random_is_normalised_and_the_same_everywhere(backend, dtype, tree):
    like = backend.array(np.zeros(1))
    Y = tlr.TreeTensor.random(tree, sizes(tree), 3, rng=5, dtype=dtype, like=like)
    reference = tlr.TreeTensor.random(tree, sizes(tree), 3, rng=5, dtype=dtype)
    again = tlr.TreeTensor.random(
        tree, sizes(tree), 3, rng=np.random.default_rng(5), dtype=dtype, like=Y
    )
    np.testing.assert_allclose(backend.dense(Y), reference.to_dense(), atol=1e-13)
    np.testing.assert_allclose(backend.dense(again), reference.to_dense(), atol=1e-13)
    assert np.linalg.norm(backend.dense(Y)) == pytest.approx(1.0, abs=1e-13)
    assert orthonormality(Y, backend) <= ROUND_OFF
    assert np.iscomplexobj(reference.to_dense()) == (dtype is complex)


@given(trees(), st.data())
def test_random_ranks_are_those_asked_for_where_they_can_be(tree, data):
    shape = data.draw(st.tuples(*[st.integers(1, 6)] * tree.modes))
    wanted = {n: data.draw(st.integers(1, 5)) for n in tree.edges}
    Y = tlr.TreeTensor.random(tree, shape, wanted, rng=0)
    x = Y.to_dense()
    for node in tree.edges:
        assert 1 <= Y.ranks[node] <= wanted[node]
        assert tail(x, tree, node, Y.ranks[node] - 1) > 1e-12, "a rank that is not there"


def test_generators_advance():
    rng = np.random.default_rng(0)
    first = tlr.TreeTensor.random(tlr.Tree.matrix(), (3, 4), 2, rng=rng)
    second = tlr.TreeTensor.random(tlr.Tree.matrix(), (3, 4), 2, rng=rng)
    assert tlr.inner(first, second) < 0.999


@given(tree_tensors())
def test_properties(Y):
    assert Y.shape == Y.to_dense().shape and Y.ndim == len(Y.shape)
    assert Y.ranks == {n: Y.cores[n].shape[-1] for n in Y.tree.edges}
    assert Y.max_rank == max(Y.ranks.values())
    assert Y.nbytes == sum(c.nbytes for c in Y.cores)
    assert str(Y.shape) in repr(Y) and str(Y.dtype) in repr(Y)
