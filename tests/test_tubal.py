"""Tubal tensors against block-circulant matrices, NumPy face by face, and exact solutions."""

import warnings

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr
from tensorflowlr import tubal
from tensorflowlr.tubal import sensing


def circulant(x):
    """The block-circulant matrix that multiplies unfolded tensors."""
    k = x.shape[2]
    return np.block([[x[:, :, (i - j) % k] for j in range(k)] for i in range(k)])


def by_circulant(a, b):
    k = a.shape[2]
    stacked = np.concatenate([b[:, :, i] for i in range(k)], axis=0)
    return (circulant(a) @ stacked).reshape(k, a.shape[0], b.shape[1]).transpose(1, 2, 0)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_product_is_block_circulant(k, dtype, backend):
    a, b = gaussian((4, 3, k), dtype, 1), gaussian((3, 5, k), dtype, 2)
    made = backend.numpy(tubal.t_product(backend.array(a), backend.array(b)))
    assert np.abs(made - by_circulant(a, b)).max() < 1e-12
    assert made.dtype == a.dtype


def test_order_four_is_two_dimensional_convolution(dtype):
    a, b = gaussian((3, 2, 3, 4), dtype, 1), gaussian((2, 3, 3, 4), dtype, 2)
    expected = np.zeros((3, 3, 3, 4), a.dtype)
    for i in np.ndindex(3, 4):
        for j in np.ndindex(3, 4):
            place = ((i[0] + j[0]) % 3, (i[1] + j[1]) % 4)
            expected[:, :, *place] += a[:, :, *i] @ b[:, :, *j]
    assert np.abs(tubal.t_product(a, b) - expected).max() < 1e-12


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 7), st.booleans(),
       st.integers(0, 2**32 - 1))
def test_laws(m, n, k, is_complex, seed):
    kind = complex if is_complex else float
    a, b, c = (gaussian(s, kind, seed + i) for i, s in enumerate([(m, n, k), (n, m, k),
                                                                 (m, 2, k)]))
    A, B, C = (tubal.TubalTensor(x) for x in (a, b, c))
    assert np.abs(((A @ B) @ C - A @ (B @ C)).to_dense()).max() < 1e-10
    assert np.abs(((A @ B).H - B.H @ A.H).to_dense()).max() < 1e-10
    assert A.norm() == pytest.approx(np.linalg.norm(a), rel=1e-12)
    assert tubal.t_norm(a, "spectral") == pytest.approx(np.linalg.norm(circulant(a), 2), rel=1e-9)
    values = np.linalg.svd(circulant(a), compute_uv=False)
    assert A.nuclear_norm() == pytest.approx(values.sum() / k, rel=1e-9)


@pytest.mark.parametrize("transform", ["fft", "dct", "haar", gaussian((4, 4), float, 9)],
                         ids=["fft", "dct", "haar", "matrix"])
def test_svd_and_qr_of_every_transform(transform, dtype, backend):
    x = gaussian((5, 3, 4), dtype, 3)
    given_x = backend.array(x)
    Y = tubal.t_svd(given_x, transform=transform)
    assert np.abs(backend.numpy(Y.to_dense()) - x).max() < 1e-12
    Q, R = tubal.t_qr(given_x, transform=transform)
    again = tubal.t_product(Q, R, transform=transform)
    assert np.abs(backend.numpy(again) - x).max() < 1e-12
    unit = tubal.TubalTensor.identity(3, 4, transform=transform, like=given_x)
    gap = tubal.TubalTensor(Q, transform=transform)
    gap = gap.H @ gap - unit
    assert gap.norm() < 1e-12


@pytest.mark.parametrize("method", ["svd", "gram", "auto"])
def test_truncated_svd_is_best_in_every_face(method, dtype):
    x = gaussian((6, 5, 5), dtype, 4)
    faces = np.fft.fft(x, axis=2).transpose(2, 0, 1)
    u, s, vh = np.linalg.svd(faces, full_matrices=False)
    best = (u[:, :, :2] * s[:, None, :2]) @ vh[:, :2]
    expected = np.fft.ifft(best.transpose(1, 2, 0), axis=2)
    made = tubal.t_svd(x, tlr.Truncation(max_rank=2), method=method).to_dense()
    assert np.abs(made - expected).max() < 1e-10


def test_total_energy_keeps_the_fewest_triples():
    x = gaussian((6, 5, 6), float, 5) * np.array([4.0, 1, 0.1, 0, 1, 2])
    values = np.linalg.svd(np.fft.rfft(x, axis=2).transpose(2, 0, 1), compute_uv=False)
    Y = tubal.t_svd(x, tlr.Truncation(rtol=0.3))
    error = np.linalg.norm(Y.to_dense() - x)
    assert error <= 0.3 * np.linalg.norm(x)
    # of a pair of conjugate faces one is stored; no choice of as many triples errs less
    weighted = np.sort((values**2 * np.array([1, 2, 2, 1])[:, None] / 6).ravel())
    least = np.sqrt(np.sum(weighted[: values.size - int(Y.multirank.sum())]))
    assert error == pytest.approx(least, rel=1e-9)
    common = tubal.t_svd(x, tubal.CommonRank(rtol=0.3))
    assert len(set(common.multirank.tolist())) == 1
    assert np.linalg.norm(common.to_dense() - x) <= 0.3 * np.linalg.norm(x)


def test_functions_and_inverses(dtype):
    a = gaussian((4, 4, 5), dtype, 6)
    unit = tubal.t_identity(4, 5)
    assert np.abs(tubal.t_product(a, tubal.t_inverse(a)) - unit).max() < 1e-10
    thin = gaussian((5, 2, 4), dtype, 7)
    inverse = tubal.t_pinv(thin)
    again = tubal.t_product(tubal.t_product(thin, inverse), thin)
    assert np.abs(again - thin).max() < 1e-12
    gram = tubal.t_product(a, tubal.t_transpose(a))
    root = tubal.t_sqrt(gram)
    assert np.abs(tubal.t_product(root, root) - gram).max() < 1e-10
    d, v = tubal.t_eigh(gram)
    back = tubal.t_product(tubal.t_product(v, d), tubal.t_transpose(v))
    assert np.abs(back - gram).max() < 1e-10
    small, term, series = 0.1 * a, unit, unit
    for i in range(1, 20):
        term = tubal.t_product(term, small) / i
        series = series + term
    assert np.abs(tubal.t_exp(small) - series).max() < 1e-12


def test_angles_between_turned_planes():
    eye = np.eye(4)
    a, b = np.zeros((4, 1, 3)), np.zeros((4, 1, 3))
    a[:, 0, 0] = eye[0]
    b[:, 0, 0] = np.cos(0.3) * eye[0] + np.sin(0.3) * eye[1]
    assert tubal.principal_angles(a, b) == pytest.approx(0.3, abs=1e-12)


METHODS = [
    tlr.AugmentedBUG(tlr.Truncation(max_rank=4)),
    tlr.AugmentedBUG(tlr.Truncation(max_rank=4), order=2),
    tlr.ParallelBUG(tlr.Truncation(max_rank=4)),
    tlr.ParallelBUG(tlr.Truncation(max_rank=4), order=2),
    tlr.FixedRankBUG(tlr.Truncation(max_rank=3)),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_bug_is_that_of_every_face(method, dtype):
    Y0 = tubal.TubalSVD.random((6, 5, 4), 3, rng=1, dtype=dtype)
    left = tubal.TubalTensor(0.5 * gaussian((6, 6, 4), dtype, 2))
    field = tubal.TubalField([(1.0, left, None)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        final = tlr.integrate(field, Y0, (0.0, 0.2), step=0.1, method=method).final
        for j, L in enumerate(left.faces):
            if Y0.spectrum.halved and j < Y0.spectrum.real_faces:
                L = L.real
            u, v, s = (core.blocks[j] for core in Y0.cores)

            def slope(t, Y, L=L):
                return tlr.LowRankMatrix(L @ Y.cores[0], Y.cores[2], Y.cores[1])

            face = tlr.integrate(tlr.FactoredField(slope), tlr.LowRankMatrix(u, s, v),
                                 (0.0, 0.2), step=0.1, method=method).final
            u, v, s = (core.blocks[j] for core in final.cores)
            assert np.abs(u @ s @ v.T - face.to_dense()).max() < 1e-12


@pytest.mark.parametrize(("method", "order", "rule"), [
    (tlr.ParallelBUG, 1, tlr.Truncation(atol=1e-8)),
    (tlr.ParallelBUG, 2, tlr.Truncation(atol=1e-8)),
    (tlr.AugmentedBUG, 1, tlr.Truncation(atol=1e-8)),
    (tlr.ParallelBUG, 1, tubal.CommonRank(atol=1e-8)),
])
def test_channel_meets_its_exact_solution_at_order(method, order, rule):
    problem = tubal.channel(24, 8)
    errors = []
    for step in (0.1, 0.05):
        made = method(rule, order=order, flow=tlr.Exponential())
        sol = tlr.integrate(problem.field, problem.start, (0.0, 1.0), step=step, method=made)
        errors.append(np.linalg.norm(sol.final.to_dense() - problem.exact(1.0)))
    assert np.log2(errors[0] / errors[1]) > order - 0.2


def test_solutions_go_through_files(tmp_path):
    problem = tubal.channel(8, 5)
    sol = tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1,
                        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)))
    sol.save(tmp_path / "run.h5")
    again = tlr.Solution.load(tmp_path / "run.h5").final
    assert isinstance(again, tubal.TubalSVD) and again.orthonormal
    assert (again.to_dense() == sol.final.to_dense()).all()


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


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: tubal.TubalTensor(np.ones((2, 2))), ValueError, "three axes"),
    (lambda: tubal.TubalTensor(np.ones((2, 2, 3)), transform="haar"), ValueError, "power of two"),
    (lambda: tubal.TubalTensor(np.ones((2, 2, 3)), transform="dft"), ValueError, "transform"),
    (lambda: tubal.TubalTensor(np.full((2, 2, 3), np.nan)), ValueError, "x must"),
    (lambda: tubal.t_product(np.ones((2, 3, 4)), np.ones((2, 3, 4))), ValueError, "3 columns"),
    (lambda: tubal.t_product(np.ones((2, 2, 4)), np.ones((2, 2, 3))), ValueError, "tubes"),
    (lambda: tubal.t_svd(np.ones((2, 2, 4)), method="lanczos"), ValueError, "method"),
    (lambda: tubal.t_svd(np.ones((2, 2, 4)), multirank=[1]), ValueError, "3 entries"),
    (lambda: tubal.t_inverse(np.ones((2, 2, 4))), ValueError, "singular"),
    (lambda: tubal.t_sqrt(-tubal.t_identity(2, 3)), ValueError, "negative eigenvalue"),
    (lambda: tubal.TubalField([(1.0, np.ones((2, 3, 4)), None)]), ValueError, "square"),
    (lambda: tubal.TubalField([1.0]), TypeError, "triple"),
    (lambda: tubal.channel(1), ValueError, "points"),
])
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


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
