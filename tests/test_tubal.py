"""Tubal tensors against block-circulant matrices, NumPy face by face, and exact solutions."""

import functools
import importlib
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import expm_multiply

import tensorflowlr as tlr
from tensorflowlr import tubal


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


@pytest.mark.parametrize(("decay", "looked_at"), [(False, 1), (True, 10)])
def test_one_face_tells_that_the_randomised_route_is_in_vain(monkeypatch, decay, looked_at):
    module = importlib.import_module("tensorflowlr.tubal.svd")
    x = gaussian((56, 50, 16), np.float64, 1)
    if decay:
        x = by_circulant(x[:, :2], gaussian((2, 50, 16), np.float64, 2))
    seen, known = [], module.randomized

    def counted(faces, *rest):
        seen.append(len(faces))
        return known(faces, *rest)

    monkeypatch.setattr(module, "randomized", counted)
    rule = tlr.Truncation(max_rank=2)
    made, full = tubal.t_svd(x, rule), tubal.t_svd(x, rule, method="svd")
    # 7 pairs of conjugate faces and 2 of their own, and the one that was tried
    assert sum(seen) == looked_at
    np.testing.assert_allclose(made.to_dense(), full.to_dense(), atol=1e-9 * np.abs(x).max())


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


RULES = [tlr.Truncation, tubal.CommonRank]


def order_of(field, Y0, end, exact, steps, method):
    """The slope of errors over steps."""
    found = [np.linalg.norm(tlr.integrate(
        field, Y0, (0.0, end), step=h, method=method).final.to_dense() - exact) for h in steps]
    return np.polyfit(np.log(steps), np.log(found), 1)[0]


@pytest.mark.parametrize("rule", RULES)
def test_channel_meets_its_exact_solution_at_first_order(rule):
    # errors of 2e-2 and less, far above the tolerance; ranks of half the size
    problem = tubal.channel(20, 5)
    method = tlr.ParallelBUG(rule(atol=1e-6), flow=tlr.Exponential())
    slope = order_of(problem.field, problem.start, 1.0, problem.exact(1.0), (0.2, 0.1, 0.05),
                     method)
    assert 0.9 < slope < 1.1


@pytest.mark.parametrize("rule", RULES)
def test_channel_meets_its_exact_solution_at_second_order(rule):
    # errors of 1e-6 and more, far above the tolerance
    problem = tubal.channel(32, 5)
    method = tlr.ParallelBUG(rule(atol=1e-12), order=2, flow=tlr.Exponential())
    slope = order_of(problem.field, problem.start, 2.0, problem.exact(2.0), (0.25, 0.125, 0.0625),
                     method)
    assert 1.9 < slope < 2.1


@functools.cache
def mixing():
    """Y' = A * Y + Y * B + C * Y * D, a start of rank two, and the end by its matrix."""
    m, n, k, end = 16, 14, 4, 0.2
    a, c = (s * gaussian((m, m, k), float, i) / 8.0 for i, s in enumerate((4.0, 2.0)))
    b, d = (s * gaussian((n, n, k), float, i) / 56**0.5 for i, s in enumerate((4.0, 2.0), 2))
    Y0 = tubal.TubalSVD.random((m, n, k), 2, rng=1)
    faces = [np.fft.fft(x, axis=2) for x in (a, b, c, d, Y0.to_dense())]
    exact = np.empty((m, n, k), complex)
    for j in range(k):
        fa, fb, fc, fd, y = (x[:, :, j] for x in faces)
        matrix = (np.kron(fa, np.eye(n)) + np.kron(np.eye(m), fb.T) + np.kron(fc, fd.T))
        exact[:, :, j] = expm_multiply(end * matrix, y.reshape(-1)).reshape(m, n)
    field = tubal.TubalField([(1.0, a, None), (1.0, None, b), (1.0, c, d)])
    return field, Y0, end, np.fft.ifft(exact, axis=2).real


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", [tlr.ParallelBUG, tlr.AugmentedBUG])
@pytest.mark.parametrize("order", [1, 2])
def test_orders_where_ranks_grow(kind, order, rule):
    field, Y0, end, exact = mixing()
    method = kind(rule(atol=1e-9), order=order, flow=tlr.Exponential())
    assert order_of(field, Y0, end, exact, (0.05, 0.025, 0.0125), method) > order - 0.2


