"""Solutions as datasets of xarray."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest
import xarray

import tensorflowlr as tlr
from tensorflowlr import observers


@pytest.fixture(scope="module")
def solution() -> tlr.Solution:
    problem = tlr.problems.nearest_neighbour_ising(4)
    look = problem.observe | {
        "spins": observers.LocalExpectations([1.0, -1.0]),
        "density": observers.ReducedDensity((0, 3)),
    }
    return tlr.integrate(
        problem.field, problem.start, (0.0, 0.5), step=0.1, observe=look,
        method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)),
    )


def test_a_dataset_has_all_that_was_recorded(solution):
    found = solution.to_xarray()
    assert isinstance(found, xarray.Dataset)
    assert set(found.data_vars) == {*solution.observables, "ranks"}
    for name, values in solution.observables.items():
        assert np.array_equal(found[name].values, values)
    assert found["spins"].dims == ("time", "spins_0")
    assert found["density"].dims == ("time", "density_0", "density_1")
    assert np.array_equal(found["time"].values, solution.times)
    assert found["ranks"].dims == ("time", "edge")
    for edge, ranks in solution.ranks.items():
        assert np.array_equal(found["ranks"].sel(edge=edge).values, ranks)
    assert found.attrs["status"] == "completed"
    assert found.attrs["message"] == solution.message
    assert json.loads(found.attrs["stats"]) == solution.stats
    nearest = found["energy"].sel(time=0.31, method="nearest")
    assert float(nearest) == solution.observables["energy"][3]


def test_names_that_are_taken(solution):
    count = len(solution.times)
    names = ("time", "edge", "ranks", "observed_time", "a", "a_0")
    seen = {name: np.full((count, 2) if name == "a" else count, float(i))
            for i, name in enumerate(names)}
    found = dataclasses.replace(solution, observables=seen).to_xarray()
    expected = {"observed_time_": 0.0, "observed_edge": 1.0, "observed_ranks": 2.0,
                "observed_time": 3.0, "a": 4.0, "a_0": 5.0}
    for name, value in expected.items():
        assert (found[name].values == value).all()
    assert found["ranks"].dims == ("time", "edge")


def test_missing_xarray_names_the_extra(solution, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"tensorflowlr\[xarray\]"):
        solution.to_xarray()
