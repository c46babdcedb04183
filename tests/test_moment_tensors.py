"""Moment and cumulant tensors of data against sums over the points and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlr as tlr
from tensorflowlr.decompositions import moments
from tensorflowlr.decompositions.sampled import SampledFlattening

RNG = np.random.default_rng(0)
Y = RNG.exponential(size=(40, 3))
P = RNG.uniform(size=40)
R = np.array([[0.5, 0.2, 0.0], [0.2, 0.3, 0.1], [0.0, 0.1, 0.4]])


def moment(points, order, weights=None):
    weights = np.ones(len(points)) if weights is None else weights
    letters = "abcdef"[:order]
    terms = ",".join(f"n{c}" for c in letters)
    return np.einsum(f"n,{terms}->{letters}", weights / weights.sum(), *[points] * order)


def noisy(points):
    """Points with Gaussian noise of covariance R, by a quadrature exact to degree 15."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    grid = np.array(list(itertools.product(nodes, repeat=3))) @ np.linalg.cholesky(R).T
    mass = np.array([a * b * c for a, b, c in itertools.product(weights, repeat=3)])
    return (points[:, None] + grid).reshape(-1, 3), np.tile(mass, len(points))


@pytest.mark.parametrize("order", range(1, 7))
def test_moments(backend, order):
    M = tlr.MomentTensor(backend.array(Y), order, weights=backend.array(P))
    np.testing.assert_allclose(backend.numpy(M.to_dense()), moment(Y, order, P), rtol=1e-11)
    x = RNG.standard_normal((3, 2))
    np.testing.assert_allclose(backend.numpy(M.evaluate(backend.array(x))),
                               P @ (Y @ x) ** order / P.sum(), rtol=1e-10)


@pytest.mark.parametrize("order", range(2, 7))
def test_noise_is_taken_out(order):
    points = RNG.standard_normal((3, 3))
    M = tlr.MomentTensor(noisy(points)[0], order, weights=noisy(points)[1], noise=R)
    np.testing.assert_allclose(M.to_dense(), moment(points, order), atol=1e-11)
    x = RNG.standard_normal(3)
    np.testing.assert_allclose(M.evaluate(x), ((points @ x) ** order).mean(), atol=1e-11)


@pytest.mark.parametrize("order", [3, 4, 5, 6])
def test_cumulants(order):
    gaussian, mass = noisy(np.array([[1.0, 2.0, 3.0]]))
    C = tlr.CumulantTensor(gaussian, order, weights=mass)
    assert np.abs(C.to_dense()).max() < 1e-9
    # all pairs of two lists: independent, so that mixed cumulants vanish
    pairs = np.array(list(itertools.product(RNG.exponential(size=9), RNG.exponential(size=7))))
    D = tlr.CumulantTensor(pairs, order)
    x = D.to_dense()
    assert abs(x[(0,) * (order - 1) + (1,)]) < 1e-12 * np.abs(x).max()
    v = RNG.standard_normal(2)
    np.testing.assert_allclose(D.evaluate(v), x[(0,) * order] * v[0] ** order
                               + x[(1,) * order] * v[1] ** order, rtol=1e-9)


@pytest.mark.parametrize("make", [
    lambda: tlr.MomentTensor(Y, 4, weights=P, noise=R), lambda: tlr.CumulantTensor(Y, 4),
    lambda: tlr.MomentTensor(Y, 3), lambda: tlr.MomentTensor([Y[:7], Y[7:]], 4),
    lambda: tlr.MomentTensor(lambda: iter((Y[:9], Y[9:])), 5),
])
def test_products_with_the_data_alone(make, monkeypatch):
    M = make()
    matrix = M._formed()
    monkeypatch.setattr(moments, "MOST_ENTRIES", 1)
    flat = M.flattening()
    assert isinstance(flat, SampledFlattening)
    for product, full in ((flat.apply, matrix), (flat.apply_adjoint, matrix.T)):
        X = RNG.standard_normal((full.shape[1], 2))
        np.testing.assert_allclose(product(X), full @ X, rtol=1e-10, atol=1e-12)
    assert abs(flat.norm() / np.linalg.norm(matrix) - 1.0) < 0.5


def test_decomposition_of_few_points_is_exact(monkeypatch):
    """The moments of r points are a symmetric tensor of rank r."""
    points = RNG.standard_normal((6, 5))
    for limit in (moments.MOST_ENTRIES, 1):
        monkeypatch.setattr(moments, "MOST_ENTRIES", limit)
        M = tlr.MomentTensor(points, 4)
        cp = tlr.subspace_power_method(M, rank=6, rng=0)
        np.testing.assert_allclose(cp.to_dense(), moment(points, 4), rtol=1e-10, atol=1e-11)


def test_sources_are_told_apart():
    sources = np.random.default_rng(1).laplace(size=(50_000, 4))
    A = np.random.default_rng(2).standard_normal((6, 4))
    cp = tlr.subspace_power_method(tlr.CumulantTensor(sources @ A.T, 4), rank=4, rng=0)
    found = np.abs((A / np.linalg.norm(A, axis=0)).T @ cp.factors)
    assert found.max(axis=0).min() > 0.99
