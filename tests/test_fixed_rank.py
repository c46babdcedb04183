"""The fixed-rank integrator against dense references and the published experiment."""

import numpy as np
import pytest
from conftest import decaying_tensor, gaussian, orthonormality, sizes
from helpers import errors, halvings, rk4, slope
from scipy.linalg import expm

import tensorflowlr as tlr
from tensorflowlr.config import ConfigError, build, load_config

METHOD = tlr.FixedRankBUG(tlr.Truncation())


def test_published_errors_of_the_discrete_schroedinger_equation():
    # arXiv 2104.05247, section 5, started at rank 4; a dense Runge-Kutta solution is the truth
    problem = tlr.problems.discrete_schroedinger(100)
    kinetic = np.eye(100) - 0.5 * (np.eye(100, k=1) + np.eye(100, k=-1))
    wall = 1.0 - np.cos(2.0 * np.pi * (np.arange(100) / 100 - 0.5))
    y = problem.start.to_dense()
    for k in range(200):
        y = rk4(lambda t, x: -1j * (kinetic @ x + x @ kinetic + wall[:, None] * x * wall),
                k / 200, 1 / 200, y)
    found = errors(METHOD, problem.field, problem.start, 1.0, [0.1, 0.05, 0.02, 0.01, 0.005], y)
    assert np.allclose(found, [7.5e-2, 6.9e-2, 6.4e-2, 6.3e-2, 6.2e-2], rtol=0.01)


def moving(tree, shape, generators, Y0, t):
    """The exact solution under terms of one mode each, which keep all ranks."""
    y = Y0.to_dense()
    for i, A in enumerate(generators):
        y = np.moveaxis(np.tensordot(expm(t * A), y, (1, i)), 0, i)
    return y


def test_first_order_on_every_tree(tree, dtype):
    shape = sizes(tree)
    generators = [gaussian((n, n), dtype, i) / n for i, n in enumerate(shape)]
    H = tlr.TreeOperator.from_terms(
        [(1.0, {i: A}) for i, A in enumerate(generators)], tree, shape)
    Y0 = tlr.TreeTensor.random(tree, shape, 2, rng=3, dtype=dtype)
    Y0 = Y0 * (1.0 / Y0.norm())
    steps = halvings(0.1)
    found = errors(METHOD, H, Y0, 0.4, steps, moving(tree, shape, generators, Y0, 0.4))
    assert found[-1] < 0.02
    # a single mode has next to nothing left for the Galerkin step, and no clean slope
    assert tree.modes == 1 or 0.85 < slope(steps, found) < 1.3


@pytest.mark.parametrize("h", [0.1, 0.25])
def test_exact_where_the_field_is_the_derivative_of_a_state_of_these_ranks(tree, dtype, h):
    shape = sizes(tree)
    Y0 = tlr.TreeTensor.random(tree, shape, 2, rng=1, dtype=dtype)
    generators = [gaussian((n, n), dtype, i) for i, n in enumerate(shape)]
    generators = [(W - W.conj().T) / np.linalg.norm(W - W.conj().T) for W in generators]

    def state(t):
        leaves = [expm(t * W) @ core for W, core in zip(generators, Y0.cores, strict=False)]
        return tlr.TreeTensor(tree, [*leaves, *Y0.cores[tree.modes:]])

    Y, times = Y0, np.arange(0.0, 1.0 + h / 2, h)
    for a, b in zip(times, times[1:], strict=False):
        slopes = (1.0 / h) * (state(b) - state(a))
        field = tlr.FactoredField(lambda t, Y, slopes=slopes: slopes)
        Y = tlr.integrate(field, Y, (0.0, h), step=h, method=METHOD).final
    error = np.linalg.norm(Y.to_dense() - state(times[-1]).to_dense())
    assert error < 1e-12 * Y0.norm()


