"""Run configurations: what is read and what is built; refusals are in refusal_config.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tensorflowlr as tlr
from tensorflowlr.config import build, load_config

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "quench.toml"
PROBLEM = '[problem]\nname = "nearest_neighbour_ising"\nmodes = 4\n'
METHOD = '[method]\nname = "augmented"\n'
RUN = "[run]\nstep = 0.1\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def made(folder: Path, problem: str = PROBLEM, method: str = METHOD, run: str = RUN,
         rest: str = ""):
    return build(load_config(written(folder, problem + method + run + rest)))


def test_smallest_file_has_the_defaults(tmp_path):
    config = load_config(written(tmp_path, PROBLEM + METHOD + RUN))
    assert config.as_dict() == {
        "problem": {"name": "nearest_neighbour_ising", "modes": 4, "tree": "balanced",
                    "coupling": 1.0, "field": 1.0},
        "method": {"name": "augmented", "order": 1, "enrich": "range"},
        "truncation": {"rtol": 0.0, "atol": 0.0, "max_rank": None, "min_rank": 1},
        "run": {"step": 0.1, "t0": 0.0, "t1": 1.0, "save_at": None,
                "checkpoint": None},
        "output": {"directory": "output", "name": "run", "picture": True},
    }
    assert config.source == PROBLEM + METHOD + RUN
    problem, method = build(config)
    assert problem.span == (0.0, 1.0)
    assert problem.start.tree == tlr.Tree.balanced(4)
    assert method == tlr.AugmentedBUG(tlr.Truncation())


def test_example_is_read_and_built():
    config = load_config(EXAMPLE)
    problem, method = build(config)
    assert problem.start.tree == tlr.Tree.train(16, root=8)
    assert (method.order, method.flow) == (2, tlr.Exponential(tol=1e-8))
    assert method.rule.atol == 1e-7
    assert (config.name, config.directory, config.picture) == ("quench", Path("output"), True)
    assert json.loads(json.dumps(config.as_dict())) == config.as_dict()


@pytest.mark.parametrize(("value", "tree"), [
    ('"balanced"', tlr.Tree.balanced(4)),
    ('"train"', tlr.Tree.train(4)),
    ('"tucker"', tlr.Tree.tucker(4)),
    ('{ kind = "train", root = 2 }', tlr.Tree.train(4, root=2)),
    ('{ kind = "tucker" }', tlr.Tree.tucker(4)),
    ("[[0, 3], [1, 2]]", tlr.Tree(((0, 3), (1, 2)))),
])
def test_trees(tmp_path, value, tree):
    problem, _ = made(tmp_path, PROBLEM + f"tree = {value}\n")
    assert problem.start.tree == tree
    assert problem.field.operators[0].tree == tree


@pytest.mark.parametrize(("value", "flow"), [
    ('{ name = "runge_kutta4", substeps = 3 }', tlr.RungeKutta4(substeps=3)),
    ('{ name = "exponential", tol = 1e-9 }', tlr.Exponential(tol=1e-9)),
    ('{ name = "krylov", tol = 1e-9, max_dimension = 12 }', tlr.Krylov(1e-9, 12)),
])
def test_flows(tmp_path, value, flow):
    assert made(tmp_path, method=METHOD + f"flow = {value}\n")[1].flow == flow


def test_parallel_method_and_truncation(tmp_path):
    method = '[method]\nname = "parallel"\norder = 2\nreject = 10\nenrich = "tangent"\n'
    rest = "[truncation]\nrtol = 1e-3\natol = 0\nmax_rank = 7\nmin_rank = 2\n"
    _, built = made(tmp_path, method=method, rest=rest)
    rule = tlr.Truncation(rtol=1e-3, max_rank=7, min_rank=2)
    assert built == tlr.ParallelBUG(rule, order=2, reject=10.0, enrich="tangent")


def test_schroedinger_has_points_and_times_come_from_run(tmp_path):
    problem, _ = made(
        tmp_path, '[problem]\nname = "discrete_schroedinger"\npoints = 12\nrank = 3\nrng = 4\n',
        run=RUN + "t0 = 2\nt1 = 1\nsave_at = [1.5]\n",
    )
    assert problem.start.shape == (12, 12)
    assert problem.span == (2.0, 1.0)


def test_config_cannot_be_changed_but_redirected(tmp_path):
    config = load_config(EXAMPLE)
    with pytest.raises(AttributeError):
        config.step = 1.0
    moved = config.with_directory(tmp_path)
    assert (moved.directory, moved.step) == (tmp_path, config.step)
