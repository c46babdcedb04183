"""Arithmetic of tree tensors against dense NumPy arrays, on every backend."""

import numpy as np
import pytest
from conftest import BACKENDS, gaussian, orthonormality, sizes, tree_tensors, trees
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr


def pair(backend, tree, dtype):
    """Two tensors of different ranks with their dense arrays."""
    Y = tlr.TreeTensor.random(tree, sizes(tree), 3, rng=1, dtype=dtype)
    Z = tlr.TreeTensor.random(tree, sizes(tree), 2, rng=2, dtype=dtype)
    for core in (*Y.cores, *Z.cores):
        core.flags.writeable = False
    return backend.tensor(Y), backend.tensor(Z), Y.to_dense(), Z.to_dense()


def close(made, expected):
    np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-13)


def test_sum_difference_negative_scalar(backend, dtype, tree):
    Y, Z, y, z = pair(backend, tree, dtype)
    close(backend.dense(Y + Z), y + z)
    close(backend.dense(Y - Z), y - z)
    close(backend.dense(-Y), -y)
    close(backend.dense(2 * Y), 2 * y)
    close(backend.dense(Y * -0.5), -0.5 * y)
    close(backend.dense(Y / 4), y / 4)
    close(backend.dense(0 * Y), 0 * y)
    assert all((Y + Z).ranks[n] == Y.ranks[n] + Z.ranks[n] for n in tree.edges)
    assert (2 * Y).dtype == Y.dtype


def test_complex_scalars_make_complex_tensors(backend, dtype, tree):
    Y, _, y, _ = pair(backend, tree, dtype)
    close(backend.dense((1 + 2j) * Y), (1 + 2j) * y)
    close(backend.dense(Y / 2j), y / 2j)
    assert ((1 + 2j) * Y).dtype == backend.array(np.zeros(1, complex)).dtype


@pytest.mark.parametrize("factor", [np.float64(3.0), np.float32(0.5), np.int64(-2), np.array(2.0),
                                    np.complex128(1j)])
def test_numpy_scalars_on_either_side(backend, factor):
    Y, _, y, _ = pair(backend, tlr.Tree.balanced(5), float)
    for made in (factor * Y, Y * factor):
        assert isinstance(made, tlr.TreeTensor)
        close(backend.dense(made), complex(factor) * y)


def test_hadamard(backend, dtype, tree):
    Y, Z, y, z = pair(backend, tree, dtype)
    close(backend.dense(Y * Z), y * z)
    assert all((Y * Z).ranks[n] == Y.ranks[n] * Z.ranks[n] for n in tree.edges)


def test_inner_and_norm(backend, dtype, tree):
    Y, Z, y, z = pair(backend, tree, dtype)
    W = Y + 2 * Z
    w = y + 2 * z
    for A, a in ((Y, y), (W, w)):
        value = tlr.inner(A, Z)
        assert type(value) is dtype
        assert value == pytest.approx(np.vdot(a, z), rel=1e-12, abs=1e-13)
        assert type(A.norm()) is float
        assert A.norm() == pytest.approx(np.linalg.norm(a), rel=1e-12)


def test_inner_conjugates_its_first_argument():
    Y = tlr.TreeTensor.product([[1j, 0.0], [1.0]], tlr.Tree.matrix())
    Z = tlr.TreeTensor.product([[1.0, 0.0], [1.0]], tlr.Tree.matrix())
    assert tlr.inner(Y, Z) == -1j
    assert tlr.inner(Z, Y) == 1j


def test_norm_of_a_difference_that_cancels(backend, dtype, tree):
    Y, Z, *_ = pair(backend, tree, dtype)
    assert ((Y + Z) - Z - Y).norm() <= 1e-14 * 10


def test_real_and_complex_mix(backend, tree):
    Y, _, y, _ = pair(backend, tree, float)
    Z, _, z, _ = pair(backend, tree, complex)
    for made, expected in ((Y + Z, y + z), (Z - Y, z - y), (Y * Z, y * z)):
        close(backend.dense(made), expected)
    assert tlr.inner(Y, Z) == pytest.approx(np.vdot(y, z), rel=1e-12)
    assert tlr.inner(Z, Y) == pytest.approx(np.vdot(z, y), rel=1e-12)


def test_entries(backend, dtype, tree):
    Y, _, y, _ = pair(backend, tree, dtype)
    rng = np.random.default_rng(0)
    table = np.stack([rng.integers(-n, n, 20) for n in y.shape], axis=1)
    close(backend.numpy(Y.entries(table)), y[tuple(table.T)])
    close(backend.numpy(Y.entries(table.tolist())), y[tuple(table.T)])
    close(backend.numpy(Y.entries(table[3])), y[tuple(table[3])][None])
    assert Y.entries(np.zeros((0, y.ndim), int)).shape == (0,)


