"""The array layer against NumPy: moves, factorisations, matricisation, random numbers."""

import os

import array_api_strict
import numpy as np
import pytest
import scipy.linalg
from conftest import BACKENDS, gaussian

from tensorflowlr import arrays

DTYPES = ("float32", "float64", "complex64", "complex128")


def test_namespace_device_and_kind(backend):
    x = backend.array(gaussian((2, 3)))
    xp = arrays.namespace(x)
    assert arrays.is_array(x) and not arrays.is_array([1.0]) and not arrays.is_array(1.0)
    assert arrays.is_numpy(x) == (backend.name == "numpy")
    backend.check(xp.zeros((2,), device=arrays.device(x)))
    assert arrays.check_together([x, x], "x") is xp


@pytest.mark.parametrize("name", DTYPES)
def test_moves_keep_numbers_and_dtype(backend, name):
    x = gaussian((3, 4), complex).astype(name) if "complex" in name else gaussian((3, 4)).astype(
        name
    )
    like = backend.array(np.zeros(1))
    there = arrays.asarray(x, like=like)
    backend.check(there)
    assert arrays.dtype_name(there) == name
    assert arrays.dtype_like(name, like) == there.dtype
    np.testing.assert_array_equal(arrays.to_numpy(there), x)
    assert arrays.to_numpy(there).dtype == name
    assert arrays.epsilon(there) == np.finfo(name).eps
    assert arrays.is_complex(there) == name.startswith("complex")


@pytest.mark.parametrize("value", [[1, 2], [True, False], np.arange(3), [1.5, 2.5], 3])
def test_whole_numbers_become_double_precision(backend, value):
    assert arrays.asarray(value).dtype == np.float64
    there = arrays.asarray(value, like=backend.array(np.zeros(1)))
    backend.check(there)
    assert arrays.dtype_name(there) == "float64"
    np.testing.assert_array_equal(backend.numpy(there), np.asarray(value, dtype=float), strict=True)


def test_asarray_takes_an_asked_dtype(backend):
    like = backend.array(np.zeros(1))
    there = arrays.asarray([1.0, 2.0], like=like, dtype=arrays.dtype_like(complex, like))
    assert arrays.dtype_name(there) == "complex128"


def test_asarray_shares_what_is_already_there(backend):
    x = backend.array(gaussian((3,)))
    assert arrays.asarray(x) is x
    assert arrays.asarray(x, like=x) is x


def test_complex_conjugated_views_reach_numpy():
    x = gaussian((3, 2), complex)
    for there in (b.array(x) for b in BACKENDS):
        np.testing.assert_array_equal(arrays.to_numpy(arrays.conj(there)), x.conj())


@pytest.mark.parametrize(
    ("first", "others", "expected"),
    [
        ("float64", ("complex128",), "complex128"),
        ("float32", (2.0,), "float32"),
        ("float32", (1j,), "complex64"),
        ("float64", (1j,), "complex128"),
        ("complex64", (2.0,), "complex64"),
        ("float32", ("float64",), "float64"),
    ],
)
def test_result_dtype(backend, first, others, expected):
    values = [
        backend.array(np.zeros(1, v)) if isinstance(v, str) else v for v in (first, *others)
    ]
    assert arrays.result_dtype(*values) == arrays.dtype_like(expected, values[0])


def test_zeros_eye_pad(backend, dtype):
    like = backend.array(gaussian((2, 3), dtype))
    assert np.array_equal(backend.numpy(arrays.zeros((2, 2), like)), np.zeros((2, 2)))
    assert np.array_equal(backend.numpy(arrays.eye(2, 3, like)), np.eye(2, 3))
    assert arrays.zeros((1,), like).dtype == like.dtype == arrays.eye(1, 1, like).dtype
    padded = backend.numpy(arrays.pad(like, (4, 3)))
    np.testing.assert_array_equal(padded[:2], backend.numpy(like))
    assert not padded[2:].any()
    assert arrays.pad(like, (2, 3)) is like


def test_adjoint_conj_norm_finite(backend, dtype):
    x = gaussian((2, 3, 4), dtype)
    y = backend.array(x)
    np.testing.assert_array_equal(
        backend.numpy(arrays.adjoint(y)), np.swapaxes(x, 1, 2).conj()
    )
    np.testing.assert_array_equal(backend.numpy(arrays.conj(y)), x.conj())
    assert arrays.norm(y) == pytest.approx(np.linalg.norm(x), rel=1e-14)
    assert type(arrays.norm(y)) is float
    assert arrays.all_finite(y)
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = np.array(x)
        spoilt[1, 2, 3] = bad
        assert not arrays.all_finite(backend.array(spoilt))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (1, 1), (2, 4, 3)])
