"""Radiation in a slab: the operator, its parts, runs against dense exponentials, collocation."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from conftest import Backend, gaussian

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro import radiation, radiation_uq, report
from tensorflowlr import config
from tensorflowlr.operators.leaf import LeafMatrices
from tensorflowlr.problems import radiation_slab, stencils
from tensorflowlr.problems.radiation import angular_flux

Array = np.ndarray


def upwind(cells: int, spacing: float, speed: float) -> Array:
    """One-sided differences of u_t = -speed u_x, zero beyond the ends."""
    step = np.eye(cells, k=-1 if speed > 0.0 else 1)
    return abs(speed) / spacing * (step - np.eye(cells))


def transport(cells: int, moments: int, spacing: float) -> Array:
    """Streaming of all moments, direction by direction: no A, no |A|, no central differences."""
    mu, weights = np.polynomial.legendre.leggauss(moments)
    modes = np.sqrt(np.arange(moments) + 0.5)
    # orthonormal polynomials at the points: to moments and back
    basis = np.polynomial.legendre.legvander(mu, moments - 1) * modes * np.sqrt(weights)[:, None]
    return sum(
        np.kron(upwind(cells, spacing, speed), np.outer(row, row))
        for speed, row in zip(mu, basis, strict=True)
    )


def dense_slab(
    cells: int, moments: int, half_width: float, scattering: Array, absorption: float = 0.0
) -> Array:
    """The generator for all values of the scattering, which come last."""
    streaming = transport(cells, moments, 2.0 * half_width / (cells - 1))
    isotropic = np.eye(1, moments)[0]
    damped = np.kron(np.eye(cells), np.diag(1.0 - isotropic))
    streaming = streaming - absorption * np.eye(cells * moments)
    made = np.kron(streaming, np.eye(scattering.size))
    return made - np.kron(damped, np.diag(scattering))


def sigma(scattering: float, amplitudes: tuple[float, ...], points: int) -> Array:
    """σ_s at all points of the random parameters, the last running fastest."""
    xi = np.polynomial.legendre.leggauss(points)[0]
    total = np.array([scattering])
    for a in amplitudes:
        total = np.add.outer(total, a * xi).ravel()
    return total


def small(**options: Any) -> tlr.problems.Problem:
    return radiation_slab(**({"cells": 9, "moments": 4, "points": 3, "half_width": 1.0,
                              "width": 0.3, "scattering": 3.0, "amplitudes": (2.0, 0.7),
                              "absorption": 0.4} | options))


@pytest.mark.parametrize(
    ("tree", "amplitudes"),
    [(None, (2.0, 0.7)), (tlr.Tree.train(4), (2.0, 0.7)), (tlr.Tree.tucker(4), (2.0, 0.0)),
     (None, (1.5,)), (None, ())],
    ids=["default", "train", "tucker", "one-random", "certain"],
)
def test_operator_is_discrete_ordinates_in_moments(
    tree: tlr.Tree | None, amplitudes: tuple[float, ...]
) -> None:
    problem = small(tree=tree, amplitudes=amplitudes)
    exact = dense_slab(9, 4, 1.0, sigma(3.0, amplitudes, 3), 0.4)
    made = problem.field.operators[0].to_dense()
    assert np.abs(made - exact).max() < 1e-12 * np.abs(exact).max()


def test_flux_matrix_has_the_quadrature_points_for_eigenvalues() -> None:
    A = angular_flux(40)
    absolute = stencils.absolute(A)
    points, weights = np.polynomial.legendre.leggauss(40)
    values, vectors = np.linalg.eigh(A)
    assert np.array_equal(A, A.T)
    assert np.abs(values - points).max() < 1e-14
    assert np.abs(vectors[0] ** 2 - 0.5 * weights).max() < 1e-14
    assert np.abs(absolute @ absolute - A @ A).max() < 1e-14
    assert np.linalg.eigvalsh(absolute).min() > 0.0
    assert np.abs(absolute @ A - A @ absolute).max() < 1e-14


def test_stencils_add_up_to_one_sided_differences() -> None:
    first, second = stencils.transport_stencils(7, 0.2)
    for speed in (0.6, -0.3):
        made = -speed * first + abs(speed) * second
        assert scipy.sparse.issparse(made)
        assert np.abs(made.toarray() - upwind(7, 0.2, speed)).max() < 1e-14


def test_quadrature_integrates_polynomials_over_uniform_parameters() -> None:
    points, weights = stencils.legendre_points(6)
    for power in range(12):
        exact = 0.0 if power % 2 else 1.0 / (power + 1)
        assert float(weights @ points**power) == pytest.approx(exact, abs=1e-15)


@pytest.mark.parametrize("rank", [1, 4, 10])
def test_start_is_the_product_whatever_rank_carries_it(rank: int) -> None:
    start = small(rank=rank).start
    x = np.linspace(-1.0, 1.0, 9)
    density = np.exp(-0.5 * (x / 0.3) ** 2) / np.sqrt(2.0 * np.pi * 0.3**2)
    exact = np.zeros((9, 4, 3, 3))
    exact[:, 0] = density[:, None, None]
    assert np.abs(start.to_dense() - exact).max() < 1e-14
    assert start.ranks[0] == min(rank, 9)
    for core in start.cores[:-1]:
        columns = core.reshape(-1, core.shape[-1])
        assert np.abs(columns.T @ columns - np.eye(core.shape[-1])).max() < 1e-13


@pytest.mark.parametrize(
    ("method", "bound"),
    [(tlr.AugmentedBUG(tlr.Truncation(rtol=1e-11), order=2), 1e-7),
     (tlr.ParallelBUG(tlr.Truncation(rtol=1e-11), order=2), 1e-5),
     (tlr.AugmentedBUG(tlr.Truncation(rtol=1e-11)), 1e-5),
     (tlr.ParallelBUG(tlr.Truncation(rtol=1e-11)), 1e-3)],
    ids=["augmented, order 2", "parallel, order 2", "augmented", "parallel"],
)
def test_run_follows_the_exponential(method: Any, bound: float) -> None:
    problem = small()
    generator = dense_slab(9, 4, 1.0, sigma(3.0, (2.0, 0.7), 3), 0.4)
    exact = scipy.linalg.expm(0.3 * generator) @ problem.start.to_dense().ravel()
    made = tlr.integrate(problem.field, problem.start, (0.0, 0.3), step=0.01, method=method)
    error = np.linalg.norm(made.final.to_dense().ravel() - exact) / np.linalg.norm(exact)
    assert error < bound


def test_certain_slab_is_a_matrix_and_follows_the_exponential() -> None:
    problem = small(amplitudes=())
    generator = dense_slab(9, 4, 1.0, np.array([3.0]), 0.4)
    exact = scipy.linalg.expm(0.3 * generator) @ problem.start.to_dense().ravel()
    made = tlr.integrate(problem.field, problem.start, (0.0, 0.3), step=0.01,
                         method=tlr.AugmentedBUG(tlr.Truncation(rtol=1e-11)))
    assert problem.start.shape == (9, 4)
    assert set(problem.observe) == {"norm", "mass"}
    assert np.linalg.norm(made.final.to_dense().ravel() - exact) < 1e-6 * np.linalg.norm(exact)


@pytest.mark.parametrize("options", [{}, {"amplitudes": ()}, {"tree": tlr.Tree.train(4)},
                                     {"tree": tlr.Tree((0, 1, (2, 3)))}],
                         ids=["default", "matrix", "train", "three"])
def test_carried_ranks_survive_the_start_of_a_run(options: dict[str, Any]) -> None:
    # ranks that their neighbours cannot hold would be cut to rank one: no flux, ever
    problem = small(**options)
    first = next(iter(tlr.steps(problem.field, problem.start, (0.0, 0.1), step=0.1,
                                method=tlr.AugmentedBUG(tlr.Truncation(rtol=1e-11)))))
    assert first.y.ranks == problem.start.ranks
    assert min(problem.start.ranks.values()) > 2


@pytest.mark.parametrize("absorption", [0.0, 1.3])
def test_mass_decays_by_absorption_alone(absorption: float) -> None:
    # nothing reaches the ends: the mass is exact in space, whatever the scattering
    problem = radiation_slab(61, 4, points=2, half_width=3.0, width=0.2, absorption=absorption)
    made = tlr.integrate(problem.field, problem.start, (0.0, 0.4), step=0.02,
                         observe=problem.observe,
                         method=tlr.AugmentedBUG(tlr.Truncation(rtol=1e-12), order=2))
    mass = made.observables["mass"]
    assert mass[0] == pytest.approx(1.0, abs=1e-12)
    assert np.abs(mass - np.exp(-absorption * made.times)).max() < 1e-6


def test_expectation_and_variance_are_sums_over_all_points(backend: Backend) -> None:
    problem = small()
    Y = tlr.TreeTensor.random(problem.start.tree, problem.start.shape, 3, rng=4)
    weights = 0.25 * np.multiply.outer(*[np.polynomial.legendre.leggauss(3)[1]] * 2)
    rho = Y.to_dense()[:, 0]
    mean = np.einsum("xij,ij->x", rho, weights)
    variance = np.einsum("xij,ij->x", (rho - mean[:, None, None]) ** 2, weights)
    Z = backend.tensor(Y)
    assert np.abs(problem.observe["expectation"](0.0, Z) - mean).max() < 1e-14
    assert np.abs(problem.observe["variance"](0.0, Z) - variance).max() < 1e-14
    assert problem.observe["mass"](0.0, Z) == pytest.approx(0.25 * mean.sum(), abs=1e-14)


def test_large_modes_keep_sparse_and_diagonal_matrices(backend: Backend, dtype: type) -> None:
    operator = radiation_slab(70, 40, points=40).field.operators[0]
    for group in operator.leaf_matrices:
        like = backend.array(np.zeros(1, dtype))
        placed = LeafMatrices(group, like)
        assert placed.stack is None
        full = [m.toarray() if scipy.sparse.issparse(m) else np.diag(m) if m.ndim == 1 else m
                for m in group]
        if backend.name == "numpy":
            assert [scipy.sparse.issparse(m) for m in placed.matrices] == [
                scipy.sparse.issparse(m) for m in group]
            assert [m.ndim for m in placed.matrices] == [m.ndim for m in group]
            if all(scipy.sparse.issparse(m) or m.ndim == 1 for m in group):
                assert placed.entries <= 3 * placed.size * placed.count
        x = gaussian((placed.size, 5), dtype)
        parts = gaussian((placed.count, placed.size, 5), dtype, seed=1)
        applied = backend.numpy(placed.apply(backend.array(x)))
        summed = backend.numpy(placed.apply_sum(backend.array(parts)))
        assert applied.dtype == summed.dtype == np.dtype(dtype)
        # spacing makes derivatives large: relative to the largest entry
        scale = max(1.0, max(np.abs(h).max() for h in full))
        assert np.abs(applied - np.stack([h @ x for h in full])).max() < 1e-13 * scale
        exact = sum(h @ p for h, p in zip(full, parts, strict=True))
        assert np.abs(summed - exact).max() < 1e-13 * scale


def test_space_matrices_of_the_slab_are_sparse() -> None:
    operator = radiation_slab().field.operators[0]
    space = LeafMatrices(operator.leaf_matrices[0], np.zeros(1))
    assert sorted(m.ndim for m in space.matrices) == [1, 2, 2]
    assert scipy.sparse.issparse(space.tall)
    # the identity, two neighbours, three in a row
    assert space.tall.nnz <= 201 * 6


def test_slab_from_a_configuration(tmp_path: Path) -> None:
    text = """
        problem = {{ name = "radiation_slab", cells = 21, moments = 6, points = 4, {} }}
        method = {{ name = "augmented" }}
        truncation = {{ rtol = 1e-4, min_rank = 2 }}
        run = {{ step = 0.05, t1 = 0.2 }}
    """
    for keys, tree, shape in (
        ("width = 0.3", tlr.Tree(((0, 1), (2, 3))), (21, 6, 4, 4)),
        ("tree = [0, [1, [2, 3]]]", tlr.Tree((0, (1, (2, 3)))), (21, 6, 4, 4)),
        ("amplitudes = [2]", tlr.Tree(((0, 1), 2)), (21, 6, 4)),
        ("amplitudes = []", tlr.Tree.matrix(), (21, 6)),
    ):
        path = tmp_path / "slab.toml"
        path.write_text(text.format(keys))
        problem, method = config.build(config.load_config(path))
        assert (problem.start.tree, problem.start.shape) == (tree, shape)
        assert problem.span == (0.0, 0.2)
        made = tlr.integrate(problem.field, problem.start, problem.span, step=0.05,
                             method=method, observe=problem.observe)
        assert made.observables["mass"].shape == (5,)


SLAB = radiation.Slab(cells=21, moments=8, points=6, width=0.3, end=0.4, step=0.02)


def test_collocation_is_the_exponential_at_every_point() -> None:
    generator = transport(21, 8, SLAB.spacing)
    damped = np.kron(np.eye(21), np.diag(1.0 - np.eye(1, 8)[0]))
    start = np.kron(np.exp(-0.5 * (SLAB.centres / 0.3) ** 2) / np.sqrt(2 * np.pi * 0.09),
                    np.eye(1, 8)[0])
    weights = 0.25 * np.multiply.outer(*[np.polynomial.legendre.leggauss(6)[1]] * 2).ravel()
    rho = np.stack([
        (scipy.linalg.expm(0.4 * (generator - value * damped)) @ start).reshape(21, 8)[:, 0]
        for value in sigma(5.0, (4.0, 1.0), 6)
    ])
    made = radiation.collocation(SLAB)
    mean = weights @ rho
    assert made.error < 1e-5
    assert np.abs(made.mean - mean).max() < 1e-5
    assert np.abs(made.variance - weights @ (rho - mean) ** 2).max() < 1e-6
    fine = radiation.densities(SLAB, [1.0, 7.5], 400)
    for value, line in zip((1.0, 7.5), fine, strict=True):
        exact = scipy.linalg.expm(0.4 * (generator - value * damped)) @ start
        assert np.abs(line - exact.reshape(21, 8)[:, 0]).max() < 1e-9


def test_reproduction_in_miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radiation_uq, "spread", lambda f, jobs: [f(*job) for job in jobs])
    verdicts = report.Verdicts()
    sweep = {"augmented": (1e-3, 1e-4), "parallel": (1e-3, 1e-6),
             "parallel, rejection": (1e-3, 1e-4), "parallel, order 2": (1e-3, 1e-4)}
    radiation_uq.run_moments(tmp_path, verdicts, SLAB, sweep)
    # its steps of half a cell are too long for so few cells, and times are no matter of tests
    judged = [line for line in verdicts.lines
              if "h = 0.02: error" in line and "rejection" not in line]
    assert len(judged) == 6
    assert all(line.startswith("PASS") for line in judged), judged
    for name in ("moments", "ranks", "errors"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    rows = (tmp_path / "moments.csv").read_text().splitlines()
    assert len(rows) == 1 + 8 + len(radiation_uq.COARSE)


def test_second_order_from_a_smooth_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radiation_uq, "spread", lambda f, jobs: [f(*job) for job in jobs])
    verdicts = report.Verdicts()
    slab = dataclasses.replace(SLAB, width=0.5)
    radiation_uq.run_smooth(tmp_path, verdicts, slab, (0.02, 0.01, 0.005))
    assert verdicts.lines[-1].startswith("PASS  smooth start, parallel, order 2")
    assert (tmp_path / "smooth.png").read_bytes().startswith(b"\x89PNG")