def test_indices_may_live_on_the_backend(backend):
    Y, _, y, _ = pair(backend, tlr.Tree.tucker(3), float)
    table = np.array([[0, 1, 2], [3, 2, 1]])
    close(backend.numpy(Y.entries(backend.array(table))), y[tuple(table.T)])


@pytest.mark.parametrize("spec", [(2, 0, 1), ((3, 1), (0, 2)), (1, (3, (0, 2))), ((2,), 1, (0,))])
def test_dense_arrays_have_their_modes_in_order(backend, dtype, spec):
    tree = tlr.Tree(spec)
    shape = (2, 3, 4, 5)[: tree.modes]
    x = gaussian(shape, dtype)
    Y = tlr.TreeTensor.from_dense(backend.array(x), tree)
    assert Y.shape == shape
    close(backend.dense(Y), x)
    close(backend.numpy(Y.entries([0] * tree.modes)), x[(0,) * tree.modes][None])


def test_conj_and_astype(backend, dtype, tree):
    Y, _, y, _ = pair(backend, tree, dtype)
    close(backend.dense(Y.conj()), y.conj())
    for kind in (complex, "complex128", backend.array(np.zeros(1, complex)).dtype):
        made = Y.astype(kind)
        assert made.dtype == backend.array(np.zeros(1, complex)).dtype
        close(backend.dense(made), y)
    assert Y.astype(dtype) is Y
    single = Y.astype("complex64")
    assert single.dtype == backend.array(np.zeros(1, "complex64")).dtype
    np.testing.assert_allclose(backend.dense(single), y, atol=1e-6)


@pytest.mark.parametrize("target", BACKENDS, ids=repr)
def test_to_moves_between_all_backends(backend, dtype, target):
    Y, Z, y, z = pair(backend, tlr.Tree(((3, 1, 0), (2, 4), 5)), dtype)
    there = Y.to(like=target.array(np.zeros(1, "float32")))
    for got, expected in zip(there.cores, Y.cores, strict=True):
        np.testing.assert_array_equal(target.numpy(got), backend.numpy(expected))
    assert there.dtype == target.array(np.zeros(1, dtype)).dtype
    back = there.to(like=Z)
    close(backend.dense(back + Z), y + z)
    assert orthonormality(back.orthogonalize(), backend) <= 1e-13


@given(tree_tensors(), st.integers(0, 2**32 - 1), st.sampled_from([float, complex]))
def test_any_tensor_against_dense_arrays(Y, seed, dtype):
    Z = tlr.TreeTensor.random(Y.tree, Y.shape, 2, rng=seed, dtype=dtype)
    y, z = Y.to_dense(), Z.to_dense()
    scale = 1e-13 * (1.0 + np.linalg.norm(y)) * (1.0 + np.linalg.norm(z)) * 10
    assert np.abs((Y + Z).to_dense() - (y + z)).max() <= scale
    assert np.abs((Y * Z).to_dense() - y * z).max() <= scale
    assert abs(tlr.inner(Y, Z) - np.vdot(y, z)) <= scale
    assert abs((Y - Z).norm() - np.linalg.norm(y - z)) <= scale


@given(trees(), st.data())
def test_backends_agree(tree, data):
    """Sum, rounding, norm and ranks of the same numbers agree to 1e-12 on all backends."""
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * tree.modes))
    dtype = data.draw(st.sampled_from([float, complex]))
    rule = tlr.Truncation(rtol=data.draw(st.sampled_from([1e-1, 1e-4, 1e-10])))
    seed = data.draw(st.integers(0, 1000))
    dense, norms, ranks = [], [], []
    for backend in BACKENDS:
        like = backend.array(np.zeros(1))
        Y = tlr.TreeTensor.random(tree, shape, 3, rng=seed, dtype=dtype, like=like)
        Z = tlr.TreeTensor.random(tree, shape, 2, rng=seed + 1, dtype=dtype, like=like)
        made = (Y + 1e-3 * Z - Y * Z).round(rule)
        dense.append(backend.dense(made))
        norms.append(made.norm())
        ranks.append(made.ranks)
    for other in range(1, len(BACKENDS)):
        np.testing.assert_allclose(dense[other], dense[0], atol=1e-12)
        assert norms[other] == pytest.approx(norms[0], rel=1e-12)
        assert ranks[other] == ranks[0]