@pytest.mark.parametrize("method", [
    tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), order=2),
    tlr.ParallelBUG(tubal.CommonRank(atol=1e-10), order=2, flow=tlr.Exponential()),
], ids=["augmented", "parallel"])
def test_dynamics_on_every_library(method, dtype, backend):
    # full ranks: no error of the method but that of its flow
    left, right = (0.3 * gaussian((n, n, 3), dtype, n) for n in (4, 3))
    x = gaussian((4, 3, 3), dtype, 8)
    field = tubal.TubalField([(1.0, backend.array(left), None), (-1.0, None, backend.array(right))])
    final = tlr.integrate(field, tubal.t_svd(backend.array(x)), (0.0, 0.2), step=0.05,
                          method=method).final
    made = backend.numpy(final.to_dense())
    exact = tubal.t_product(tubal.t_product(tubal.t_exp(0.2 * left), x), tubal.t_exp(-0.2 * right))
    assert np.abs(made - exact).max() < 1e-5 * np.abs(exact).max()
    assert made.dtype == x.dtype


def test_solutions_go_through_files(tmp_path):
    problem = tubal.channel(8, 5)
    sol = tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1,
                        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)))
    sol.save(tmp_path / "run.h5")
    again = tlr.Solution.load(tmp_path / "run.h5").final
    assert isinstance(again, tubal.TubalSVD) and again.orthonormal
    assert (again.to_dense() == sol.final.to_dense()).all()


def stopped(path, field, start, method, at):
    """A run that an observer ends at its call number `at`, and the same run in one go."""
    calls = itertools.count(1)

    def observer(t, Y):
        if next(calls) == at:
            raise KeyboardInterrupt
        return 0.0

    def whole(observe, **more):
        return tlr.integrate(field, start, (0.0, 0.6), step=0.1, method=method,
                             observe={"zero": observe}, **more)

    assert whole(observer, checkpoint=path).status == "interrupted"
    return whole(lambda t, Y: 0.0)


@pytest.mark.parametrize("transform", ["fft", "dct", gaussian((5, 5), float, 3)],
                         ids=["fft", "dct", "matrix"])
@pytest.mark.parametrize("method", [
    tlr.ParallelBUG(tlr.Truncation(atol=1e-6), reject=10.0, flow=tlr.Exponential()),
    tlr.AugmentedBUG(tubal.CommonRank(atol=1e-6), order=2),
], ids=["parallel", "augmented"])
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, transform, method, dtype):
    left, right = (tubal.TubalTensor(0.3 * gaussian((n, n, 5), dtype, n), transform=transform)
                   for n in (6, 4))
    source = 0.1 * tubal.t_svd(gaussian((6, 4, 5), dtype, 2), tlr.Truncation(max_rank=1),
                               transform=transform)
    start = tubal.t_svd(gaussian((6, 4, 5), dtype, 1), tlr.Truncation(max_rank=1),
                        transform=transform)
    field = tubal.TubalField([(1.0, left, None), (0.5, None, right)], source)
    whole = stopped(tmp_path / "run.h5", field, start, method, 4)
    again = tlr.resume(tmp_path / "run.h5", observe={"zero": lambda t, Y: 0.0})
    assert (again.times == whole.times).all()
    assert again.final.multirank.tolist() == whole.final.multirank.tolist()
    for a, b in zip(again.final.cores, whole.final.cores, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.blocks, b.blocks, strict=True))


