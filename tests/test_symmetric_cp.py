"""Symmetric CP tensors against dense arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr
from tensorflowlr.tensors.multisets import contracted, identifiable_rank, multisets, powers


def dense(weights, factors, order):
    """The sum of outer products, term by term."""
    total = 0.0
    for w, a in zip(weights, factors.T, strict=True):
        term = np.asarray(w)
        for _ in range(order):
            term = np.multiply.outer(term, a)
        total = total + term
    return total


def placed(backend, cp):
    return tlr.SymmetricCP(backend.array(cp.weights), backend.array(cp.factors), cp.order)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_everything_agrees_with_dense(backend, dtype, order):
    first, second = (tlr.SymmetricCP.random(3, r, order, rng=r, dtype=dtype) for r in (4, 2))
    x, y = (dense(c.weights, c.factors, order) for c in (first, second))
    A, B = placed(backend, first), placed(backend, second)
    close = np.testing.assert_allclose
    close(backend.numpy(A.to_dense()), x, rtol=1e-12, atol=1e-13)
    close(backend.numpy((2.0 * A - B / 4.0).to_dense()), 2 * x - y / 4, rtol=1e-12, atol=1e-13)
    close(A.inner(B), np.vdot(x, y), rtol=1e-11)
    close(A.norm(), np.linalg.norm(x), rtol=1e-12)
    v = np.random.default_rng(3).standard_normal((3, 2))
    value = x
    for k in range(order):
        value = np.einsum("i...,i->...", value, v[:, 0]) if k == 0 else value @ v[:, 0]
    close(backend.numpy(A.evaluate(backend.array(v)))[0], value, rtol=1e-11)
    many = A.evaluate(*[backend.array(v[:, [k % 2]]) for k in range(order)])
    for k in reversed(range(order)):
        x = x @ v[:, k % 2]
    close(backend.numpy(many)[0], x, rtol=1e-11)
    close(backend.numpy(A.gradient(backend.array(v[:, 0]))) @ v[:, 0], order * value, rtol=1e-11)


def test_a_difference_keeps_its_digits():
    cp = tlr.SymmetricCP.random(6, 5, 4, rng=0)
    other = tlr.SymmetricCP(cp.weights * (1.0 + 1e-12), cp.factors, 4)
    assert (cp - cp).norm() <= 1e-15 * cp.norm()
    np.testing.assert_allclose((other - cp).norm(), 1e-12 * cp.norm(), rtol=1e-2)


def test_conversions():
    cp = tlr.SymmetricCP.random(4, 6, 3, rng=1)
    x = cp.to_dense()
    for tree in (None, tlr.Tree.tucker(3), tlr.Tree.train(3)):
        np.testing.assert_allclose(cp.to_tree(tree).to_dense(), x, atol=1e-13)
    back = tlr.SymmetricCP.from_tensorly(cp.to_tensorly())
    np.testing.assert_allclose(back.to_dense(), x, atol=1e-13)
    from tensorly.cp_tensor import CPTensor

    A = cp.factors
    mixed = CPTensor((cp.weights, [A, -2.0 * A, 0.5 * A]))
    np.testing.assert_allclose(tlr.SymmetricCP.from_tensorly(mixed).to_dense(), -x, atol=1e-13)
    with pytest.raises(ValueError, match=r"factors\[1\] must have the directions"):
        tlr.SymmetricCP.from_tensorly(CPTensor((cp.weights, [A, A + 0.1, A])))


def test_factors_of_any_length():
    A = np.array([[3.0, 0.0], [4.0, 2.0]])
    cp = tlr.SymmetricCP([1.0, -1.0], A, 3)
    np.testing.assert_allclose(cp.weights, [125.0, -8.0])
    np.testing.assert_allclose(cp.to_dense(), dense([1.0, -1.0], A, 3))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_compressed_powers_are_isometric(size, order, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, size, 3))
    inner = (powers(x, order) * powers(y, order)).sum(axis=0)
    np.testing.assert_allclose(inner, (x * y).sum(axis=0) ** order, rtol=1e-9, atol=1e-12)
    W = np.random.default_rng(seed).standard_normal((multisets(size, order).count, 3))
    np.testing.assert_allclose((contracted(W, x, order) * x).sum(axis=0),
                               (W * powers(x, order)).sum(axis=0), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("shape", "order"), [((4,), 3), ((3,), 4), ((2,), 5)])
def test_symmetrize_is_the_mean_over_permutations(backend, dtype, shape, order):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape * order).astype(dtype)
    if dtype is complex:
        x = x + 1j * rng.standard_normal(x.shape)
    mean = sum(x.transpose(p) for p in itertools.permutations(range(order)))
    made = tlr.symmetrize(backend.array(x))
    mean = mean / len(list(itertools.permutations(range(order))))
    np.testing.assert_allclose(backend.numpy(made), mean, atol=1e-14)
    assert tlr.asymmetry(made) == 0.0
    gaps = [np.abs(x - x.transpose(p)).max() for p in itertools.permutations(range(order))]
    assert 0.0 < tlr.asymmetry(backend.array(x)) * np.abs(x).max() <= max(gaps) + 1e-14


def test_asymmetry_of_each_swap_is_seen():
    for order, k in ((3, 0), (3, 1), (4, 2)):
        x = np.zeros((3,) * order)
        index = [0] * order
        index[k + 1] = 1
        x[tuple(index)] = 1.0
        assert tlr.asymmetry(x) == 1.0


def test_limits_of_the_method():
    assert [identifiable_rank(d, m) for d, m in ((10, 3), (40, 4), (11, 6), (2, 4), (1, 5))] == [
        10, 780, 275, 2, 1]


def test_match_undoes_order_and_signs(dtype):
    cp = tlr.SymmetricCP.random(5, 4, 3, rng=0, dtype=dtype)
    order, signs = [2, 0, 3, 1], np.array([1.0, -1.0, 1.0, -1.0])
    other = tlr.SymmetricCP(cp.weights[order], cp.factors[:, order] * signs, 3)
    found, error = other.match(cp)
    assert found == order and error < 1e-14
