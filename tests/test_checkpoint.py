"""Checkpoints: what was stopped goes on bit for bit, and nothing is lost."""

from __future__ import annotations

import errno
import itertools
import warnings

import numpy as np
import pytest
from conftest import BACKENDS
from helpers import long_range_ising, random_product

import tensorflowlr as tlr
from tensorflowlr import arrays
from tensorflowlr.integrators import checkpoint as checkpoints

RULE = tlr.Truncation(atol=1e-7, max_rank=12)
METHODS = [
    tlr.ParallelBUG(RULE), tlr.ParallelBUG(RULE, order=2, flow=tlr.Krylov(1e-10)),
    tlr.ParallelBUG(RULE, reject=10.0), tlr.AugmentedBUG(RULE),
    tlr.AugmentedBUG(RULE, order=2, flow=tlr.Exponential(1e-10)),
]
TREE = tlr.Tree(((0, 1), 2, (3, 4)))
SHAPE = (2,) * 5
H = tlr.TreeOperator.from_terms(long_range_ising(5), TREE, SHAPE)
FIELD = tlr.LinearField(H, coefficient=-1j)
START = random_product(TREE, SHAPE)
METHOD = METHODS[3]


class Stop:
    """An observer that ends the run at its n-th call, by Ctrl-C or an error."""

    def __init__(self, at, how=KeyboardInterrupt):
        self.at, self.calls, self.how = at, 0, how

    def __call__(self, t, Y):
        self.calls += 1
        if self.calls == self.at:
            raise self.how
        return energy(t, Y)


def energy(t, Y):
    return H.expectation(Y)


def run(F=FIELD, Y0=START, span=(0.0, 1.0), method=METHOD, **options):
    options = {"save_at": [0.0, 0.33, 1.0], "observe": {"energy": energy}} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.integrate(F, Y0, span, step=0.1, method=method, **options)


