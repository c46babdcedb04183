"""Named shapes and the way to and from TensorLy."""

import numpy as np
import pytest
import tensorly
from conftest import gaussian, orthonormality

import tensorflowlr as tlr


def train_arrays(ranks, shape, dtype):
    return [
        gaussian((ranks[k], n, ranks[k + 1]), dtype, seed=k) for k, n in enumerate(shape)
    ]


def train_dense(cores):
    x = np.ones((1, 1))
    for core in cores:
        x = np.tensordot(x, core, (-1, 0))
    return x[0, ..., 0]


def test_a_matrix_is_u_s_v_transposed_without_conjugation(backend, dtype):
    U, S, V = gaussian((4, 2), dtype), gaussian((2, 3), dtype, 1), gaussian((5, 3), dtype, 2)
    Y = tlr.LowRankMatrix(backend.array(U), backend.array(S), backend.array(V))
    np.testing.assert_allclose(backend.dense(Y), U @ S @ V.T, atol=1e-13)
    assert Y.shape == (4, 5) and Y.ranks == {0: 2, 1: 3} and Y.tree == tlr.Tree.matrix()
    for got, expected in ((Y.U, U), (Y.S, S), (Y.V, V)):
        np.testing.assert_array_equal(backend.numpy(got), expected)


def test_a_matrix_from_dense_gives_the_singular_value_decomposition(dtype):
    x = gaussian((6, 4), dtype)
    Y = tlr.LowRankMatrix.from_dense(x)
    assert isinstance(Y, tlr.LowRankMatrix)
    np.testing.assert_allclose(Y.U @ Y.S @ Y.V.T, x, atol=1e-13)
    np.testing.assert_allclose(
        np.linalg.svd(Y.S, compute_uv=False), np.linalg.svd(x, compute_uv=False), atol=1e-13
    )


def test_a_tucker_tensor(backend, dtype):
    core = gaussian((2, 3, 2), dtype)
    factors = [gaussian((n, r), dtype, i) for i, (n, r) in enumerate(((4, 2), (5, 3), (3, 2)))]
    Y = tlr.TuckerTensor(backend.array(core), [backend.array(f) for f in factors])
    expected = np.einsum("abc,ia,jb,kc->ijk", core, *factors)
    np.testing.assert_allclose(backend.dense(Y), expected, atol=1e-12)
    np.testing.assert_array_equal(backend.numpy(Y.core), core)
    assert len(Y.factors) == 3
    for got, factor in zip(Y.factors, factors, strict=True):
        np.testing.assert_array_equal(backend.numpy(got), factor)


@pytest.mark.parametrize(
    ("ranks", "shape"),
    [
        ((1, 1), (4,)),
        ((1, 3, 1), (4, 5)),
        ((1, 3, 2, 1), (2, 3, 4)),
        ((1, 1, 1, 1), (2, 9, 4)),
        ((1, 2, 3, 4, 2, 1), (3, 2, 3, 4, 2)),
        ((1, 2, 2, 1), (3, 50, 3)),
        ((1, 5, 5, 1), (2, 1, 2)),
    ],
)
def test_a_tensor_train(backend, dtype, ranks, shape):
    cores = train_arrays(ranks, shape, dtype)
    Y = tlr.TensorTrain([backend.array(c) for c in cores])
    assert Y.tree == tlr.Tree.train(len(shape)) and Y.shape == shape
    np.testing.assert_allclose(backend.dense(Y), train_dense(cores), rtol=1e-12, atol=1e-12)
    again = [backend.numpy(c) for c in Y.train_cores]
    assert [c.shape for c in again] == [c.shape for c in cores]
    np.testing.assert_allclose(train_dense(again), train_dense(cores), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [tlr.LowRankMatrix, tlr.TuckerTensor, tlr.TensorTrain])
