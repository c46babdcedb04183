"""Reproductions in miniature: references, tables, verdicts, and a short run of each part."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.special

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflowlr as tlr
from paper_repro import (
    common,
    ising,
    ising_dynamics,
    ising_figures,
    long_range_ising,
    report,
    schroedinger,
    schroedinger_figures,
    tubal_sensing,
)


def test_exact_states_of_four_spins_match_known_magnetisation() -> None:
    matrix, sz = ising.chain(4)
    states = common.exact_states(matrix, np.eye(16)[0], 1.0, 4)
    known = [1.0, 0.894526710644, 0.743858485428, 0.751332674143, 0.879913487039]
    assert np.abs(np.abs(states) ** 2 @ sz - known).max() < 1e-11


@pytest.mark.parametrize("d", [2, 5])
def test_sparse_chain_equals_the_librarys_operator(d: int) -> None:
    tree = tlr.Tree.balanced(d)
    H = ising.quench(tree).field.operators[0]
    assert np.abs(H.to_dense() - ising.chain(d)[0].toarray()).max() < 1e-12


def test_convergence_run_meets_known_errors_and_order_two_is_better() -> None:
    powers = [4, 5, 6]
    start = ising.padded_start()
    made = long_range_ising.convergence(powers, tlr.RungeKutta4(), start, ["parallel"])
    for power, error in zip(powers, made["parallel"], strict=True):
        printed = long_range_ising.KNOWN_ERRORS[power]
        assert 0.98 < error / float(printed) < 1.02
    up = ising.quench(tlr.Tree.balanced(4)).start
    exact = long_range_ising.convergence(powers, tlr.Exponential(), up,
                                         ["parallel", "parallel, order 2"])
    steps = [2.0**-k for k in powers]
    assert common.slope(steps, exact["parallel"]) > 0.9
    assert common.slope(steps, exact["parallel, order 2"]) > 1.9


def test_dynamics_of_six_spins_passes_its_verdicts_and_draws(tmp_path: Path) -> None:
    d, end, h = 6, 0.2, 0.02
    matrix, sz = ising.chain(d)
    exact = np.abs(common.exact_states(matrix, np.eye(1, 1 << d)[0], end, 10)) ** 2 @ sz
    chosen = ising.methods(tlr.Truncation(atol=1e-8, max_rank=40), tlr.Exponential())
    runs = [ising_dynamics.dynamics(d, end, h, chosen[name], name, exact)
            for name in list(chosen)[:4]]
    verdicts = report.Verdicts()
    ising_dynamics.judge_dynamics(verdicts, runs)
    assert verdicts.failed == 0, verdicts.lines
    path = tmp_path / "dynamics.png"
    ising_figures.draw_dynamics(path, np.linspace(0.0, end, 11), exact,
                                {made.name: made for made in runs})
    assert path.read_bytes().startswith(b"\x89PNG")


def test_runge_kutta_norm_is_the_stability_function() -> None:
    z = -1j * 0.3
    series = sum(z**k / scipy.special.factorial(k) for k in range(5))
    assert ising_dynamics.runge_kutta_norm(3.0, 0.1, 7) == pytest.approx(abs(series) ** 7)


def test_dense_schroedinger_reference_is_the_matrix_exponential() -> None:
    n = 6
    D = np.eye(n) - 0.5 * np.eye(n, k=1) - 0.5 * np.eye(n, k=-1)
    wall = 1.0 - np.cos(2.0 * np.pi / n * np.arange(-n / 2, n / 2))
    H = np.kron(D, np.eye(n)) + np.kron(np.eye(n), D) + np.diag(np.kron(wall, wall))
    field = schroedinger.right_hand_side(n)
    assert np.abs(field.operators[0].to_dense() - H).max() < 1e-13
    start = np.random.default_rng(1).standard_normal((2, n, n))
    expected = (scipy.linalg.expm(-1j * H) @ start.reshape(2, -1).T).T.reshape(2, n, n)
    assert np.abs(schroedinger.exact(start) - expected).max() < 1e-9


def test_small_singular_values_leave_the_error_alone_and_break_the_naive_method(
    tmp_path: Path,
) -> None:
    U, V = schroedinger.bases(20)
    names, steps = ("augmented", "parallel"), (0.1, 0.05)
    found, broken, best = schroedinger.small_values(
        U, V, steps, [1e-1, 1e-8, 1e-14], 3, names
    )
    for name in names:
        for value in (1e-8, 1e-14):
            assert found[name, value][-1] <= 2.0 * found[name, 0.1][-1]
    assert not broken[1e-14][-1] < 1.0
    path = tmp_path / "values.png"
    schroedinger_figures.draw_small_values(path, steps, found, broken, best)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_naive_method_is_accurate_where_it_may_be() -> None:
    U, V = schroedinger.bases(8)
    s = np.ones(8) / np.sqrt(8.0)
    reference = schroedinger.exact((U * s) @ V.T)
    made = schroedinger.naive(U, s, V, 0.01)
    assert np.linalg.norm(made - reference) < 1e-6


def test_table_writes_text_markdown_and_all_digits(tmp_path: Path) -> None:
    table = report.Table("numbers", [("name", ""), ("value", ".1e")])
    table.add("a", 1.0 / 3.0)
    table.add("b", None)
    table.save(tmp_path, "numbers")
    assert (tmp_path / "numbers.csv").read_text() == f"name,value\na,{1 / 3!r}\nb,\n"
    assert (tmp_path / "numbers.md").read_text().splitlines()[-1] == "| b | – |"
    assert "3.3e-01" in table.text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["numbers.csv", "numbers.md"]
    with pytest.raises(ValueError, match="cells must be 2"):
        table.add(1)


def test_verdicts_fail_on_numbers_past_the_bound_and_on_nan(tmp_path: Path) -> None:
    verdicts = report.Verdicts()
    assert verdicts.at_most("small", 1.0, 1.0)
    assert not verdicts.at_most("large", 1.1, 1.0)
    assert not verdicts.at_least("nothing", float("nan"), 0.0)
    assert verdicts.save(tmp_path) == 1
    lines = (tmp_path / "verdicts.txt").read_text().splitlines()
    assert [line[:4] for line in lines] == ["PASS", "FAIL", "FAIL", "1 of"]
    assert report.Verdicts().save(tmp_path) == 0


def test_printed_figures_may_be_rounded() -> None:
    assert common.above_printed(2.35e-4, "2.3e-4", 1.0) == pytest.approx(1.0)
    assert common.above_printed(1.005e-4, "1.00e-4", 1.0) == pytest.approx(1.0)
    assert common.above_printed(8.5e-10, "8e-10", 1.1) == pytest.approx(1.0 / 1.1)


def test_tubal_descent_at_a_tiny_size_draws_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PROBLEMS": 2, "MANY": 2, "LONG": 100, "SHORT": 100}.items():
        monkeypatch.setattr(tubal_sensing, name, value)
    # too short for any verdict on errors
    assert tubal_sensing.run(tmp_path) == 1
    for name in ("phases", "width", "scale"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        last = (tmp_path / f"{name}.md").read_text().splitlines()[-1].split(" | ")[-3:]
        assert sum(int(cell.strip(" |")) for cell in last) == 2
    measured = [tubal_sensing.problem(r, f, symmetric=s, problems=1, seed=0)[0].count
                for r, f, s in ((2, 1.2, False), (3, 0.9, True))]
    assert measured == [254, 285]
    assert tubal_sensing.cells(np.array([1.0, 2.0, 9.0, 8.0]), (1.5, 3.0))[-3:] == (1, 1, 2)


SPREAD = """
import os
import sys
from paper_repro import common

JOB = "import os, time; os.write(1, b's'); time.sleep(300)"

def run(output, full):
    common.spread(exec, [(JOB,)] * 3 * (os.cpu_count() or 1))

sys.argv = ["spread", "--output", "nowhere"]
sys.exit(common.main("Jobs that take long", run))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs jobs in the process itself")
def test_a_terminated_reproduction_takes_its_workers_along() -> None:
    root = Path(__file__).resolve().parents[1]
    process = subprocess.Popen([sys.executable, "-c", SPREAD], cwd=root,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.read(2) == b"ss"
    process.terminate()
    # the pipe is open until the last worker has gone
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and b"stopped" in errors
