"""The loop: landing times, observers, records, interruptions, failures, starts."""

import math

import numpy as np
import pytest
from conftest import BACKENDS, gaussian, orthonormality
from helpers import ising, linear, random_pairs, ups
from scipy.linalg import expm

import tensorflowlr as tlr

TREE, SHAPE = tlr.Tree(((0, 1), 2)), (3, 4, 3)
RULE = tlr.Truncation(atol=1e-10)
METHODS = [
    tlr.ParallelBUG(RULE), tlr.ParallelBUG(RULE, order=2), tlr.ParallelBUG(RULE, reject=10.0),
    tlr.AugmentedBUG(RULE), tlr.AugmentedBUG(RULE, order=2),
]
DECAY = tlr.FactoredField(lambda t, Y: -1.0 * Y)


def start(rank=2, seed=0, dtype=complex):
    return tlr.TreeTensor.random(TREE, SHAPE, rank, rng=seed, dtype=dtype)


def rotation():
    return linear(random_pairs(SHAPE), TREE, SHAPE)


def run(F=None, Y0=None, span=(0.0, 1.0), step=0.25, method=METHODS[3], **options):
    F, Y0 = rotation() if F is None else F, start() if Y0 is None else Y0
    return tlr.integrate(F, Y0, span, step=step, method=method, **options)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_everything_a_solution_holds(method):
    H = tlr.TreeOperator.from_terms(random_pairs(SHAPE), TREE, SHAPE)
    sol = run(method=method, observe={"norm": lambda t, Y: Y.norm(), "t": lambda t, Y: t,
                                      "energy": lambda t, Y: H.expectation(Y),
                                      "pair": lambda t, Y: np.array([t, 2.0])})
    assert sol.success and sol.status == "completed" and "t = 1" in sol.message
    assert np.array_equal(sol.times, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert np.array_equal(sol.observables["t"], sol.times)
    assert sol.observables["pair"].shape == (5, 2)
    assert sol.observables["energy"].dtype == float
    assert np.array_equal(sol.t, [1.0]) and sol.y[0] is sol.final
    assert set(sol.ranks) == set(TREE.edges)
    assert all(r.shape == (5,) for r in sol.ranks.values())
    assert {e: r[-1] for e, r in sol.ranks.items()} == sol.final.ranks
    assert np.array_equal(sol.max_ranks, np.max(list(sol.ranks.values()), axis=0))
    assert sol.stats["steps"] == 4
    assert sol.stats["evaluations"] >= 4 * 4
    assert 0.0 <= sol.stats["discarded_max"] <= sol.stats["discarded"] <= 4e-10
    assert sol.stats["rank_capped"] == 0
    assert sol.stats["wall_seconds"] > 0.0 and sol.stats["cpu_seconds"] >= 0.0
    moves = sol.stats["moves"]
    assert {"frame", "flow", "augment", "assemble", "truncate"} <= set(moves)
    used = {name for name, move in moves.items() if move["calls"]}
    assert {"frame", "flow", "truncate"} <= used
    assert sum(m["wall"] for m in moves.values()) <= sol.stats["wall_seconds"]
    text = str(sol)
    for part in ("completed", "reached t = 1", "steps        4", "ranks", "seconds", "norm"):
        assert part in text
    assert len(text.splitlines()) < 15 and max(map(len, text.splitlines())) < 160


def test_results_are_the_same_bits_every_time():
    first, second = run(), run()
    for a, b in zip(first.final.cores, second.final.cores, strict=True):
        assert np.array_equal(a, b)


def test_saved_times_are_met_exactly():
    saves = [0.5, 0.1, 1.0 / 3.0, 1.0 / 3.0, 0.0]
    sol = run(step=0.2, save_at=saves)
    assert np.array_equal(sol.t, [0.0, 0.1, 1.0 / 3.0, 0.5])
    assert set(saves) <= set(sol.times.tolist())
    assert np.diff(sol.times).max() <= 0.2 * (1.0 + 1e-12)
    assert sol.times[-1] == 1.0 and len(sol.y) == 4
    assert np.linalg.norm(sol.y[0].to_dense() - start().to_dense()) < 1e-14
    assert run(save_at=[]).y == []
    # up to the first-order error of the method, each state is the exact one
    H = rotation().operators[0].to_dense()
    for t, Y in zip(sol.t, sol.y, strict=True):
        exact = expm(-1j * t * H) @ start().to_dense().reshape(-1)
        assert np.linalg.norm(Y.to_dense().reshape(-1) - exact) < 0.1


@pytest.mark.parametrize("step, times", [
    (0.3, [0.0, 0.3, 0.6, 0.9, 1.0]), (1.0, [0.0, 1.0]), (7.0, [0.0, 1.0]),
    (0.1, [i * 0.1 for i in range(10)] + [1.0]), (1, [0.0, 1.0]),
    (np.float32(0.5), [0.0, 0.5, 1.0]), (np.int64(1), [0.0, 1.0]),
])
def test_the_last_step_is_shortened(step, times):
    found = run(step=step).times
    assert np.allclose(found, times, 0.0, 1e-15) and found[-1] == 1.0
    back = run(step=step, span=(1.0, 0.0)).times
    assert np.allclose(back, 1.0 - np.array(times), 0.0, 1e-15) and back[-1] == 0.0


def test_round_off_adds_no_vanishing_step():
    # 3 · 0.1 / 0.1 is a little more than three
    assert len(run(span=(0.0, 3 * 0.1), step=0.1).times) == 4
    assert len(run(span=(0.0, 3 * 0.1 + 1e-9), step=0.1).times) == 5


@pytest.mark.parametrize("method", METHODS[1:5:3], ids=str)
def test_backward_runs_undo_forward_ones(method):
    there = run(method=method, step=0.01)
    back = run(Y0=there.final, span=(1.0, 0.0), method=method, step=0.01)
    assert np.linalg.norm(back.final.to_dense() - start().to_dense()) < 1e-4
    assert back.times[0] == 1.0 and (np.diff(back.times) < 0.0).all()
    saved = run(span=(1.0, 0.0), save_at=[0.25, 0.75])
    assert np.array_equal(saved.t, [0.75, 0.25])


def test_observers_see_the_start_and_every_accepted_step():
    seen = []
    sol = run(step=0.2, save_at=[0.3], observe={"x": lambda t, Y: seen.append((t, Y)) or t})
    assert [t for t, _ in seen] == sol.times.tolist()
    assert seen[-1][1] is sol.final
    assert all(Y.orthonormal for _, Y in seen)
    assert all(orthonormality(Y, BACKENDS[0]) < 1e-13 for _, Y in seen)


def test_observers_on_every_backend(backend):
    Y0 = backend.tensor(start())
    sol = run(Y0=Y0, observe={"norm": lambda t, Y: Y.norm(), "core": lambda t, Y: Y.cores[0][0, 0],
                              "row": lambda t, Y: Y.cores[0][:, 0]})
    backend.check(*sol.final.cores)
    assert all(type(v) is np.ndarray for v in sol.observables.values())
    assert sol.observables["row"].shape == (5, 3)
    assert np.abs(sol.observables["norm"] - 1.0).max() < 1e-3


@pytest.mark.parametrize("kind", [tlr.ParallelBUG, tlr.AugmentedBUG])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.filterwarnings("ignore::tensorflowlr.RankCapWarning")
def test_rank_ranges_are_kept(kind, order):
    tree = tlr.Tree.balanced(6)
    rule = tlr.Truncation(atol=1e-10, max_rank=3, min_rank=2)
    sol = tlr.integrate(linear(ising(6), tree), ups(tree), (0.0, 0.5), step=0.05,
                        method=kind(rule, order=order))
    later = np.array([r[1:] for r in sol.ranks.values()])
    assert later.min() == 2 and later.max() == 3
    loose = tlr.Truncation(atol=10.0, min_rank=2)
    sol = tlr.integrate(linear(ising(6), tree), ups(tree), (0.0, 0.5), step=0.1,
                        method=kind(loose, order=order))
    assert all(r[-1] <= 2 for r in sol.ranks.values())
    assert sol.final.max_rank == 2


def test_stepping_by_hand():
    given = list(tlr.steps(rotation(), start(), (0.0, 1.0), step=0.4, method=METHODS[3]))
    sol = run(step=0.4)
    assert [s.t for s in given] == sol.times.tolist()
    assert given[0].h == 0.0 and np.allclose([s.h for s in given[1:]], [0.4, 0.4, 0.2])
    assert given[-1].record.steps == 3
    for a, b in zip(given[-1].y.cores, sol.final.cores, strict=True):
        assert np.array_equal(a, b)
    landed = tlr.steps(rotation(), start(), (1.0, 0.0), step=0.4, method=METHODS[3],
                       land_on=[0.5])
    assert [s.t for s in landed] == [1.0, 0.6, 0.5, pytest.approx(0.1), 0.0]


@pytest.mark.parametrize("what", [tlr.ParallelBUG, METHODS[0], "ParallelBUG"], ids=repr)
def test_citations(what):
    assert "2412.00858" in tlr.cite(what)
    assert "2201.10291" in tlr.cite(tlr.AugmentedBUG)
    with pytest.raises(ValueError, match="method must be one of ParallelBUG, AugmentedBUG"):
        tlr.cite("Verlet")


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_gauge_of_the_start_does_not_matter(method):
    Y = start()
    scaled = [c if n == TREE.root else c @ gaussian((2, 2), complex, n)
              for n, c in enumerate(Y.cores)]
    loose = tlr.TreeTensor(TREE, scaled)
    assert not loose.orthonormal
    again = tlr.TreeTensor.from_dense(loose.to_dense(), TREE, tlr.Truncation(rtol=1e-13))
    made, expected = run(Y0=loose, method=method).final, run(Y0=again, method=method).final
    gap = np.linalg.norm(made.to_dense() - expected.to_dense())
    assert gap < 1e-12 * loose.norm()


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_starts_with_more_rank_than_room(method):
    Y = start(1)
    wide = Y
    for _ in range(5):
        wide = wide + Y
    assert max(wide.ranks.values()) > 4
    sol = run(DECAY, Y0=wide / 6.0, method=method, step=0.01)
    assert np.linalg.norm(sol.final.to_dense() - np.exp(-1.0) * Y.to_dense()) < 1e-9
    assert all(r == 1 for r in sol.final.ranks.values())


@pytest.mark.parametrize("spec, shape", [((0,), (5,)), (((0,),), (5,)), ((0, (1,)), (1, 6)),
                                         (((0, 1), 2), (1, 1, 1))], ids=str)
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_smallest_trees(spec, shape, method):
    tree = tlr.Tree(spec)
    H = tlr.TreeOperator.from_terms(random_pairs(shape), tree, shape)
    Y0 = tlr.TreeTensor.random(tree, shape, 1, rng=0, dtype=complex)
    sol = tlr.integrate(tlr.LinearField(H, coefficient=-1j), Y0, (0.0, 1.0), step=0.01,
                        method=method)
    exact = expm(-1j * H.to_dense()) @ Y0.to_dense().reshape(-1)
    assert np.linalg.norm(sol.final.to_dense().reshape(-1) - exact) < 1e-2


def test_times_before_zero_and_fields_that_exist_there_alone():
    F = tlr.FactoredField(lambda t, Y: (1.0 / t) * Y)
    sol = run(F, span=(1.0, 2.0), step=0.01)
    assert np.linalg.norm(sol.final.to_dense() - 2.0 * start().to_dense()) < 1e-8
    one = tlr.TreeOperator.from_terms([(1.0, {})], TREE, SHAPE)
    sol = run(tlr.LinearField(one, coefficient=lambda t: 1.0 / t), span=(1.0, 2.0), step=0.01)
    assert np.linalg.norm(sol.final.to_dense() - 2.0 * start().to_dense()) < 1e-8
    Z = start(1, 3)
    sol = run(tlr.LinearField(0.0 * one, source=lambda t: (1.0 / t) * Z), Y0=Z, span=(-1.0, -2.0),
              step=0.01)
    gap = sol.final.to_dense() - (1.0 + math.log(2.0)) * Z.to_dense()
    assert np.linalg.norm(gap) < 1e-8
