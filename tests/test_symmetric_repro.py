"""The experiments on symmetric tensors in miniature, and the references they stand on."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro import (
    report,
    symmetric,
    symmetric_baselines,
    symmetric_noise,
    symmetric_rank,
    symmetric_success,
    symmetric_table,
    symmetric_timing,
)

PNG = b"\x89PNG"


def test_factor_gap_sees_through_order_and_sign_only() -> None:
    true = symmetric.random_tensor(4, 6, 3, np.random.default_rng(0))
    turned = tlr.SymmetricCP(true.weights[[2, 0, 1]], -true.factors[:, [2, 0, 1]], 4)
    assert symmetric.factor_gap(turned, true) < 1e-15
    tilt = 1e-3
    tilted = true.factors.copy()
    other = np.linalg.svd(tilted[:, :1], full_matrices=True)[0][:, 1]
    tilted[:, 0] = math.cos(tilt) * tilted[:, 0] + math.sin(tilt) * other
    gap = symmetric.factor_gap(tlr.SymmetricCP(true.weights, tilted, 4), true)
    assert gap == pytest.approx(2.0 * math.sin(tilt / 2), rel=1e-9)
    fewer = tlr.SymmetricCP(true.weights[:2], true.factors[:, :2], 4)
    assert symmetric.factor_gap(fewer, true) == math.inf


@pytest.mark.parametrize(("kind", "weights"), [("shifted", None), ("positive", None),
                                               ("equal", 1.0)])
def test_random_tensors_are_of_their_kind(kind: str, weights: float | None) -> None:
    true = symmetric.random_tensor(3, 40, 5, np.random.default_rng(1), kind)
    assert np.abs(np.linalg.norm(true.factors, axis=0) - 1.0).max() < 1e-14
    if kind == "positive":
        assert (true.factors >= 0.0).all()
    if kind == "shifted":
        assert (true.factors.mean(axis=0) > 0.05).all()
    if weights is not None:
        lengths = np.linalg.norm(
            np.random.default_rng(1).standard_normal((40, 5)) / math.sqrt(40), axis=0)
        assert np.abs(true.weights - lengths**3).max() < 1e-14
    with pytest.raises(ValueError, match="kind must be"):
        symmetric.random_tensor(3, 4, 2, np.random.default_rng(1), "other")


def test_other_methods_are_exact_where_they_may_be() -> None:
    rng = np.random.default_rng(2)
    third = symmetric.random_tensor(3, 6, 4, rng)
    found = symmetric_baselines.eigenvectors(third.to_dense(), 4, rng)
    assert symmetric.factor_gap(found, third) < 1e-9
    fourth = symmetric.random_tensor(4, 5, 7, rng)
    found = symmetric_baselines.foobi(fourth.to_dense(), 7, rng)
    assert symmetric.tensor_gap(found, fourth.to_dense()) < 1e-10
    assert symmetric.factor_gap(found, fourth) < 1e-8
    equal = symmetric.random_tensor(3, 6, 3, rng, "equal")
    found = symmetric_baselines.least_squares(equal.to_dense(), 3, rng)
    assert symmetric.tensor_gap(found, equal.to_dense()) < 1e-6


@pytest.mark.parametrize(("name", "library"), [("tensorly_als", "tensorly"),
                                               ("pyttb_als", "pyttb")])
def test_alternating_least_squares_finds_one_term(name: str, library: str) -> None:
    pytest.importorskip(library)
    T = symmetric.random_tensor(4, 4, 1, np.random.default_rng(3), "equal").to_dense()
    made = getattr(symmetric_baselines, name)(T, 1, np.random.default_rng(0), 50)
    assert symmetric.tensor_gap(made, T) < 1e-8


def test_constant_shift_climbs_to_orthogonal_components_alone() -> None:
    rng = np.random.default_rng(4)
    A = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    from tensorflowlr.tensors.multisets import powers

    V = powers(A, 2)
    X = rng.standard_normal((6, 20))
    points, f, still = symmetric_success.climb(V, X / np.linalg.norm(X, axis=0), 3000)
    assert still.all() and np.abs(f - 1.0).max() < 1e-10
    assert np.abs(np.abs(A.T @ points).max(axis=0) - 1.0).max() < 1e-10


def test_shares_of_starts_add_up_and_draw(tmp_path: Path) -> None:
    found = np.array([symmetric_success.shares(r, 0, 10, 500, 6) for r in (3, 19)])
    assert np.abs(found.sum(axis=1) - 1.0).max() < 1e-12
    # few components: all starts find one; beyond the limit of 15 the range holds other powers
    assert found[0, 0] == 1.0 and found[1, 1] > 0.5
    symmetric_success.draw(tmp_path / "s.png", np.array([3, 19]), found, 15)
    assert (tmp_path / "s.png").read_bytes().startswith(PNG)


def test_cost_of_a_row_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    made = [symmetric_table.cost(4, 6, 8, kind, 2) for kind in ("normal", "positive")]
    for row in made:
        assert row.found and row.error < 1e-12 and row.factors < 1e-9
        parts = sum(row.seconds[name] for name in symmetric_table.PARTS)
        assert parts == pytest.approx(row.seconds["total"], rel=0.5)
    # beyond the limit of 6
    beyond = symmetric_table.cost(4, 4, 9, "normal", 1)
    assert not beyond.found and beyond.factors == math.inf and beyond.error > 1e-3
    symmetric_table.tabulate(tmp_path, made)
    symmetric_table.draw(tmp_path / "table.png", made)
    assert (tmp_path / "table.png").read_bytes().startswith(PNG)


def test_noise_problems_have_the_noise_they_say() -> None:
    T, noisy = symmetric_noise.problem(0, 1e-3)
    assert np.linalg.norm(T) == pytest.approx(1.0)
    assert np.linalg.norm(noisy - T) == pytest.approx(1e-3, rel=1e-9)
    assert tlr.asymmetry(noisy) < 1e-14
    # a start that found nothing once became a component here
    made = symmetric_noise.METHODS["SPM, refined"](noisy, np.random.default_rng([0, 5]))
    assert symmetric.tensor_gap(made, T) < 1.2 * symmetric_noise.FLOOR * 1e-3


def test_ranks_inside_the_limit_are_found_and_none_beyond(tmp_path: Path) -> None:
    assert symmetric_rank.limit(6) == 15
    assert symmetric_rank.tried(6, 9, 0)[0]
    good, error, _ = symmetric_rank.tried(6, 16, 0)
    assert not good and error > symmetric_rank.RIGHT
    rows = np.array([(6, r, *map(float, symmetric_rank.tried(6, r, 0))) for r in (3, 9, 16)])
    symmetric_rank.draw(tmp_path / "rank.png", rows)
    verdicts = report.Verdicts()
    symmetric_rank.judge(verdicts, np.vstack([rows, [6, 15, 1.0, 1e-14, 0.1]]))
    assert verdicts.failed == 0, verdicts.lines


def test_race_stops_who_is_slow_and_judges_the_rest(tmp_path: Path) -> None:
    solvers = {name: symmetric_timing.SOLVERS[3][name]
               for name in (symmetric_timing.OURS, "eigenvectors (Harshman)")}
    rows = symmetric_timing.race(3, [4, 5], 1, 60.0, solvers)
    rows += symmetric_timing.race(4, [4, 5], 1, 60.0, {
        name: symmetric_timing.SOLVERS[4][name] for name in (symmetric_timing.OURS, "FOOBI")})
    assert len(rows) == 8 and all(x.right == 1.0 for x in rows)
    slow = symmetric_timing.race(3, [4, 5], 1, -1.0, {"L-BFGS": solvers[symmetric_timing.OURS]})
    assert [x.size for x in slow] == [4]
    verdicts = report.Verdicts()
    symmetric_timing.judge(verdicts, rows)
    assert len(verdicts.lines) == 5
    assert all(line.startswith("PASS") for line in verdicts.lines[:2])
    symmetric_timing.draw(tmp_path / "timing.png", rows)
    assert (tmp_path / "timing.png").read_bytes().startswith(PNG)