def test_qr_and_svd_are_thin_and_exact(backend, dtype, shape):
    x = gaussian(shape, dtype)
    q, r = (backend.numpy(a) for a in arrays.qr(backend.array(x)))
    k = min(shape[-2:])
    assert q.shape[-1] == k == r.shape[-2]
    np.testing.assert_allclose(q @ r, x, atol=1e-14)
    np.testing.assert_allclose(
        np.swapaxes(q, -1, -2).conj() @ q, np.broadcast_to(np.eye(k), (*shape[:-2], k, k)),
        atol=1e-14,
    )
    r = backend.numpy(arrays.triangle(backend.array(x)))
    np.testing.assert_allclose(
        np.swapaxes(r, -1, -2).conj() @ r, np.swapaxes(x, -1, -2).conj() @ x, atol=1e-13
    )
    np.testing.assert_array_equal(r, np.triu(r))
    u, s, vh = (backend.numpy(a) for a in arrays.svd(backend.array(x)))
    np.testing.assert_allclose((u * s[..., None, :]) @ vh, x, atol=1e-14)
    np.testing.assert_allclose(s, np.linalg.svd(x, compute_uv=False), atol=1e-14)


def test_cholesky_and_division_by_its_factor(backend, dtype):
    x = gaussian((9, 5), dtype)
    h = x.conj().T @ x
    factor, count = arrays.cholesky(backend.array(h))
    lower = backend.numpy(factor)
    assert count == 5
    np.testing.assert_array_equal(lower, np.tril(lower))
    np.testing.assert_allclose(lower @ lower.conj().T, h, atol=1e-13)
    q = backend.numpy(arrays.divide(backend.array(x), factor))
    np.testing.assert_allclose(q @ lower.conj().T, x, atol=1e-13)
    h[3, 3] = 0.0
    factor, count = arrays.cholesky(backend.array(h))
    assert factor is None and count in (0, 3)
    assert backend.name not in ("numpy", "torch") or count == 3


def test_eigh_and_expm(backend, dtype):
    x = gaussian((4, 4), dtype)
    h = x + x.conj().T
    values, vectors = (backend.numpy(a) for a in arrays.eigh(backend.array(h)))
    assert np.all(np.diff(values) >= 0)
    np.testing.assert_allclose(h @ vectors, vectors * values, atol=1e-13)
    made = arrays.expm(backend.array(x))
    np.testing.assert_allclose(backend.numpy(made), scipy.linalg.expm(x), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_unfold_fold_multiply(backend, dtype, axis):
    x = gaussian((2, 3, 4, 5), dtype)
    y = backend.array(x)
    columns = arrays.unfold(y, axis)
    expected = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    np.testing.assert_array_equal(backend.numpy(columns), expected)
    np.testing.assert_array_equal(backend.numpy(arrays.fold(columns, y.shape, axis)), x)
    m = gaussian((6, x.shape[axis]), dtype, seed=1)
    product = arrays.multiply(y, backend.array(m), axis)
    expected = np.moveaxis(np.tensordot(m, x, (1, axis)), 0, axis)
    np.testing.assert_allclose(backend.numpy(product), expected, atol=1e-13)


def test_multiply_of_many_narrow_pieces(backend, dtype):
    x, m = gaussian((64, 48, 3, 4), dtype), gaussian((6, 48), dtype, seed=1)
    product = arrays.multiply(backend.array(x), backend.array(m), 1)
    expected = np.moveaxis(np.tensordot(m, x, (1, 1)), 0, 1)
    np.testing.assert_allclose(backend.numpy(product), expected, atol=1e-13)


@pytest.mark.parametrize("name", DTYPES)
def test_random_numbers_are_those_of_the_host(backend, name):
    like = backend.array(np.zeros(1))
    here = arrays.normal(arrays.default_rng(7), (3, 4), name)
    there = arrays.normal(arrays.default_rng(7), (3, 4), name, like)
    assert here.dtype == name
    np.testing.assert_array_equal(backend.numpy(there), here)


def test_random_complex_numbers_have_unit_variance():
    x = arrays.normal(arrays.default_rng(0), (20_000,), complex)
    assert np.mean(np.abs(x) ** 2) == pytest.approx(1.0, abs=0.03)
    assert abs(np.mean(x**2)) < 0.03


def test_default_rng_takes_what_numpy_takes():
    generator = np.random.default_rng(3)
    assert arrays.default_rng(generator) is generator
    first = arrays.default_rng(3).standard_normal()
    assert first == np.random.default_rng(np.random.SeedSequence(3)).standard_normal()


@pytest.mark.parametrize(
    "pair",
    [
        (np.zeros(1), array_api_strict.zeros(1)),
        (
            array_api_strict.zeros(1),
            array_api_strict.zeros(1, device=array_api_strict.Device("device1")),
        ),
    ],
    ids=["libraries", "devices"],
)
def test_mixing_is_refused(pair):
    with pytest.raises(TypeError, match=r"x: arrays .*mixed"):
        arrays.check_together(pair, "x")


def test_the_second_device_stands_in_for_a_gpu():
    (backend,) = [b for b in BACKENDS if b.name == "strict-device1"]
    with pytest.raises(RuntimeError):
        np.asarray(backend.array(np.zeros(2)))


@pytest.mark.parametrize("inherited", [True, False])
def test_limits_of_threads_hold_in_their_block_alone(monkeypatch, inherited):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with arrays.limited_blas_threads(2):
        assert arrays.blas_threads() == 2
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("2", "2")
        with arrays.limited_blas_threads(1, inherited=inherited):
            assert arrays.blas_threads() == 1
            assert os.environ["OMP_NUM_THREADS"] == ("1" if inherited else "2")
        assert arrays.blas_threads() == 2
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ
