"""Input that looks odd and is good: numbers of NumPy, subclasses, lists, any gauge, any time."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from conftest import BACKENDS, gaussian

import tensorflowlr as tlr
from tensorflowlr import arrays

MATRIX = tlr.Tree.matrix()
a = np.ones((2, 2))
Y = tlr.TreeTensor.random(MATRIX, (2, 2), 1, rng=0)
H = tlr.TreeOperator.from_terms([(1.0, {0: a})], MATRIX, (2, 2))


def test_numpy_numbers_are_numbers():
    rule = tlr.Truncation(np.float32(0.5), np.float64(0.25), np.int64(3), np.int32(2))
    assert rule.rank([1.0, 0.9, 0.8, 0.7]) == 3
    assert tlr.TreeTensor.random(MATRIX, np.array([2, 3]), np.int64(2), rng=0).shape == (2, 3)
    assert tlr.Tree.train(np.array(3), root=np.int8(1)) == tlr.Tree.train(3, root=1)
    assert tlr.Tree((np.int64(0), 1)) == MATRIX


def test_subclasses_of_numpy_arrays_become_plain_arrays():
    class Tagged(np.ndarray):
        """An array with something of its own."""

    Z = tlr.TreeTensor.from_dense(np.arange(6.0).reshape(2, 3).view(Tagged), MATRIX)
    assert all(type(c) is np.ndarray for c in Z.cores)
    np.testing.assert_allclose(Z.to_dense(), np.arange(6.0).reshape(2, 3), atol=1e-14)


def test_operators_of_numpy_serve_every_backend(backend):
    made = H @ backend.tensor(Y)
    np.testing.assert_allclose(backend.dense(made), a @ Y.to_dense(), atol=1e-14)


def test_whole_numbers_lists_and_sparse_integers_are_matrices():
    given = [(1, {0: [[0, 1], [1, 0]], 1: np.array([1, -1])}),
             (2, {0: scipy.sparse.csr_array(np.eye(2, dtype=int))}), (True + 0, {})]
    K = tlr.TreeOperator.from_terms(given, MATRIX, (2, 2))
    expected = np.kron([[0, 1], [1, 0]], np.diag([1, -1])) + 3 * np.eye(4)
    np.testing.assert_allclose(K.to_dense(), expected, atol=1e-14)


def test_operators_from_their_parts():
    K = tlr.TreeOperator.from_terms([(2.0, {0: a}), (1.0, {1: [1.0, 0.0]})], MATRIX, (2, 2))
    again = tlr.TreeOperator(K.tree, K.leaf_matrices, K.inner_cores)
    np.testing.assert_array_equal(again.to_dense(), K.to_dense())


@pytest.mark.filterwarnings("error")
def test_hermitian_on_more_sites_than_double_precision_can_count():
    """100¹⁶⁰ overflows: no norm of the operator itself may be formed on the way."""
    sites, size = 160, 100
    z = np.linspace(-1.0, 1.0, size)
    tree = tlr.Tree.balanced(sites)
    links = [(1.0, {i: z, i + 1: z}) for i in range(sites - 1)]
    assert tlr.TreeOperator.from_terms(links, tree, (size,) * sites).is_hermitian
    links.append((0.5, {0: np.eye(size, k=1)}))
    assert not tlr.TreeOperator.from_terms(links, tree, (size,) * sites).is_hermitian


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_hermitian_whatever_the_size(size):
    x = np.array([[0.0, 1.0], [0.0, 0.0]])
    terms = [(size, {0: x, 1: [1.0, -1.0]}), (size, {0: x.T, 1: [1.0, -1.0]})]
    assert tlr.TreeOperator.from_terms(terms, MATRIX, (2, 2)).is_hermitian
    assert not tlr.TreeOperator.from_terms(terms[:1], MATRIX, (2, 2)).is_hermitian
    norm = tlr.TreeOperator.from_terms(terms, MATRIX, (2, 2)).norm()
    np.testing.assert_allclose(norm, size, rtol=1e-12)


def test_the_gauge_is_free(dtype):
    """No constructor asks for orthonormal bases: any bases of a tensor give the same numbers."""
    rng = np.random.default_rng(0)
    tree = tlr.Tree(((0, 1), 2))
    good = tlr.TreeTensor.random(tree, (4, 5, 6), 3, rng=1, dtype=dtype)
    cores = list(good.cores)
    for edge in tree.edges:
        skew = np.diag(10.0 ** rng.uniform(-1, 1, cores[edge].shape[-1])) @ rng.standard_normal(
            (cores[edge].shape[-1],) * 2)
        cores[edge] = cores[edge] @ skew
        parent, axis = tree.parent[edge], tree.position[edge]
        cores[parent] = np.moveaxis(
            np.tensordot(np.linalg.inv(skew), cores[parent], (1, axis)), 0, axis)
    odd = tlr.TreeTensor(tree, cores)
    assert not odd.orthonormal
    rule = tlr.Truncation(rtol=0.3)
    operator = tlr.TreeOperator.from_terms([(1.0, {0: np.ones((4, 4))})], tree, (4, 5, 6))

    def numbers(Z: tlr.TreeTensor) -> list:
        sol = tlr.integrate(operator, Z, (0.0, 0.2), step=0.1,
                            method=tlr.AugmentedBUG(tlr.Truncation(rtol=1e-12)))
        return [Z.norm(), tlr.inner(good, Z), operator.expectation(Z), Z.round(rule).norm(),
                *tlr.measures.entropies(Z).values(), sol.final.norm(),
                tlr.inner(good, sol.final)]

    np.testing.assert_allclose(numbers(odd), numbers(good), rtol=1e-9, atol=1e-12)


TREE, SHAPE = tlr.Tree(((0, 1), 2)), (3, 4, 3)
Y0 = tlr.TreeTensor.random(TREE, SHAPE, 2, rng=0)
ROTATION = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], TREE, SHAPE)
METHOD = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))


@pytest.mark.parametrize("F", [
    tlr.FactoredField(lambda t, Y: Y if t < 0.5 else 1j * Y),
    tlr.DenseField(lambda t, y: y if t < 0.5 else 1j * y),
    tlr.LinearField(ROTATION, coefficient=lambda t: 1.0 if t < 0.5 else 1j),
    tlr.LinearField(ROTATION, source=lambda t: Y0 if t < 0.5 else 1j * Y0),
], ids=["factored", "dense", "coefficient", "source"])
def test_fields_that_turn_complex_on_the_way(F):
    # a run is real or complex from its start: imaginary parts are never dropped silently
    with pytest.raises(tlr.IntegrationError, match="complex") as hit:
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    assert isinstance(hit.value.__cause__, TypeError)
    sol = tlr.integrate(F, Y0.astype(complex), (0.0, 1.0), step=0.1, method=METHOD)
    assert sol.success


@pytest.mark.parametrize("backend", BACKENDS[1:], ids=repr)
def test_mixed_libraries_are_refused(backend):
    F = tlr.LinearField(ROTATION, source=backend.tensor(Y0))
    with pytest.raises(TypeError, match=r"different (libraries|devices)"):
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    F = tlr.FactoredField(lambda t, Y: backend.tensor(Y0))
    with pytest.raises(TypeError, match=r"different (libraries|devices)"):
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)


def test_tensors_that_require_gradients_are_refused():
    for backend in BACKENDS:
        x = backend.array(np.ones((2, 2)))
        if hasattr(x, "requires_grad_"):
            with pytest.raises(TypeError, match=r"x must be .* use \.detach\(\)"):
                tlr.TreeTensor.from_dense(x.requires_grad_(), MATRIX)
            assert tlr.TreeTensor.from_dense(x.detach(), MATRIX).ndim == 2


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-200, 1e-160, 1.0, 1e160, 1e200, 1e300])
def test_norms_of_any_size(backend, size):
    x = size * np.array([[3.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(arrays.norm(backend.array(x)), 5.0 * size, rtol=1e-3)
    Z = tlr.TreeTensor.from_dense(backend.array(x), MATRIX)
    np.testing.assert_allclose(Z.norm(), 5.0 * size, rtol=1e-3)
    if size > 1e-300:
        np.testing.assert_allclose(backend.dense(Z), x, rtol=1e-12, atol=1e-14 * size)
        rounded = Z.round(tlr.Truncation(rtol=0.7))
        np.testing.assert_allclose(rounded.norm(), 4.0 * size, rtol=1e-12)
        assert rounded.max_rank == 1


def test_settings_are_frozen():
    with pytest.raises(AttributeError):
        METHOD.order = 2
