"""The line source: angular matrices by quadrature, the operator by shifted arrays, its run."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro import line_source as experiment
from paper_repro import line_source_figures, line_source_reference, report
from paper_repro.line_source_runs import Size, certain, uncertain
from tensorflowlr.config import build, load_config
from tensorflowlr.problems import line_source
from tensorflowlr.problems.harmonics import absolute_values, moments, streaming_matrices
from tensorflowlr.problems.stencils import legendre_points


def dense(pair):
    return [matrix.toarray() for matrix in pair]


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 9])
def test_streaming_matrices_are_integrals_over_the_sphere(degree):
    for made, wanted in zip(
        dense(streaming_matrices(degree)), line_source_reference.angular_matrices(degree),
        strict=True,
    ):
        assert np.abs(made - wanted).max() < 1e-13


def test_the_quadrature_itself_has_orthonormal_harmonics():
    heights, weights = np.polynomial.legendre.leggauss(8)
    angles = 2.0 * np.pi * np.arange(16) / 16
    z, phi = (a.ravel() for a in np.meshgrid(heights, angles, indexing="ij"))
    Y = line_source_reference.harmonics(5, z, phi)
    gram = (Y * np.repeat(weights * np.pi / 8, 16)) @ Y.T
    assert np.abs(gram - np.eye(36)).max() < 1e-13


@pytest.mark.parametrize("degree", [1, 4, 7])
def test_both_directions_are_symmetric_with_the_spectrum_of_legendre_points(degree):
    x, z = dense(streaming_matrices(degree))
    assert np.array_equal(x, x.T)
    assert np.array_equal(z, z.T)
    spectrum = np.linalg.eigvalsh(z)
    assert np.abs(np.linalg.eigvalsh(x) - spectrum).max() < 1e-13
    # the largest is the last node of Gauss and Legendre: speeds stay below that of light
    assert spectrum[-1] == pytest.approx(np.polynomial.legendre.leggauss(degree + 1)[0][-1])
    # Ω_x² + Ω_z² is 2/3 on average, on all moments whose neighbours are there
    low = degree**2
    square = (x @ x + z @ z)[:low, :low]
    assert np.trace(square) == pytest.approx(2.0 * low / 3.0, rel=1e-13)


@pytest.mark.parametrize("degree", [1, 4, 7])
def test_moduli_are_matrix_absolute_values_and_sparse(degree):
    for matrix, modulus in zip(
        dense(streaming_matrices(degree)), absolute_values(degree), strict=True
    ):
        # the only such matrix whose square is A² and whose eigenvalues are not negative
        found = modulus.toarray()
        assert np.abs(found @ found - matrix @ matrix).max() < 1e-13
        assert np.abs(found - found.T).max() < 1e-14
        assert np.linalg.eigvalsh(found)[0] > -1e-13
        assert modulus.nnz < 0.3 * len(matrix) ** 2


def even(degree):
    return [i for i, (_, k) in enumerate(moments(degree)) if k >= 0]


def slope_by_loops(u, cells, degree, scattering, absorption):
    """The right-hand side, cell by cell, for u of shape (cells, cells, moments)."""
    x, z = dense(streaming_matrices(degree))
    moduli = dense(absolute_values(degree))
    spacing = 3.0 / (cells - 1)
    made = -(absorption + scattering) * u
    made[..., 0] += scattering * u[..., 0]
    for i in range(1, cells - 1):
        for j in range(1, cells - 1):
            for matrix, modulus, up, down in (
                (x, moduli[0], u[i + 1, j], u[i - 1, j]), (z, moduli[1], u[i, j + 1], u[i, j - 1]),
            ):
                made[i, j] += -matrix @ (up - down) / (2.0 * spacing)
                made[i, j] += modulus @ (up - 2.0 * u[i, j] + down) / (2.0 * spacing)
    return made


def test_matrix_problem_is_the_upwind_scheme():
    cells, degree = 5, 2
    problem = line_source(cells, degree, amplitudes=(), scattering=0.7, absorption=0.4)
    u = np.random.default_rng(0).standard_normal((cells, cells, 9))
    H = problem.field.operators[0].to_dense()
    wanted = slope_by_loops(u, cells, degree, 0.7, 0.4)
    assert np.abs(H @ u.reshape(-1) - wanted.reshape(-1)).max() < 1e-12


def test_uncertain_problem_has_its_scattering_at_every_point():
    cells, degree, points = 4, 1, 3
    problem = line_source(cells, degree, points=points, scattering=0.9, amplitudes=(0.5, -0.2))
    xi, _ = np.polynomial.legendre.leggauss(points)
    u = np.random.default_rng(1).standard_normal((cells, cells, 4, points, points))
    H = problem.field.operators[0].to_dense()
    found = (H @ u.reshape(-1)).reshape(u.shape)
    for i in range(points):
        for j in range(points):
            sigma = 0.9 + 0.5 * xi[i] - 0.2 * xi[j]
            wanted = slope_by_loops(u[..., i, j], cells, degree, sigma, 1.0)
            assert np.abs(found[..., i, j] - wanted).max() < 1e-12


@pytest.mark.parametrize("amplitudes", [(), (0.5,), (1.0, 1.0), (0.3, 0.2, 0.1)])
def test_start_is_the_product_carried_at_its_rank(amplitudes):
    problem = line_source(12, 3, points=5, amplitudes=amplitudes, width=0.2, rank=6)
    x = np.linspace(-1.5, 1.5, 12)
    squares = x[:, None] ** 2 + x**2
    flux = np.maximum(1e-4, np.exp(-squares / 0.16) / (0.16 * np.pi)) / (4.0 * np.pi)
    wanted = np.zeros((144, 16))
    wanted[:, 0] = flux.reshape(-1)
    for _ in amplitudes:
        wanted = np.repeat(wanted[..., None], 5, axis=-1)
    assert np.abs(problem.start.to_dense() - wanted).max() < 1e-13
    assert problem.start.ranks[1] == 6
    mass = problem.observe["mass"](0.0, problem.start)
    assert mass == pytest.approx(4.0 * np.pi * flux.sum() * (3.0 / 11) ** 2, rel=1e-12)


def test_sparse_matrices_stay_sparse():
    space, angle, xi, eta = line_source(20, 15, points=40).field.operators[0].leaf_matrices
    assert all(m.ndim == 1 or hasattr(m, "nnz") for m in (*space, *angle))
    assert max(m.nnz for m in space if m.ndim == 2) <= 3 * 400
    assert {m.ndim for m in (*xi, *eta)} == {1}


def run(problem, steps, rtol, end=0.5, **options):
    return tlr.integrate(
        problem.field, problem.start, (0.0, end), step=end / steps, observe=problem.observe,
        method=tlr.AugmentedBUG(tlr.Truncation(rtol=rtol), **options),
    )


def test_run_agrees_with_the_dense_solution_and_keeps_its_symmetries():
    cells, degree, steps, end = 20, 3, 10, 0.5
    problem = line_source(cells, degree, amplitudes=(), width=0.15, absorption=0.3)
    made = run(problem, steps, 1e-9, end, order=2)
    found = made.final.to_dense()
    exact = scipy.integrate.solve_ivp(
        lambda t, y: shifted(y, cells, degree, 1.0, 0.3),
        (0.0, end), problem.start.to_dense().reshape(-1), method="DOP853", rtol=1e-9, atol=1e-12,
    ).y[:, -1].reshape(found.shape)
    scale = np.linalg.norm(exact)
    assert np.linalg.norm(found - exact) < 2e-3 * scale
    flux = found[:, 0].reshape(cells, cells)
    for turned in (flux.T, flux[::-1], flux[:, ::-1]):
        assert np.abs(turned - flux).max() < 1e-4 * np.abs(flux).max()
    odd = [i for i in range(16) if i not in even(degree)]
    assert np.abs(found[:, odd]).max() < 1e-12 * scale


def shifted(y, cells, degree, scattering, absorption):
    """The right-hand side by shifted arrays."""
    matrices = [*dense(streaming_matrices(degree)), *dense(absolute_values(degree))]
    u = y.reshape(cells, cells, -1)
    made = -(absorption + scattering) * u
    made[..., 0] += scattering * u[..., 0]
    here, unit = u[1:-1, 1:-1], 0.5 * (cells - 1) / 3.0
    for flow, modulus, up, down in (
        (matrices[0], matrices[2], u[2:, 1:-1], u[:-2, 1:-1]),
        (matrices[1], matrices[3], u[1:-1, 2:], u[1:-1, :-2]),
    ):
        made[1:-1, 1:-1] += unit * ((down - up) @ flow + (up + down - 2.0 * here) @ modulus)
    return made.reshape(-1)


def test_mass_decays_by_absorption_alone_until_the_border_is_reached():
    problem = line_source(40, 3, points=4, half_width=3.0, width=0.2, absorption=0.8, floor=0.0)
    made = run(problem, 10, 1e-8, 0.5)
    wanted = made.observables["mass"][0] * np.exp(-0.8 * made.times)
    assert np.abs(made.observables["mass"] - wanted).max() < 5e-5
    assert made.observables["mass_variance"].max() < 1e-9
    kept = run(line_source(40, 3, amplitudes=(), half_width=3.0, width=0.2, absorption=0.0,
                           floor=0.0), 10, 1e-8, 0.5)
    assert np.abs(kept.observables["mass"] - kept.observables["mass"][0]).max() < 5e-5


def test_start_of_rank_one_never_gets_its_flux():
    mass = []
    for rank in (1, 15):
        problem = line_source(20, 3, amplitudes=(), width=0.15, rank=rank)
        final = run(problem, 10, 1e-9).final.to_dense()
        mass.append(np.linalg.norm(final[:, [2, 3]]))
    assert mass[0] < 1e-12 < 0.1 < mass[1]


def test_collocation_is_the_tensor_grid_of_both_parameters():
    nodes, weights = line_source_reference.scattering_nodes(8, 5, 1.0, (0.7, 0.4))
    x, w = np.polynomial.legendre.leggauss(8)
    sigma = 1.0 + 0.7 * x[:, None] + 0.4 * x
    for power in range(10):
        grid = (np.outer(w, w) / 4.0 * sigma**power).sum()
        assert weights @ nodes**power == pytest.approx(grid, rel=1e-12)
    # each random mode of the library has these points and weights
    points, probabilities = legendre_points(8)
    assert np.abs(points - x).max() < 1e-14
    assert np.abs(probabilities - w / 2.0).max() < 1e-14


def test_experiment_in_miniature_falls_with_tolerance_and_draws(tmp_path):
    size = Size(16, 3, 22)
    mean, variance = line_source_reference.collocation(16, 3, 22, 100, 5)
    runs = [uncertain(size, "augmented", rtol) for rtol in (5e-2, 1e-5)]
    coarse, fine = (experiment.relative(r.mean, mean) for r in runs)
    assert fine < 5e-3 < 5e-2 < coarse
    assert experiment.relative(runs[1].variance, variance) < 5e-3
    reference = line_source_reference.full_rank(16, 3, 1.0, 0.0, 10, 5)
    made, errors = certain(Size(16, 3, 10), "parallel, rejection", 1e-6, reference,
                           line_source_reference.even_moments(3))
    assert errors.shape == (5,)
    assert errors.max() < 3e-2
    line_source_figures.draw_maps(tmp_path / "maps.png", runs[1], mean, variance)
    line_source_figures.draw_cuts(tmp_path / "cuts.png", runs, mean, variance)
    line_source_figures.draw_ranks(tmp_path / "ranks.png", runs)
    line_source_figures.draw_matrix(tmp_path / "matrix.png", [(made, errors)], reference[-1, 0])
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert report.Verdicts().save(tmp_path) == 0


def test_sizes_have_steps_of_the_papers():
    assert Size.at(100, 31, 0.5).steps == math.ceil(1.0 / (0.5 * 3.0 / 99))
    assert Size.at(250, 39, 0.7, 10).steps == 120


def test_runs_from_a_configuration_file(tmp_path):
    path = tmp_path / "line.toml"
    path.write_text(
        '[problem]\nname = "line_source"\ncells = 12\ndegree = 3\npoints = 5\nwidth = 0.2\n'
        'amplitudes = [0.5, 0.2]\n[method]\nname = "parallel"\n[truncation]\nrtol = 1e-3\n'
        "[run]\nstep = 0.1\nt1 = 0.5\n"
    )
    problem, method = build(load_config(path))
    made = tlr.integrate(problem.field, problem.start, problem.span, step=0.1, method=method,
                         observe=problem.observe)
    assert made.success
    assert made.final.shape == (144, 16, 5, 5)


def test_every_array_library_runs_the_same(backend):
    problem = line_source(6, 1, points=3, width=0.3)
    moved = dataclasses.replace(problem, start=backend.tensor(problem.start))
    made, plain = run(moved, 3, 1e-6), run(problem, 3, 1e-6)
    difference = backend.dense(made.final) - plain.final.to_dense()
    assert np.abs(difference).max() < 1e-10 * plain.final.norm()
    assert made.observables["mass"] == pytest.approx(plain.observables["mass"], rel=1e-9)


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"cells": 2}, ValueError, "cells"),
    ({"cells": 8.0}, TypeError, "cells"),
    ({"degree": 0}, ValueError, "degree"),
    ({"points": 0}, ValueError, "points"),
    ({"rank": 0}, ValueError, "rank"),
    ({"half_width": 0.0}, ValueError, "half_width"),
    ({"width": float("nan")}, ValueError, "width"),
    ({"absorption": -1.0}, ValueError, "absorption"),
    ({"scattering": "1"}, TypeError, "scattering"),
    ({"floor": -1e-4}, ValueError, "floor"),
    ({"amplitudes": [1.0, "a"]}, TypeError, r"amplitudes\[1\]"),
    ({"amplitudes": 1.0}, TypeError, "amplitudes"),
    ({"span": (0.0, 0.0)}, ValueError, "span"),
])
def test_refusals_name_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        line_source(**{"cells": 4, "degree": 1, "points": 2} | arguments)