def test_ranks_stay_and_small_singular_values_do_not_matter(tree, dtype):
    shape = sizes(tree)
    generators = [gaussian((n, n), dtype, i) / n for i, n in enumerate(shape)]
    H = tlr.TreeOperator.from_terms(
        [(1.0, {i: A}) for i, A in enumerate(generators)], tree, shape)
    largest = []
    for decay in (0.3, 1e-3, 1e-7):
        Y0 = decaying_tensor(tree, shape, 3, decay, dtype=dtype)
        sol = tlr.integrate(H, Y0, (0.0, 0.4), step=0.05, method=METHOD)
        assert all(len(set(r.tolist())) == 1 for r in sol.ranks.values())
        found = sol.final.to_dense() - moving(tree, shape, generators, Y0, 0.4)
        largest.append(np.linalg.norm(found))
    assert max(largest) < 0.1


def test_the_same_on_every_array_library(backend, tree, dtype):
    shape = sizes(tree)
    terms = [(1.0, {i: gaussian((n, n), dtype, i) / n}) for i, n in enumerate(shape)]
    Y0 = tlr.TreeTensor.random(tree, shape, 2, rng=3, dtype=dtype)
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    here = tlr.integrate(H, Y0, (0.0, 0.2), step=0.1, method=METHOD).final
    there = tlr.integrate(H, backend.tensor(Y0), (0.0, 0.2), step=0.1, method=METHOD).final
    assert np.allclose(backend.dense(there), here.to_dense(), atol=1e-13)
    assert orthonormality(there, backend) < 1e-13


def test_the_start_is_cut_to_max_rank_once():
    tree, shape = tlr.Tree.balanced(4), (4, 4, 4, 4)
    Y0 = decaying_tensor(tree, shape, 4, 0.1)
    field = tlr.FactoredField(lambda t, Y: 0.0 * Y)
    with pytest.warns(tlr.RankCapWarning):
        sol = tlr.integrate(field, Y0, (0.0, 1.0), step=0.25,
                            method=tlr.FixedRankBUG(tlr.Truncation(max_rank=2)))
    assert sol.max_ranks.tolist() == [4, 2, 2, 2, 2] and sol.stats["rank_capped"] == 1
    wanted = Y0.round(tlr.Truncation(max_rank=2))
    assert np.linalg.norm((sol.final - wanted).to_dense()) < 1e-14
    dropped = np.linalg.norm((Y0 - wanted).to_dense())
    assert sol.stats["discarded"] == pytest.approx(dropped, rel=0.5)


def test_settings_files_and_citation(tmp_path):
    for arguments, error in (
        ({"rule": 3}, TypeError), ({"rule": tlr.Truncation(), "flow": 3}, TypeError),
        ({"rule": tlr.Truncation(), "order": 2}, TypeError),
    ):
        with pytest.raises(error, match="rule|flow|order"):
            tlr.FixedRankBUG(**arguments)
    assert "2010.02022" in tlr.cite(METHOD)
    file = tmp_path / "run.toml"
    text = (
        'problem = {{ name = "nearest_neighbour_ising", modes = 4 }}\n'
        'method = {{ name = "fixed_rank"{} }}\nrun = {{ step = 0.1 }}\n'
        "truncation = {{ max_rank = 3 }}\n"
    )
    file.write_text(text.format(""))
    assert build(load_config(file))[1] == tlr.FixedRankBUG(tlr.Truncation(max_rank=3))
    for key in ("order = 1", 'enrich = "range"', "reject = 10.0"):
        file.write_text(text.format(", " + key))
        with pytest.raises(ConfigError, match="method." + key.split()[0]):
            load_config(file)


def test_a_checkpoint_holds_it(tmp_path):
    problem = tlr.problems.discrete_schroedinger(20)
    arguments = {"step": 0.1, "method": METHOD, "observe": problem.observe}
    whole = tlr.integrate(problem.field, problem.start, (0.0, 1.0), save_at=[0.5, 1.0],
                          **arguments)
    tlr.integrate(problem.field, problem.start, (0.0, 0.5), checkpoint=tmp_path / "run.h5",
                  **arguments)
    again = tlr.resume(tmp_path / "run.h5", t1=1.0)
    for a, b in zip(whole.final.cores, again.final.cores, strict=True):
        assert np.array_equal(a, b)
