"""The fixed-rank integrator against dense references and the published experiment."""

import numpy as np
import pytest
from conftest import BACKENDS, decaying_tensor, gaussian, orthonormality, sizes
from helpers import errors, exact, halvings, linear, random_pairs, rk4, slope
from scipy.linalg import expm

import tensorflowlr as tlr
from tensorflowlr.config import ConfigError, build, load_config

METHOD = tlr.FixedRankBUG(tlr.Truncation(), flow=tlr.Exponential())


def full_start(tree, shape, seed=0):
    """A state at the largest ranks below complete ones, so that nothing is projected away."""
    Y = tlr.TreeTensor.random(tree, shape, 100, rng=seed, dtype=complex)
    return Y * (1.0 / Y.norm())


def test_published_errors_of_the_discrete_schroedinger_equation():
    # arXiv 2104.05247, section 5, started at rank 4; a dense Runge-Kutta solution is the truth
    problem = tlr.problems.discrete_schroedinger(100)
    H = problem.field.operators[0]
    bases = [np.linalg.qr(np.random.default_rng(0).random((100, 100)))[0]]
    assert bases[0].shape == (100, 100)
    kinetic = np.diag(np.full(100, 1.0)) - 0.5 * (np.eye(100, k=1) + np.eye(100, k=-1))
    wall = 1.0 - np.cos(2.0 * np.pi * (np.arange(100) / 100 - 0.5))
    y = problem.start.to_dense()
    for k in range(400):
        y = rk4(lambda t, x: -1j * (kinetic @ x + x @ kinetic + wall[:, None] * x * wall),
                k / 400, 1 / 400, y)
    assert H.shape == (100, 100)
    method = tlr.FixedRankBUG(tlr.Truncation())
    found = errors(method, problem.field, problem.start, 1.0, [0.1, 0.05, 0.02], y)
    print(found)
    assert np.allclose(found, [7.5e-2, 6.9e-2, 6.4e-2], rtol=0.02)
