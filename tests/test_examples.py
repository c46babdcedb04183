"""Every example runs, draws its picture, and finds what an independent computation finds."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from conftest import dense_terms
from helpers import exact, ising, rk4
from scipy.integrate import solve_ivp

EXAMPLES = Path(__file__).parents[1] / "examples"


def loaded(name):
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example(name, output, *arguments):
    """The module of an example, and what its `main` returns."""
    module = loaded(name)
    found = module.main(output, *arguments)
    assert (output / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    return module, found


def up(spins):
    y = np.zeros((2,) * spins, complex)
    y[(0,) * spins] = 1.0
    return y


def test_spin_quench(tmp_path, monkeypatch):
    # half the entropy of a chain of 12, from the singular values of the dense state
    module, found = example("spin_quench", tmp_path)
    y, dense = up(module.SPINS), ising(module.SPINS)

    def slope(t, x):
        total = np.zeros_like(x)
        for c, factors in dense:
            part = x
            for mode, matrix in factors.items():
                part = np.moveaxis(np.tensordot(matrix, part, (1, mode)), 0, mode)
            total += c * part
        return -1j * total

    for _ in range(150):
        y = rk4(slope, 0.0, 0.02, y)
    p = np.linalg.svd(y.reshape(2**6, -1), compute_uv=False) ** 2
    assert found == pytest.approx(-np.sum(p[p > 1e-14] * np.log(p[p > 1e-14])), abs=2e-3)


def test_allen_cahn(tmp_path):
    module, found = example("allen_cahn", tmp_path)
    n = module.POINTS
    x = 2.0 * np.pi * np.arange(n) / n

    def slope(t, flat):
        u = flat.reshape(n, n)
        around = sum(np.roll(u, s, axis) for s in (1, -1) for axis in (0, 1)) - 4.0 * u
        return (module.EPSILON / x[1] ** 2 * around + u - u**3).reshape(-1)

    sol = solve_ivp(slope, (0.0, 6.0), module.start(x).reshape(-1), rtol=1e-8, atol=1e-10)
    assert found == pytest.approx(np.mean(sol.y[:, -1] ** 2), rel=1e-3)


def test_uncertain_radiation(tmp_path):
    # collocation: the density depends on the random parameters through scattering alone
    module, found = example("uncertain_radiation", tmp_path)
    cells, moments, points = module.CELLS, module.MOMENTS, module.POINTS
    x, spacing = np.linspace(-2.0, 2.0, cells, retstep=True)
    n = np.arange(moments - 1)
    beside = (n + 1) / np.sqrt((2 * n + 1) * (2 * n + 3))
    values, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    xi, weights = np.polynomial.legendre.leggauss(points)
    sigma = (5.0 + 4.0 * xi[:, None] + xi[None, :]).reshape(-1)
    chance = (weights[:, None] * weights[None, :]).reshape(-1) / 4.0

    def slope(t, u):
        # in the eigenbasis of the flux every column moves at its own speed, upwind
        v = np.pad(u @ vectors, ((0, 0), (1, 1), (0, 0)))
        ahead = np.where(values > 0.0, v[:, 1:-1] - v[:, :-2], v[:, 2:] - v[:, 1:-1])
        damped = u * sigma[:, None, None]
        damped[..., 0] = 0.0
        return -(ahead * values / spacing) @ vectors.T - damped

    u = np.zeros((len(sigma), cells, moments))
    u[..., 0] = np.exp(-0.5 * (x / 0.15) ** 2) / (np.sqrt(2.0 * np.pi) * 0.15)
    for _ in range(50):
        u = rk4(slope, 0.0, 0.02, u)
    mean = chance @ u[..., 0]
    deviation = np.sqrt(chance @ (u[..., 0] - mean) ** 2)
    assert np.linalg.norm(found[0] - mean) < 5e-3 * np.linalg.norm(mean)
    assert np.linalg.norm(found[1] - deviation) < 2e-2 * np.linalg.norm(deviation)


def test_field_ensemble(tmp_path):
    module, found = example("field_ensemble", tmp_path)
    spins = module.SPINS
    total = np.diag(dense_terms([(1.0 / spins, {i: np.array([1.0, -1.0])})
                                 for i in range(spins)], (2,) * spins)).real
    for field, value in zip(module.FIELDS, found, strict=True):
        y = exact(ising(spins, field=field), up(spins), 3.0)
        assert value == pytest.approx(total @ np.abs(y) ** 2, abs=2e-4)


def test_stop_and_resume(tmp_path):
    assert example("stop_and_resume", tmp_path)[1] == 0.0


def test_compress_function(tmp_path):
    module, found = example("compress_function", tmp_path)
    tolerances = np.array(module.TOLERANCES)
    assert (found <= tolerances * (1.0 + 1e-6)).all() and (found > 1e-3 * tolerances).all()
    # no approximation of these ranks is better than the largest tail of an unfolding
    x = module.samples()
    assert x[0, 1, 2, 3] == pytest.approx(1.0 / (1.0 + 6.0 / (module.POINTS - 1)))


def test_train_digits(tmp_path):
    pytest.importorskip("torch")
    # a nearest neighbour in pixels gets 99.2 %, chance 10 %
    assert example("train_digits", tmp_path)[1] > 96.0


def test_convert_network(tmp_path, capsys):
    pytest.importorskip("torch")
    module, ((dense, best), *found) = example("convert_network", tmp_path)
    # by hand: weights and biases of 1 → 32 → 64 channels, 1024 → 128 → 10
    assert dense == 9 * 32 + 32 + 9 * 32 * 64 + 64 + 1024 * 128 + 128 + 1280 + 10
    assert best > 96.0 and found[0][1] == best
    counts = [count for count, _ in found[1:]]
    assert counts == sorted(counts, reverse=True)
    count, share = found[module.TOLERANCES.index(0.4)]
    assert count < 0.5 * dense and share > best - 4.0
    differences = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()
                   if "outputs differ" in line]
    assert len(differences) == 2 and max(differences) < 1e-4


def test_gaussian_mixture(tmp_path):
    module, found = example("gaussian_mixture", tmp_path)
    x, noise, cultivars = module.points()
    weights, centres = found["weights"], found["centres"]
    # the data are centred, and weights are shares
    assert weights.sum() == pytest.approx(1.0, abs=0.02)
    assert np.abs(weights @ centres).max() < 0.1
    assert np.sort(weights) == pytest.approx(np.sort(np.bincount(cultivars)) / len(x), abs=0.06)
    truth = np.array([x[cultivars == k].mean(axis=0) for k in range(3)])
    apart = np.linalg.norm(centres[:, None, :] - truth, axis=2).min(axis=0)
    assert (apart < 0.6).all() and found["agreement"] > 0.85
    assert found["agreement"] >= found["EM"]


def test_gaussian_mixture_of_moments_that_are_exact():
    # points at three centres, without noise
    module = loaded("gaussian_mixture")
    centres = np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0], [0.5, -2.0, 1.0]])
    weights, found = module.mixture(np.repeat(centres, [5, 3, 2], axis=0), 0.0)
    order = np.argsort(-weights)
    assert weights[order] == pytest.approx([0.5, 0.3, 0.2], abs=1e-10)
    assert found[order] == pytest.approx(centres, abs=1e-9)


def test_blind_sources(tmp_path):
    module, found = example("blind_sources", tmp_path)
    assert found["cumulants"].min() > 0.999
    assert found["cumulants"].min() > found["FastICA"].min() - 1e-3
    # stream by stream, the recovered are the true ones
    sources, mixing = module.pictures()
    found = module.unmixed(module.samples(sources @ mixing.T))
    true = (sources - sources.mean(axis=0)).reshape(-1, 4)
    recovered = true @ (np.linalg.inv(found) @ mixing).T
    alike = np.abs(np.corrcoef(recovered.T, true.T)[:4, 4:])
    assert sorted(alike.argmax(axis=1)) == [0, 1, 2, 3]
    assert (alike.max(axis=1) > 0.999).all()


def test_tubal_recovery(tmp_path):
    pytest.importorskip("skimage")
    module, found = example("tubal_recovery", tmp_path)
    for (before, after, *alone), least in zip(found, (31.0, 33.7, 35.0, 21.5), strict=True):
        assert after > least > before + 10.0
        assert all(after > value + 1.0 for value in alone)
    assert [len(values) for values in found] == [2, 3, 3, 2]
    # the descent again, on both halves of U and with numbers, tubes by plain FFT
    rng = np.random.default_rng(1)
    block, seen, made = module.descent(rng)
    rng, n = np.random.default_rng(1), module.BLOCK
    known = rng.random(block.shape) < module.KNOWN
    assert (seen == np.where(known, block, 0.0)).all()
    u = np.fft.fft(1e-3 * rng.standard_normal((2 * n, 2 * n, 3)), axis=2).transpose(2, 0, 1)
    faces = np.fft.fft(block, axis=2).transpose(2, 0, 1)
    # a positive tensor has the norm of its corner's dilation, twice that of the corner
    rate = 0.2 / (2.0 * np.linalg.norm(faces, 2, axis=(1, 2)).max())
    left, right = u[:, :n], u[:, n:]
    for _ in range(2000):
        product = np.fft.ifft((left @ right.conj().mT).transpose(1, 2, 0), axis=2).real
        slope = np.fft.fft(np.where(known, product - block, 0.0), axis=2).transpose(2, 0, 1)
        left, right = left - rate * slope @ right, right - rate * slope.conj().mT @ left
    assert np.abs(product - made).max() < 1e-4