def test_a_run_goes_on_in_another_process_on_its_library(tmp_path, backend):
    left, start = gaussian((6, 6, 5), float, 1), tubal.t_svd(gaussian((6, 4, 5), float, 2))
    source = 0.1 * tubal.t_svd(gaussian((6, 4, 5), float, 3), tlr.Truncation(max_rank=1))
    field = tubal.TubalField([(0.3, left, None)], source)
    method, path = tlr.ParallelBUG(tlr.Truncation(atol=1e-6)), tmp_path / "run.h5"
    like = backend.array(np.ones(1))
    whole = stopped(path, field, start.to(like=like), method, 3)
    assert tubal.TubalTensor(left).to(like=like).faces.__class__ is like.__class__
    imports, name = {
        "numpy": ("numpy as xp", "xp.ones(1)"),
        "torch": ("torch as xp", "xp.ones(1, dtype=xp.float64)"),
        "strict": ("array_api_strict as xp", "xp.ones(1)"),
        "strict-device1": ("array_api_strict as xp", "xp.ones(1, device=xp.Device('device1'))"),
        "cupy": ("cupy as xp", "xp.ones(1)"),
    }[repr(backend)]
    code = (
        f"import sys, tensorflowlr as tlr, {imports}\n"
        f"again = tlr.resume(sys.argv[1], observe={{'zero': lambda t, Y: 0.0}}, like={name})\n"
        f"assert type(again.final.cores[0].blocks[0]) is type({name})\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    final = tlr.Solution.load(path).final
    gap = final.to_dense() - backend.numpy(whole.final.to_dense())
    assert np.abs(gap).max() < 1e-12 * np.abs(final.to_dense()).max()


def test_a_step_is_repeated_where_one_face_doubles_its_rank():
    # the other faces are at rest, and their ranks hide that of the first in the sum
    start, source = (tubal.t_svd(gaussian((8, 8, 7), float, seed), multirank=ranks)
                     for seed, ranks in ((1, [1, 4, 4, 4]), (2, [1, 0, 0, 0])))
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-12, max_rank=6), reject=1e15)

    def run(start, source):
        field = tubal.TubalField([], source)
        return tlr.integrate(field, start, (0.0, 0.1), step=0.1, method=method)

    made = run(start, source)
    first = [x.to_tubal().faces[0].real for x in (start, source)]
    alone = run(*(tubal.t_svd(x[:, :, None]) for x in first))
    assert made.stats["rejected"] == alone.stats["rejected"] > 0
    gap = made.final.to_tubal().faces[0].real - (first[0] + 0.1 * first[1])
    assert np.abs(gap).max() < 1e-12 * np.abs(first[0]).max()


def test_a_moving_source_is_given_again(tmp_path):
    start = tubal.t_svd(gaussian((4, 3, 5), float, 1))
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))

    def field(c):
        return tubal.TubalField([(-1.0, None, None)], lambda t: c * float(np.cos(t)) * start)

    path = tmp_path / "run.h5"
    whole = stopped(path, field(1.0), start, method, 3)
    given = {"observe": {"zero": lambda t, Y: 0.0}}
    with pytest.raises(ValueError, match="F must be given"):
        tlr.resume(path, **given)
    with pytest.raises(ValueError, match="not that of the checkpoint"):
        tlr.resume(path, F=field(2.0), **given)
    again = tlr.resume(path, F=field(1.0), **given)
    assert (again.final.to_dense() == whole.final.to_dense()).all()


def test_channel_is_kept_with_its_run(tmp_path):
    problem = tubal.channel(8, 6)
    method = tlr.ParallelBUG(tlr.Truncation(atol=1e-6), flow=tlr.Exponential())
    whole = stopped(tmp_path / "run.h5", problem.field, problem.start, method, 3)
    again = tlr.resume(tmp_path / "run.h5", observe={"zero": lambda t, Y: 0.0})
    assert (again.final.to_dense() == whole.final.to_dense()).all()