def test_named_shapes_know_their_tree_and_stay_what_they_are(kind, dtype):
    shape = (4, 5) if kind is tlr.LowRankMatrix else (4, 3, 5)
    x = gaussian(shape, dtype)
    Y = kind.from_dense(x, rule=tlr.Truncation(rtol=1e-12))
    vectors = kind.product([gaussian((n,), dtype) for n in shape])
    others = (Y + Y, Y - vectors, 2 * Y, Y * Y, -Y, Y.conj(), Y.round(tlr.Truncation(rtol=0.1)),
              Y.orthogonalize(), Y.astype(complex), Y.to(like=x), vectors)
    assert all(type(made) is kind for made in others)
    np.testing.assert_allclose((Y + Y).to_dense(), 2 * x, atol=1e-12)


@pytest.mark.parametrize(
    "Y",
    [
        tlr.TreeTensor.random(tlr.Tree.tucker(3), (4, 3, 5), 2, rng=0),
        tlr.TreeTensor.random(tlr.Tree.tucker(1), (4,), 1, rng=0),
        tlr.TreeTensor.random(tlr.Tree.tucker(4), (2, 3, 2, 3), 2, rng=0, dtype=complex),
        tlr.TreeTensor.random(tlr.Tree.train(3), (4, 3, 5), 2, rng=0),
        tlr.TreeTensor.random(tlr.Tree.train(6), (2,) * 6, 4, rng=0, dtype=complex),
        tlr.TensorTrain(train_arrays((1, 3, 2, 1), (2, 3, 4), float)),
    ],
    ids=["tucker", "one", "tucker-complex", "train", "train-complex", "stored"],
)
def test_to_tensorly_and_back(Y):
    obj = Y.to_tensorly()
    np.testing.assert_allclose(np.asarray(obj.to_tensor()), Y.to_dense(), atol=1e-12)
    back = tlr.from_tensorly(obj)
    np.testing.assert_allclose(back.to_dense(), Y.to_dense(), atol=1e-12)


def test_decompositions_of_tensorly_come_over(dtype):
    x = gaussian((4, 3, 5), dtype)
    tucker = tensorly.decomposition.tucker(x, rank=[3, 2, 3], n_iter_max=3)
    train = tensorly.decomposition.tensor_train(x, rank=[1, 3, 3, 1])
    for obj, kind in ((tucker, tlr.TuckerTensor), (train, tlr.TensorTrain)):
        Y = tlr.from_tensorly(obj)
        assert isinstance(Y, kind)
        np.testing.assert_allclose(Y.to_dense(), np.asarray(obj.to_tensor()), atol=1e-12)


@pytest.mark.parametrize(
    "tree", [None, tlr.Tree.train(3), tlr.Tree.tucker(3), tlr.Tree((2, (0, 1)))], ids=str
)
@pytest.mark.parametrize("weights", [None, np.array([2.0, -1.0])])
def test_canonical_tensors_come_over_on_any_tree(tree, weights):
    factors = [gaussian((n, 2), seed=n) for n in (3, 4, 5)]
    obj = tensorly.cp_tensor.CPTensor((weights, factors))
    Y = tlr.from_tensorly(obj, tree=tree)
    w = np.ones(2) if weights is None else weights
    np.testing.assert_allclose(
        Y.to_dense(), np.einsum("r,ir,jr,kr->ijk", w, *factors), atol=1e-12
    )
    assert Y.tree == (tree or tlr.Tree.balanced(3))


def test_trees_that_tensorly_does_not_know():
    Y = tlr.TreeTensor.random(tlr.Tree.balanced(4), (2,) * 4, 2, rng=0)
    with pytest.raises(ValueError, match="TensorLy has no format"):
        Y.to_tensorly()


def test_rounded_trains_are_orthonormal(backend):
    Y = tlr.TensorTrain([backend.array(c) for c in train_arrays((1, 4, 4, 1), (3, 4, 3), complex)])
    assert orthonormality(Y.round(tlr.Truncation(rtol=1e-10)), backend) <= 1e-13
