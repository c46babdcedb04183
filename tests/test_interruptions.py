"""Runs that end early or complain: Ctrl-C, NaN, rank caps, the progress bar."""

import math

import numpy as np
import pytest
from helpers import ising, linear, ups
from test_integrate import METHODS, SHAPE, TREE, run, start

import tensorflowlr as tlr


class Interrupt:
    """An observer that presses Ctrl-C at its n-th call."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self, t, Y):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return t


@pytest.mark.parametrize("at", [2, 3, 4])
def test_ctrl_c_returns_what_is_there(at):
    sol = run(observe={"a": lambda t, Y: t, "b": Interrupt(at)}, save_at=[0.25, 1.0])
    assert sol.status == "interrupted" and not sol.success
    expected = [0.0, 0.25, 0.5, 0.75][: at - 1]
    assert np.array_equal(sol.times, expected)
    assert np.array_equal(sol.observables["a"], expected)
    assert np.array_equal(sol.observables["b"], expected)
    assert all(len(r) == len(expected) for r in sol.ranks.values())
    assert sol.stats["steps"] == len(expected) - 1
    assert sol.t.tolist() == [t for t in expected if t == 0.25]
    assert f"t = {expected[-1]:g}" in sol.message and "interrupted" in str(sol)
    again = run(Y0=sol.final, span=(sol.times[-1], 1.0))
    assert np.linalg.norm(again.final.to_dense() - run().final.to_dense()) < 1e-12


def test_ctrl_c_inside_a_step():
    def field(t, Y):
        if t > 0.6:
            raise KeyboardInterrupt
        return -1.0 * Y

    sol = run(tlr.FactoredField(field))
    assert sol.status == "interrupted" and sol.times[-1] == 0.5
    assert sol.stats["steps"] == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("kind", ["dense", "factored", "source"])
def test_a_field_that_breaks_ends_the_run_with_the_last_good_state(bad, method, kind):
    def spoiled(t, x):
        return x * (bad if t > 0.55 else -1.0)

    def factored(t, Y):
        cores = (*Y.cores[:-1], spoiled(t, Y.cores[-1]))
        return tlr.TreeTensor.trusted(Y.tree, cores, orthonormal=Y.orthonormal)

    zero = tlr.TreeOperator.from_terms([(0.0, {})], TREE, SHAPE)
    Z = start(1, 5)
    F = {"dense": tlr.DenseField(spoiled), "factored": tlr.FactoredField(factored),
         "source": tlr.LinearField(zero, source=lambda t: factored(t, Z))}[kind]
    with np.errstate(invalid="ignore"), pytest.raises(tlr.IntegrationError) as caught:
        run(F, method=method, observe={"norm": lambda t, Y: Y.norm()}, save_at=[0.25, 1.0])
    error = caught.value
    assert error.time == 0.5
    assert "t = 0.5" in str(error) and "0.75" in str(error)
    assert np.isfinite(error.state.to_dense()).all()
    sol = error.solution
    assert sol.status == "failed" and not sol.success and sol.final is error.state
    assert np.array_equal(sol.times, [0.0, 0.25, 0.5]) and np.array_equal(sol.t, [0.25])
    assert np.isfinite(sol.observables["norm"]).all() and len(sol.observables["norm"]) == 3
    assert sol.stats["steps"] == 2 and "failed" in str(sol)


def test_growth_beyond_all_numbers_ends_the_run():
    F = tlr.FactoredField(lambda t, Y: 1e30 * Y)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(tlr.IntegrationError) as hit:
        run(F, step=0.1, span=(0.0, 10.0))
    assert math.isfinite(hit.value.state.norm())


def test_a_rank_cap_warns_once_per_run():
    F, Y0 = linear(ising(4), tlr.Tree.balanced(4)), ups(tlr.Tree.balanced(4))
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-10, max_rank=2))
    with pytest.warns(tlr.RankCapWarning, match=r"max_rank = 2 cut \d+ of 10 steps") as caught:
        sol = tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=method)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert sol.success and sol.stats["rank_capped"] > 1
    assert f"max_rank cut {sol.stats['rank_capped']} steps" in str(sol)


def test_the_progress_bar_writes_to_stderr(capsys):
    run(progress=True)
    captured = capsys.readouterr()
    assert captured.out == "" and "100%" in captured.err and "rank=" in captured.err
    run()
    assert capsys.readouterr().err == ""
    run(progress=True, observe={"x": Interrupt(3)})
    assert "50%" not in capsys.readouterr().out
