"""Ready-made problems against dense matrices and known magnetisations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlr as tlr
from tensorflowlr.problems import (
    CATALOGUE,
    discrete_schroedinger,
    long_range_ising,
    nearest_neighbour_ising,
)

X, Z, N = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0]), np.diag([1.0, 0.0])
TREES = [tlr.Tree.balanced(4), tlr.Tree.train(4, root=2), tlr.Tree.tucker(4)]

# (1/d) Σ <Z_i> at t = 0.25, 0.5, 0.75, 1 from dense exponentials
EXACT = {
    ("long_range_ising", 4):
        [0.894526710644, 0.743858485428, 0.751332674143, 0.879913487039],
    ("long_range_ising", 8):
        [0.911905514967, 0.883455270478, 0.968063712729, 0.944002849640],
    ("nearest_neighbour_ising", 4):
        [0.883596896310, 0.616838610170, 0.342771014564, 0.135077479856],
    ("nearest_neighbour_ising", 8):
        [0.885346266081, 0.637169184418, 0.405209426515, 0.239112675442],
}
ENERGY = {
    ("long_range_ising", 4): 12.666667, ("long_range_ising", 8): 35.485714,
    ("nearest_neighbour_ising", 4): -3.0, ("nearest_neighbour_ising", 8): -7.0,
}


def at(d: int, factors: dict[int, np.ndarray]) -> np.ndarray:
    """The Kronecker product with the identity where no factor is given."""
    made = np.eye(1)
    for i in range(d):
        made = np.kron(made, factors.get(i, np.eye(2)))
    return made


@pytest.mark.parametrize("tree", TREES, ids=["balanced", "train", "tucker"])
def test_long_range_hamiltonian_by_kronecker_products(tree):
    problem = long_range_ising(4, tree=tree, field=0.7, detuning=-0.3, interaction=1.9,
                               exponent=1.5)
    H = sum(0.7 * at(4, {i: X}) - 0.3 * at(4, {i: N}) for i in range(4))
    for i, j in itertools.combinations(range(4), 2):
        H = H + 1.9 / (j - i) ** 1.5 * at(4, {i: N, j: N})
    assert np.abs(problem.field.operators[0].to_dense() - H).max() < 1e-13


@pytest.mark.parametrize("tree", TREES, ids=["balanced", "train", "tucker"])
def test_nearest_neighbour_hamiltonian_by_kronecker_products(tree):
    problem = nearest_neighbour_ising(4, tree=tree, coupling=0.8, field=-1.3)
    H = 1.3 * sum(at(4, {i: X}) for i in range(4))
    H = H - 0.8 * sum(at(4, {i: Z, i + 1: Z}) for i in range(3))
    assert np.abs(problem.field.operators[0].to_dense() - H).max() < 1e-13


@pytest.mark.parametrize("build", [long_range_ising, nearest_neighbour_ising])
def test_field_is_minus_i_times_the_hamiltonian_and_all_spins_are_up(build):
    problem = build(4)
    H, up = problem.field.operators[0].to_dense(), np.eye(1, 16)[0]
    assert np.array_equal(problem.start.to_dense().reshape(-1), up)
    slope = problem.field.evaluate(0.0, problem.start).to_dense().reshape(-1)
    assert np.abs(slope + 1j * H @ up).max() < 1e-13


@pytest.mark.parametrize(("name", "d"), EXACT)
def test_magnetisation_is_exact(name, d):
    problem = CATALOGUE[name](d)
    # the bonds of the longer chains are still growing: smaller steps
    count = {4: 32, 8: 64 if name == "long_range_ising" else 256}[d]
    sol = tlr.integrate(
        problem.field, problem.start, problem.span, step=1.0 / count, observe=problem.observe,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), order=2, flow=tlr.Exponential()),
    )
    found = sol.observables["magnetisation"][count // 4 :: count // 4]
    assert np.abs(found - EXACT[name, d]).max() < 1e-8
    assert np.abs(sol.observables["norm"] - 1.0).max() < 1e-8
    assert np.abs(sol.observables["energy"] - ENERGY[name, d]).max() < 1e-6


def schroedinger_matrices(n: int) -> tuple[np.ndarray, np.ndarray]:
    D = np.eye(n) - 0.5 * np.eye(n, k=1) - 0.5 * np.eye(n, k=-1)
    return D, np.diag(1.0 - np.cos(2.0 * np.pi / n * np.arange(-n / 2, n / 2)))


@pytest.mark.parametrize("n", [6, 7])
def test_schroedinger_is_the_matrix_equation(n):
    problem = discrete_schroedinger(n, rank=3, rng=2)
    D, V = schroedinger_matrices(n)
    Y = problem.start.to_dense()
    expected = -1j * (D @ Y + Y @ D.T + V @ Y @ V.T)
    assert np.abs(problem.field.evaluate(0.0, problem.start).to_dense() - expected).max() < 1e-13
    H = np.kron(D, np.eye(n)) + np.kron(np.eye(n), D) + np.kron(V, V)
    assert np.abs(problem.field.operators[0].to_dense() - H).max() < 1e-13
    y = Y.reshape(-1)
    energy = np.vdot(y, H @ y).real
    assert problem.observe["energy"](0.0, problem.start) == pytest.approx(energy, rel=1e-12)


def test_schroedinger_start_has_the_wanted_singular_values():
    problem = discrete_schroedinger(20, rank=4)
    wanted = 10.0 ** -np.arange(1, 21)
    wanted = (wanted / np.linalg.norm(wanted))[:4]
    found = np.linalg.svd(problem.start.to_dense(), compute_uv=False)
    assert np.abs(found[:4] - wanted).max() < 1e-15
    assert found[4] < 1e-15
    assert problem.start.ranks == {0: 4, 1: 4}
    again = discrete_schroedinger(20, rank=4, rng=0).start.to_dense()
    other = discrete_schroedinger(20, rank=4, rng=1).start.to_dense()
    assert np.array_equal(problem.start.to_dense(), again)
    assert not np.array_equal(problem.start.to_dense(), other)


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_knows_its_problems_and_spans_pass_through(name):
    first = {"discrete_schroedinger": 8}.get(name, 3)
    problem = CATALOGUE[name](first, span=(1.0, -2.0))
    assert (problem.name, problem.span) == (name, (1.0, -2.0))
    values = {key: f(0.0, problem.start) for key, f in problem.observe.items()}
    kept = {"norm", "energy", "mass"} & values.keys()
    assert "norm" in kept
    assert len(kept) == 2
    assert all(isinstance(values[key], float) for key in kept)


def test_two_spins_are_enough():
    for build in (long_range_ising, nearest_neighbour_ising):
        assert build(2).start.shape == (2, 2)


@pytest.mark.parametrize(("build", "arguments", "error", "message"), [
    (long_range_ising, {"modes": 0}, ValueError, "modes"),
    (long_range_ising, {"modes": 2.0}, TypeError, "modes"),
    (long_range_ising, {"modes": 4, "field": "1"}, TypeError, "field"),
    (long_range_ising, {"modes": 4, "exponent": float("nan")}, ValueError, "exponent"),
    (long_range_ising, {"modes": 4, "interaction": True}, TypeError, "interaction"),
    (nearest_neighbour_ising, {"modes": 4, "coupling": 1j}, TypeError, "coupling"),
    (nearest_neighbour_ising, {"modes": 4, "field": float("inf")}, ValueError, "field"),
    (nearest_neighbour_ising, {"modes": 4, "tree": tlr.Tree.balanced(3)}, ValueError, "modes"),
    (discrete_schroedinger, {"points": 1}, ValueError, "points"),
    (discrete_schroedinger, {"points": True}, TypeError, "points"),
    (discrete_schroedinger, {"points": 8, "rank": 9}, ValueError, "rank"),
    (discrete_schroedinger, {"points": 8, "rank": 1.5}, TypeError, "rank"),
])
def test_refusals_name_the_argument(build, arguments, error, message):
    with pytest.raises(error, match=message):
        build(**arguments)
