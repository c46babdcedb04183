"""Recovery of tubal tensors from some entries, wrong entries and linear measurements."""

import numpy as np
import pytest
import tensorly.datasets
from conftest import gaussian
from test_tubal import by_circulant

from tensorflowlr import arrays, tubal
from tensorflowlr.tubal import sensing


def test_recovery_on_every_library(backend):
    rng = np.random.default_rng(0)
    low = tubal.t_product(rng.standard_normal((20, 1, 3)), rng.standard_normal((1, 20, 3)))
    known = rng.random(low.shape) < 0.7
    made = backend.numpy(tubal.t_completion(
        backend.array(low), backend.array(known), tol=1e-6, iterations=300))
    assert np.linalg.norm(made - low) < 1e-3 * np.linalg.norm(low)
    wrong = np.where(rng.random(low.shape) < 0.05, 10.0, 0.0)
    found, sparse = tubal.t_robust_pca(backend.array(low + wrong), tol=1e-6, iterations=300)
    assert np.linalg.norm(backend.numpy(found) - low) < 1e-3 * np.linalg.norm(low)
    assert np.linalg.norm(backend.numpy(sparse) - wrong) < 1e-3 * np.linalg.norm(wrong)


@pytest.mark.parametrize("sampled", [False, True])
def test_descent_on_every_library(sampled, backend):
    X = sensing.random_truth(2, 5, 3, 1, rng=0)
    if sampled:
        rng = np.random.default_rng(1)
        picked = np.stack([rng.permutation(75)[:50] for _ in range(2)])
        A, plain = (sensing.EntrySamples(x, 5, 3) for x in (backend.array(picked), picked))
    else:
        G = gaussian((2, 70, 5, 5, 3), float, 1)
        A, plain = (sensing.Measurements(x) for x in (backend.array(G), G))
    u = 0.1 * gaussian((2, 5, 6, 3), float, 2)
    made, wanted = (sensing.gradient_descent(
        a, f(X), [f(u)], rank=1, rate=1e-3 if not sampled else 0.05, iterations=40, every=20)
        for a, f in ((A, backend.array), (plain, np.asarray)))
    assert np.abs(made.test - wanted.test).max() < 1e-12
    assert wanted.test[:, 0, -1].max() < 0.9 * wanted.test[:, 0, 0].min()
    product = [tubal.t_product(f[0, 0], tubal.t_transpose(f[0, 0]))
               for f in (backend.numpy(made.factors), wanted.factors)]
    assert np.abs(product[0] - product[1]).max() < 1e-12


def test_sampled_entries_are_dense_measurements_with_a_one_each():
    n, k, problems = 4, 3, 2
    rng = np.random.default_rng(3)
    picked = np.stack([rng.permutation(n * n * k)[:20] for _ in range(problems)])
    ones = np.zeros((problems, 20, n * n * k))
    for p in range(problems):
        ones[p, np.arange(20), picked[p]] = 1.0
    dense = sensing.Measurements(ones.reshape(problems, 20, n, n, k))
    sampled = sensing.EntrySamples(picked, n, k)
    faces = sensing.faces_of(gaussian((problems, 3, n, n, k), float, 4), dense.spectrum)
    values = gaussian((problems, 3, 20), float, 5)
    assert np.abs(dense.apply(faces) - sampled.apply(faces)).max() < 1e-13
    assert np.abs(dense.adjoint(values) - sampled.adjoint(values)).max() < 1e-13
    drawn = sensing.EntrySamples.random(5, 40, n, k, rng=0)
    assert all(len(set(row)) == 40 for row in drawn.indices.tolist())


def test_gradient_of_sensing_is_that_of_the_loss():
    X = sensing.random_truth(2, 4, 3, 1, rng=0)
    G = gaussian((2, 9, 4, 4, 3), float, 1)
    u = 0.1 * gaussian((2, 4, 6, 3), float, 2)
    made = sensing.gradient_descent(
        sensing.Measurements(G), X, [u], rank=1, rate=1e-3, iterations=1).factors[:, 0]
    for p in range(2):
        gap = np.einsum("mijk,ijk->m", G[p], by_circulant(u[p], tubal.t_transpose(u[p])) - X[p])
        slope = np.einsum("m,mijk->ijk", gap, G[p])
        u1 = u[p] - 1e-3 * by_circulant(slope + tubal.t_transpose(slope), u[p])
        product = by_circulant(made[p], tubal.t_transpose(made[p]))
        assert np.abs(product - by_circulant(u1, tubal.t_transpose(u1))).max() < 1e-12


def test_recovery_of_missing_and_of_wrong_entries():
    rng = np.random.default_rng(0)
    low = tubal.t_product(rng.standard_normal((30, 2, 4)), rng.standard_normal((2, 30, 4)))
    known = rng.random(low.shape) < 0.6
    made = tubal.t_completion(low, known, tol=1e-7, iterations=400)
    assert np.linalg.norm(made - low) < 1e-3 * np.linalg.norm(low)
    wrong = np.where(rng.random(low.shape) < 0.05, 10.0, 0.0)
    found, sparse = tubal.t_robust_pca(low + wrong, tol=1e-7, iterations=400)
    assert np.linalg.norm(found - low) < 1e-3 * np.linalg.norm(low)
    assert np.linalg.norm(sparse - wrong) < 1e-3 * np.linalg.norm(wrong)


def test_recovery_of_a_measured_cube():
    # rows, bands and columns of a scene of AVIRIS; errors against those of what was given
    cube = np.asarray(tensorly.datasets.load_indian_pines().tensor)[:32, :32, ::5].swapaxes(1, 2)
    cube = (cube - cube.min()) / (cube.max() - cube.min())

    def gain(made, seen):
        return 20.0 * np.log10(np.linalg.norm(seen - cube) / np.linalg.norm(made - cube))

    rng = np.random.default_rng(0)
    known = rng.random(cube.shape) < 0.2
    made = tubal.t_completion(np.where(known, cube, 9.0), known, tol=1e-3)
    assert gain(made, np.where(known, cube, 0.0)) > 19.0
    assert np.abs(made - cube)[known].max() == 0.0
    seen = np.where(rng.random(cube.shape) < 0.1, rng.integers(0, 2, cube.shape), cube)
    low, sparse = tubal.t_robust_pca(seen, tol=1e-3)
    assert gain(low, seen) > 18.5
    assert np.linalg.norm(low + sparse - seen) <= 1e-3 * np.linalg.norm(seen)


@pytest.mark.parametrize("transform", ["dct", "haar", 3.0 * arrays.cosine_matrix(8)],
                         ids=["dct", "haar", "scaled"])
def test_the_default_weight_fits_the_transform(transform):
    factors = (gaussian((30, 2, 8), float, 0), gaussian((2, 30, 8), float, 1))
    low = tubal.t_product(*factors, transform=transform)
    low = low / np.abs(low).max()
    wrong = np.where(np.random.default_rng(2).random(low.shape) < 0.1, 3.0, 0.0)
    found, _ = tubal.t_robust_pca(low + wrong, transform=transform, tol=1e-6)
    assert np.linalg.norm(found - low) < 1e-3 * np.linalg.norm(low)
