"""Ensembles: the members' own runs, in order, wherever they ran."""

from __future__ import annotations

import functools
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import distributed
import numpy as np
import pytest

import tensorflowlr as tlr

METHOD = tlr.AugmentedBUG(tlr.Truncation(atol=1e-7), order=2, flow=tlr.Exponential(1e-9))
OPTIONS = {"step": 0.1, "method": METHOD}
FIELDS = [0.5, 1.0, 1.5, 2.0, 2.5]


def quench(field):
    return tlr.problems.nearest_neighbour_ising(4, field=field, span=(0.0, 0.5))


def seeded(seed):
    """Decay of a random start; every third blows up."""
    tree = tlr.Tree.matrix()
    Y = tlr.TreeTensor.random(tree, (4, 5), 2, rng=seed)
    rate = 1e308 if seed % 3 == 2 else -1.0
    H = tlr.TreeOperator.from_terms([(rate, {})], tree, (4, 5))
    return SimpleNamespace(field=tlr.LinearField(H), start=Y, span=(0.0, 0.3))


@functools.cache
def serial():
    return tlr.integrate_ensemble(quench, FIELDS, **OPTIONS)


def same(one, two):
    assert one.members == two.members
    for a, b in zip(one, two, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.final.cores, b.final.cores, strict=True))
    for name in ("norm", "energy", "magnetisation"):
        assert np.array_equal(one.observable(name), two.observable(name))
        assert np.array_equal(one.mean(name), two.mean(name))
        assert np.array_equal(one.variance(name), two.variance(name))


def test_members_are_runs_of_their_own():
    made = serial()
    assert made.success and len(made) == 5 and made.failed == ()
    for field, sol in zip(FIELDS, made, strict=True):
        problem = quench(field)
        alone = tlr.integrate(problem.field, problem.start, problem.span, observe=problem.observe,
                              **OPTIONS)
        pairs = zip(alone.final.cores, sol.final.cores, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    values = made.observable("magnetisation")
    assert values.shape == (5, 6) and made.times.shape == (6,)
    assert np.allclose(made.mean("magnetisation"), values.mean(axis=0), rtol=1e-14)
    assert np.allclose(made.variance("magnetisation"), values.var(axis=0), atol=1e-14)
    assert "5 runs, 5 completed" in str(made)


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 100])
@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_executors_give_the_same_bits(kind, chunk_size):
    if kind == "serial":
        same(tlr.integrate_ensemble(quench, FIELDS, chunk_size=chunk_size, **OPTIONS), serial())
        return
    pool = (ThreadPoolExecutor(2) if kind == "threads"
            else ProcessPoolExecutor(1, mp_context=get_context("spawn")))
    with pool:
        same(tlr.integrate_ensemble(quench, FIELDS, executor=pool, chunk_size=chunk_size,
                                    **OPTIONS), serial())


def test_dask_gives_the_same_bits():
    with (distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False,
                                   dashboard_address=None) as cluster,
          distributed.Client(cluster) as client):
        same(tlr.integrate_ensemble(quench, FIELDS, executor=client.get_executor(), **OPTIONS),
             serial())


@pytest.mark.parametrize("kind", ["serial", "processes"])
def test_a_member_that_fails_does_not_lose_the_others(kind):
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-9))
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn")) if kind != "serial" else None
    with (pytest.warns(tlr.EnsembleWarning, match="members 2, 5 did not reach their end: the step"),
          np.errstate(all="ignore")):
        made = tlr.integrate_ensemble(seeded, range(6), step=0.1, method=method, executor=pool)
    if pool is not None:
        pool.shutdown()
    assert made.failed == (2, 5) and not made.success
    assert made.solutions[2].status == "failed" and made.solutions[2].times.tolist() == [0.0]
    for seed in (0, 1, 3, 4):
        exact = seeded(seed).start.to_dense() * np.exp(-0.3)
        assert np.linalg.norm(made.solutions[seed].final.to_dense() - exact) < 1e-6
    with pytest.raises(ValueError, match="different times: 0 and 2"):
        assert made.times.shape


def test_ctrl_c_keeps_the_members_that_are_done():
    def make(field):
        if field == 1.5:
            raise KeyboardInterrupt
        return quench(field)

    with pytest.warns(tlr.EnsembleWarning, match="interrupted after 2 of 5 members"):
        made = tlr.integrate_ensemble(make, FIELDS, **OPTIONS)
    assert made.members == (0.5, 1.0) and made.success


def test_rank_caps_are_said_once():
    method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-10, max_rank=2))
    with pytest.warns(tlr.EnsembleWarning, match="max_rank cut members 0, 1") as caught:
        tlr.integrate_ensemble(quench, [1.0, 2.0], step=0.1, method=method)
    assert len(caught) == 1


def test_progress_counts_members(capsys):
    tlr.integrate_ensemble(quench, [1.0, 2.0], progress=True, **OPTIONS)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "options", "error", "message"), [
    ((3, [1]), {}, TypeError, "make must be a function"),
    ((quench, []), {}, ValueError, "members must not be empty"),
    ((quench, 3), {}, TypeError, "members must be a sequence, not 3"),
    ((quench, [1.0]), {"chunk_size": 0}, ValueError, "chunk_size must be at least 1, not 0"),
    ((quench, [1.0]), {"executor": 2}, TypeError, "executor must be None or"),
    ((quench, [1.0]), {"observe": 2}, TypeError, "observe must map names to functions"),
    ((quench, [1.0]), {"step": -1.0}, ValueError, "step must be"),
    ((quench, [1.0]), {"method": 1}, TypeError, "method must be"),
    ((len, ["ab"]), {}, TypeError, "make must return a Problem, not int"),
    ((quench, ["x"]), {}, TypeError, "field must be"),
])
def test_what_cannot_be_is_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        tlr.integrate_ensemble(*arguments, **OPTIONS | options)