def go_on(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.resume(path, **options)


def same_state(one, two):
    assert one.tree == two.tree and type(one) is type(two)
    for a, b in zip(one.cores, two.cores, strict=True):
        assert a.dtype == b.dtype and np.array_equal(arrays.to_numpy(a), arrays.to_numpy(b))


def same(one, two):
    """Equal bit for bit, but for seconds and the number of checkpoints."""
    for name in ("times", "t"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    for name in ("observables", "ranks"):
        a, b = getattr(one, name), getattr(two, name)
        assert list(a) == list(b) and all(np.array_equal(a[key], b[key]) for key in a)
    same_state(one.final, two.final)
    for a, b in zip(one.y, two.y, strict=True):
        same_state(a, b)
    for name in ("steps", "rejected", "evaluations", "discarded", "discarded_max", "rank_capped"):
        assert one.stats[name] == two.stats[name]
    assert (one.status, one.message) == (two.status, two.message)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("at", [2, 5, 11])
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, method, at):
    path = tmp_path / "run.h5"
    part = run(method=method, checkpoint=path, observe={"energy": Stop(at)})
    assert part.status == "interrupted"
    same(go_on(path, observe={"energy": energy}), run(method=method))


@pytest.mark.parametrize("kind", ["matrix", "tucker", "train", "backwards", "source", "moving"])
def test_every_shape_and_field(tmp_path, kind):
    path, rng = tmp_path / "run.h5", np.random.default_rng(0)
    span, given = (0.0, 1.0), {}
    tree = {"tucker": tlr.Tree.tucker(3), "train": tlr.Tree.train(3)}.get(kind, tlr.Tree.matrix())
    shape = (6, 5, 4)[: tree.modes]
    terms = [(0.3, {i: rng.standard_normal((n, n))}) for i, n in enumerate(shape)]
    terms += [(1.0, {0: rng.random(6), 1: rng.random(5)})]
    operator = tlr.TreeOperator.from_terms(terms, tree, shape)
    Y0 = tlr.TreeTensor.random(tree, shape, 2, rng=1)
    F = tlr.LinearField(operator)
    if kind == "matrix":
        Y0 = tlr.LowRankMatrix(*(np.eye(n, 2) for n in (6, 2, 5)))
    elif kind == "backwards":
        span = (1.0, 0.0)
    elif kind == "source":
        F = tlr.LinearField(operator, source=tlr.TreeTensor.random(tree, shape, 1, rng=2))
    elif kind == "moving":
        F = given["F"] = tlr.LinearField(operator, coefficient=lambda t: np.cos(t).item())
    whole = run(F, Y0, span, observe={})
    calls = itertools.count()
    part = run(F, Y0, span, checkpoint=path,
               observe={"call": lambda t, Y: 0.0 if next(calls) != 5 else stop()})
    assert part.status == "interrupted"
    again = go_on(path, observe={"call": lambda t, Y: 0.0}, **given)
    same_state(again.final, whole.final)
    assert np.array_equal(again.times, whole.times)


def stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize("backend", BACKENDS[1:], ids=repr)
def test_other_libraries_need_an_array_of_theirs(tmp_path, backend):
    path, Y0 = tmp_path / "run.h5", backend.tensor(START)
    whole = run(Y0=Y0)
    run(Y0=Y0, checkpoint=path, observe={"energy": Stop(4)})
    with pytest.raises(ValueError, match="like must be given, an array of "):
        tlr.resume(path, observe={"energy": energy})
    again = go_on(path, observe={"energy": energy}, like=Y0.cores[0])
    assert type(again.final.cores[0]) is type(Y0.cores[0])
    gap = arrays.to_numpy(again.final.to_dense()) - arrays.to_numpy(whole.final.to_dense())
    assert np.linalg.norm(gap) < 1e-12


def test_the_file_says_how_far_it_is(tmp_path):
    path, seen = tmp_path / "run.h5", []

    def look(t, Y):
        if path.exists():
            kept = tlr.Solution.load(path)
            seen.append((kept.status, round(float(kept.times[-1]), 9)))
        return t

    sol = run(checkpoint=tlr.Checkpoint(path, steps=3), observe={"look": look}, save_at=None)
    assert seen == [("running", round(0.3 * (n // 3), 9)) for n in range(10)]
    assert sol.stats["checkpoints"] == 5
    same(tlr.Solution.load(path), sol)
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_seconds_between_checkpoints(tmp_path, monkeypatch):
    clock = iter(np.arange(0.0, 1e3, 10.0))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: float(next(clock)))
    sol = run(checkpoint=tlr.Checkpoint(tmp_path / "run.h5", seconds=25.0))
    # one look per step, 10 s apart, and the clock starts again after each writing
    assert 4 <= sol.stats["checkpoints"] <= 7


def test_a_finished_run_is_returned_or_goes_on_further(tmp_path):
    path = tmp_path / "run.h5"
    half = run(span=(0.0, 0.5), save_at=None, checkpoint=path)
    same(tlr.resume(path, observe={"energy": energy}), half)
    more = go_on(path, observe={"energy": energy}, t1=1.0)
    same_state(more.final, run(save_at=[0.5, 1.0]).final)
    assert more.t.tolist() == [0.5, 1.0] and more.message == "reached t = 1"
    assert tlr.Solution.load(path).times[-1] == 1.0
    for t1, message in [(0.7, "beyond the end of the run, 1, not 0.7"), (np.nan, "not nan")]:
        with pytest.raises(ValueError, match=message):
            tlr.resume(path, observe={"energy": energy}, t1=t1)
    with pytest.raises(TypeError, match="t1 must be a finite time, not '2'"):
        tlr.resume(path, observe={"energy": energy}, t1="2")


def test_what_the_file_could_not_hold_is_asked_for(tmp_path):
    path = tmp_path / "run.h5"
    decay = tlr.FactoredField(lambda t, Y: -1.0 * Y)
    run(decay, checkpoint=path, observe={"energy": Stop(4)})
    with pytest.raises(ValueError, match="F must be given"):
        tlr.resume(path)
    with pytest.raises(ValueError, match=r"observe must be given for \['energy'\]"):
        tlr.resume(path, F=decay)
    with pytest.raises(ValueError, match=r"observe must name .*\['energy'\], not \['other'\]"):
        tlr.resume(path, F=decay, observe={"other": energy})
    with pytest.raises(ValueError, match="F is not that of the checkpoint"):
        tlr.resume(path, F=tlr.FactoredField(lambda t, Y: -1.1 * Y), observe={"energy": energy})
    with pytest.raises(ValueError, match=r"method must be that of the checkpoint, Augmented"):
        tlr.resume(path, F=decay, observe={"energy": energy}, method=METHODS[0])
    same(go_on(path, F=decay, observe={"energy": energy}), run(decay))


def test_another_operator_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    run(checkpoint=path, observe={})
    other = tlr.LinearField(H, coefficient=-1.001j)
    with pytest.raises(ValueError, match="F is not that of the checkpoint"):
        tlr.resume(path, F=other, t1=2.0)
    assert go_on(path, F=FIELD, t1=1.1).success


def test_a_method_of_ones_own_is_asked_for(tmp_path):
    class Own:
        rule, order = RULE, 1

        def step(self, F, t0, t1, Y, record):
            return METHOD.step(F, t0, t1, Y, record)

    path = tmp_path / "run.h5"
    run(method=Own(), checkpoint=path, observe={"energy": Stop(4)})
    with pytest.raises(ValueError, match="method must be given"):
        tlr.resume(path, observe={"energy": energy})
    same(go_on(path, observe={"energy": energy}, method=Own()), run())


def test_a_failed_run_keeps_what_it_reached(tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(tlr.IntegrationError) as hit:
        run(checkpoint=path, observe={"energy": Stop(6, ZeroDivisionError("oops"))})
    kept = tlr.Solution.load(path)
    assert kept.status == "failed" and "oops" in kept.message
    same(kept, hit.value.solution)
    same(go_on(path, observe={"energy": energy}), run())


@pytest.mark.parametrize("where", ["none/run.h5", ".", "file/run.h5"])
def test_a_path_that_cannot_be_is_refused_before_the_first_step(tmp_path, where):
    (tmp_path / "file").write_text("x")
    seen = Stop(2)
    with pytest.raises(OSError, match="checkpoint: cannot write it"):
        run(checkpoint=tmp_path / where, observe={"energy": seen})
    assert seen.calls == 1


def test_a_full_disk_is_said_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints.shutil, "disk_usage",
                        lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(OSError, match="only 100 bytes are free") as hit:
        run(checkpoint=tmp_path / "run.h5")
    assert hit.value.errno == errno.ENOSPC


def test_a_disk_that_fills_up_loses_nothing(tmp_path, monkeypatch):
    path, sound, calls = tmp_path / "run.h5", checkpoints.save_solution, []

    def save(*arguments, **options):
        calls.append(1)
        if 4 <= len(calls) <= 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        sound(*arguments, **options)

    monkeypatch.setattr(checkpoints, "save_solution", save)
    with pytest.warns(tlr.CheckpointWarning, match=r"not be written at t = 0\.[345]") as caught:
        sol = run(checkpoint=tlr.Checkpoint(path, steps=1), save_at=None)
    assert len([w for w in caught if w.category is tlr.CheckpointWarning]) == 3
    assert sol.success and sol.stats["checkpoints"] == 12 - 3
    same(tlr.Solution.load(path), sol)


def test_the_last_checkpoint_may_fail_too(tmp_path, monkeypatch):
    path, sound = tmp_path / "run.h5", checkpoints.save_solution

    def save(path, solution, **options):
        if solution.success:
            raise OSError(errno.ENOSPC, "No space left on device")
        sound(path, solution, **options)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_solution", save)
        with pytest.warns(tlr.CheckpointWarning, match=r"not be written at t = 1 "):
            sol = run(checkpoint=tlr.Checkpoint(path, steps=4))
    assert sol.success and tlr.Solution.load(path).status == "running"
    same(go_on(path, observe={"energy": energy}), sol)


def test_another_number_of_threads_is_said(tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    run(checkpoint=path, observe={})
    monkeypatch.setattr(arrays, "blas_threads", lambda: 64)
    with pytest.warns(tlr.CheckpointWarning, match="now there are 64"):
        assert tlr.resume(path).success


def test_files_without_a_run_are_refused(tmp_path):
    run().save(tmp_path / "run.h5")
    with pytest.raises(ValueError, match="run.h5: .* without a checkpoint of its run"):
        tlr.resume(tmp_path / "run.h5")
    with pytest.raises(FileNotFoundError):
        tlr.resume(tmp_path / "none.h5")


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"steps": 0}, ValueError, "steps must be at least 1, not 0"),
    ({"steps": 1.5}, TypeError, "steps must be a positive integer, not 1.5"),
    ({"steps": True}, TypeError, "steps must be a positive integer, not True"),
    ({"seconds": -1.0}, ValueError, "seconds must be .*positive.* not -1.0"),
    ({"seconds": np.nan}, ValueError, "seconds must be .*positive.* not nan"),
    ({"seconds": "1"}, TypeError, "seconds must be .*positive.* not '1'"),
])
def test_settings_that_cannot_be(options, error, message):
    with pytest.raises(error, match=message):
        tlr.Checkpoint("run.h5", **options)


@pytest.mark.parametrize("value", [3, True, b"run.h5", ["run.h5"]])
def test_a_checkpoint_is_a_path_or_a_checkpoint(value):
    with pytest.raises(TypeError, match="checkpoint must be a path"):
        run(checkpoint=value)
