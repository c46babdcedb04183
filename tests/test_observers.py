"""Observers: what they return in a run, how they are checked, that files hold them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse
from conftest import decaying_tensor, gaussian

import tensorflowlr as tlr
from tensorflowlr import measures, observers
from tensorflowlr.io import read_object, write_object

TREE = tlr.Tree(((0, 1), (2, 3)))
SHAPE = (3, 4, 2, 2)
Z = np.array([1.0, -1.0])
CHANCE = {2: [0.25, 0.75], 3: np.array([0.5, 0.5])}
H = tlr.TreeOperator.from_terms([(0.5, {1: gaussian((4, 4))}), (1.0, {2: Z, 3: Z})], TREE, SHAPE)
MIXED = {0: gaussian((3, 3), complex), 1: scipy.sparse.eye_array(4, format="csr") * 2.0, 3: Z}

# every observer, and the function that says what it returns
CASES: dict[str, tuple[Any, Any]] = {
    "norm": (observers.Norm(), lambda Y: Y.norm()),
    "expectation": (observers.Expectation(H), H.expectation),
    "entries": (observers.Entries([[0, 1, 1, 0], [-1, 2, 0, 1]]),
                lambda Y: Y.to_dense()[[0, 2], [1, 2], [1, 0], [0, 1]]),
    "entry": (observers.Entries((2, 3, 1, 1)), lambda Y: Y.to_dense()[2, 3, 1, 1][None]),
    "contraction": (observers.Contraction({1: 2, 2: [1.0, 2.0]}),
                    lambda Y: np.einsum(
                        "icd,c->id", Y.to_dense()[:, 2], [1.0, 2.0])),
    "number": (observers.Contraction({0: 0, 1: 1, 2: 1, 3: 0}),
               lambda Y: Y.to_dense()[0, 1, 1, 0]),
    "mean": (observers.Mean(CHANCE), lambda Y: measures.mean(Y, CHANCE).to_dense()),
    "selected mean": (observers.Mean(CHANCE, {1: 0}),
                      lambda Y: measures.mean(Y, CHANCE, select={1: 0})),
    "variance": (observers.Variance(CHANCE), lambda Y: measures.variance(Y, CHANCE)),
    "selected variance": (observers.Variance(CHANCE, select={0: 1, 1: gaussian((4,))}),
                          lambda Y: measures.variance(
                              Y, CHANCE, select={0: 1, 1: gaussian((4,))})),
    "marginal": (observers.Marginal((2, 0)), lambda Y: measures.marginal(Y, (2, 0))),
    "marginal of one": (observers.Marginal(1), lambda Y: measures.marginal(Y, 1)),
    "density": (observers.ReducedDensity((3, 2)), lambda Y: measures.reduced_density(Y, (3, 2))),
    "local": (observers.LocalExpectations(MIXED), lambda Y: measures.local_expectations(Y, MIXED)),
    "correlations": (observers.Correlations(MIXED, {2: Z}, connected=True),
                     lambda Y: measures.correlations(Y, MIXED, {2: Z}, connected=True)),
    "entropies": (observers.Entropies(), lambda Y: [*measures.entropies(Y).values()]),
    "smallest entropies": (observers.Entropies(order=float("inf")),
                           lambda Y: [*measures.entropies(Y, order=float("inf")).values()]),
    "singular values": (observers.SingularValues(4, 7), lambda Y: np.pad(
        np.linalg.svd(Y.to_dense().reshape(12, 4), compute_uv=False), (0, 3))),
    "first singular value": (observers.SingularValues(1, 1), lambda Y: np.linalg.svd(
        np.moveaxis(Y.to_dense(), 1, 0).reshape(4, -1), compute_uv=False)[:1]),
}


def state(backend: Any = None, dtype: Any = complex) -> tlr.TreeTensor:
    Y = decaying_tensor(TREE, SHAPE, 4, 0.7, 1.3, dtype, seed=3)
    return Y if backend is None else backend.tensor(Y)


@pytest.mark.parametrize("name", CASES)
def test_values_are_on_the_host_whatever_the_library(name, backend):
    observer, expected = CASES[name]
    found = observer(0.5, state(backend))
    assert isinstance(found, (float, complex, np.ndarray))
    assert np.shape(found) == np.shape(expected(state()))
    assert np.abs(found - expected(state())).max() < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_files_hold_observers(name, tmp_path):
    observer, _ = CASES[name]
    with h5py.File(tmp_path / "observer.h5", "w") as file:
        write_object(file, "observer", observer)
        again = read_object(file, "observer")
    assert type(again) is type(observer)
    first, second = observer(0.0, state()), again(0.0, state())
    assert np.array_equal(first, second)
    assert type(first) is type(second)


def test_every_public_observer_is_tested():
    names = {name for name in vars(observers) if name[0].isupper()} - {"Observer"}
    assert names == {type(observer).__name__ for observer, _ in CASES.values()}


def test_a_run_looks_through_observers():
    problem = tlr.problems.nearest_neighbour_ising(6)
    look = {
        **problem.observe,
        "spins": observers.LocalExpectations(Z),
        "correlations": observers.Correlations(Z, connected=True),
        "entropy": observers.Entropies(),
        "spectrum": observers.SingularValues(0, 3),
    }
    sol = tlr.integrate(problem.field, problem.start, (0.0, 0.5), step=0.1, observe=look,
                        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-8), order=2))
    seen = sol.observables
    assert seen["correlations"].shape == (6, 6, 6)
    assert np.abs(seen["spins"].mean(axis=1) - seen["magnetisation"]).max() < 1e-12
    # for spins Z_i² is the identity
    square = seen["norm"][:, None] ** 2
    variances = square - seen["spins"] ** 2 / square
    assert np.abs(np.einsum("tii->ti", seen["correlations"]) - variances).max() < 1e-12
    assert np.abs((seen["spectrum"] ** 2).sum(axis=1) - seen["norm"] ** 2).max() < 1e-12
    assert seen["entropy"][0].max() == 0.0
    assert seen["entropy"][-1].min() > 0.05


def test_settings_are_copied_and_frozen():
    weights = {0: [0.5, 0.5]}
    mean = observers.Mean(weights)
    weights[1] = [1.0]
    assert list(mean.weights) == [0]
    with pytest.raises(AttributeError):
        mean.weights = {}
    assert observers.Norm() == observers.Norm()
    assert observers.Marginal(1) == observers.Marginal((1,)) != observers.Marginal(2)
    assert observers.Mean({"3": [1.0]}).weights.keys() == {3}


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: observers.Expectation(Z), TypeError, "operator must be a TreeOperator, not ndarray"),
    (lambda: observers.Entries([[0.5]]), TypeError, "indices must be integers, not float64"),
    (lambda: observers.Entries(3), ValueError, r"shape \(N, d\) or \(d,\), not \(\)"),
    (lambda: observers.Contraction({}), ValueError, "vectors must name at least one mode"),
    (lambda: observers.Contraction([0]), TypeError, "vectors must map modes"),
    (lambda: observers.Contraction({0: np.eye(2)}), ValueError, r"vectors\[0\] must have one axis"),
    (lambda: observers.Contraction({0: True}), (TypeError, ValueError), r"vectors\[0\]"),
    (lambda: observers.Contraction({-1: 0}), ValueError, "must be at least 0, not -1"),
    (lambda: observers.Contraction({"x": 0}), TypeError, "must be an integer, not 'x'"),
    (lambda: observers.Mean({}), ValueError, "weights must name at least one mode"),
    (lambda: observers.Mean({1: 0}), TypeError, r"weights\[1\] must be an array of prob"),
    (lambda: observers.Mean({1: [0.5, 0.4]}), ValueError, r"weights\[1\].*sum is 0\.9"),
    (lambda: observers.Variance({1: [1.0, np.nan]}), ValueError, r"weights\[1\] must be finite"),
    (lambda: observers.Variance({1: [1.0]}, {2: "a"}), TypeError, r"select\[2\]"),
    (lambda: observers.Marginal(()), ValueError, "modes must have at least one entry"),
    (lambda: observers.Marginal((1, 1)), ValueError, "modes must differ"),
    (lambda: observers.ReducedDensity(1.0), TypeError, "modes must be"),
    (lambda: observers.ReducedDensity([True]), TypeError, "modes must be an integer"),
    (lambda: observers.LocalExpectations(np.ones((2, 3))), ValueError, r"not \(2, 3\)"),
    (lambda: observers.LocalExpectations({}), ValueError, "matrices must name at least one"),
    (lambda: observers.Correlations(Z, {0: "z"}), TypeError, r"second\[0\]"),
    (lambda: observers.Correlations(Z, connected=1), TypeError, "connected must be True or False"),
    (lambda: observers.Entropies(-0.5), ValueError, "order must be a number that is not"),
    (lambda: observers.Entropies("1"), TypeError, "order must be a number"),
    (lambda: observers.SingularValues(-1, 2), ValueError, "edge must be at least 0, not -1"),
    (lambda: observers.SingularValues(0, 0), ValueError, "count must be at least 1, not 0"),
    (lambda: observers.SingularValues(0, 2.0), TypeError, "count must be a positive integer"),
    (lambda: observers.SingularValues(9, 2)(0.0, state()), ValueError, "edge must be in 0 … 5"),
    (lambda: observers.Marginal(9)(0.0, state()), ValueError, "modes must be in 0 … 3, not 9"),
    (lambda: observers.Mean({0: [0.5, 0.5]})(0.0, state()), ValueError, r"shape \(3,\)"),
    (lambda: observers.Correlations(Z)(0.0, state()), ValueError, r"first \(for mode 0\)"),
])
def test_refusals_name_the_setting(call, error, message):
    with pytest.raises(error, match=message):
        call()
