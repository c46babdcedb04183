"""The rank policy against a direct search for the smallest rank."""

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr

spectra = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12).map(
    lambda values: np.sort(np.asarray(values))[::-1]
)


def smallest_rank(values, tolerance):
    """The least k whose tail is within the tolerance, but at least one."""
    tails = [np.sqrt(np.sum(values[k:] ** 2)) for k in range(len(values) + 1)]
    return max(next(k for k, tail in enumerate(tails) if tail <= tolerance), 1)


@given(spectra, st.floats(0.0, 1e6), st.floats(0.0, 2.0))
def test_smallest_rank_within_the_tolerance(values, atol, rtol):
    rule = tlr.Truncation(rtol=rtol, atol=atol)
    tolerance = max(atol, rtol * np.linalg.norm(values))
    assert rule.tolerance(float(np.linalg.norm(values))) == pytest.approx(tolerance, rel=1e-15)
    got = rule.rank(values, round_off=0.0)
    slack = 1e-12 * tolerance
    assert smallest_rank(values, tolerance + slack) <= got
    assert got <= smallest_rank(values, tolerance - slack)


@given(spectra, st.integers(1, 15), st.integers(1, 15))
def test_min_rank_and_max_rank(values, first, second):
    low, high = min(first, second), max(first, second)
    rank = tlr.Truncation(rtol=0.1, min_rank=low, max_rank=high).rank(values)
    free = tlr.Truncation(rtol=0.1).rank(values)
    assert rank == min(max(free, min(low, len(values))), high)


def test_zero_tolerance_drops_round_off_alone():
    assert tlr.Truncation().rank([1.0, 1e-14, 1e-17]) == 2
    assert tlr.Truncation().rank([1e-100, 1e-114, 1e-117]) == 2
    assert tlr.Truncation().rank(np.array([1.0, 1e-5, 1e-8], dtype=np.float32)) == 2


def test_zero_and_empty_spectra():
    assert tlr.Truncation().rank([0.0, 0.0]) == 1
    assert tlr.Truncation(rtol=0.5).rank([0.0]) == 1
    assert tlr.Truncation().rank([]) == 0


def test_given_tolerance_wins_over_that_of_the_rule():
    values = [1.0, 0.5, 0.25, 0.125]
    assert tlr.Truncation(atol=1e-9).rank(values, tolerance=0.3) == 2
    assert tlr.Truncation(atol=10.0).rank(values, tolerance=0.0) == 4


def test_any_backend(backend):
    values = np.sort(np.abs(gaussian((8,), seed=3)))[::-1].copy()
    rule = tlr.Truncation(rtol=0.2)
    assert rule.rank(backend.array(values)) == rule.rank(values.tolist())


def test_rules_are_values():
    assert tlr.Truncation(rtol=1e-3) == tlr.Truncation(rtol=1e-3)
    assert hash(tlr.Truncation(max_rank=4)) == hash(tlr.Truncation(max_rank=4))
    with pytest.raises(AttributeError):
        tlr.Truncation().rtol = 1.0
