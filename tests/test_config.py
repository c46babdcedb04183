"""Run configurations: what is read, what is refused, what is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tensorflowlr as tlr
from tensorflowlr.config import ConfigError, build, load_config

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


REFUSED = [
    # file and tables
    ("x = ", "run.toml: not TOML"),
    ("[metod]\n", "metod: no such table (did you mean 'method'?)"),
    ("run = 3\n", "run: must be a table, not 3"),
    ("", "run.step: is missing; it must be a number"),
    (RUN, "problem.name: is missing; it may be discrete_schroedinger, long_range_ising"),
    # problem
    (RUN + '[problem]\nname = "long_range"\n', "(did you mean 'long_range_ising'?)"),
    (RUN + "[problem]\nname = []\n", "problem.name: was []"),
    (RUN + '[problem]\nname = "long_range_ising"\n', "problem.modes: is missing; it must be an"),
    (RUN + PROBLEM + "feild = 1\n", "problem.feild: no such key (did you mean 'field'?)"),
    (RUN + PROBLEM + "span = [0, 1]\n", "problem.span: is given by run.t0 and run.t1"),
    (RUN + PROBLEM + 'field = "1"\n', "problem.field: must be a number, not '1'"),
    (RUN + PROBLEM + "field = true\n", "problem.field: must be a number, not True"),
    (RUN + PROBLEM + "field = nan\n", "problem.field: must be finite, not nan"),
    (RUN + PROBLEM.replace("4", "4.0"), "problem.modes: must be an integer, not 4.0"),
    (RUN + PROBLEM.replace("4", "0"), "problem.modes: must be at least 1, not 0"),
    (RUN + PROBLEM + 'tree = "balance"\n', "was 'balance' (did you mean 'balanced'?)"),
    (RUN + PROBLEM + "tree = 3\n", "problem.tree: was 3"),
    (RUN + PROBLEM + "tree = [[0, 1], [2, 2]]\n", "problem.tree: spec must hold each mode"),
    (RUN + PROBLEM + "tree = [0, 1]\n", "problem.tree: holds 2 modes, but problem.modes = 4"),
    (RUN + PROBLEM + 'tree = { kind = "train", root = 9 }\n', "root must be in 0 … 3, not 9"),
    (RUN + PROBLEM + 'tree = { kind = "tucker", root = 1 }\n', "problem.tree.root: no such key"),
    (RUN + PROBLEM + "tree = { root = 1 }\n", "problem.tree.root: no such key"),
    # method
    (RUN + PROBLEM, "method.name: is missing; it may be parallel, augmented"),
    (RUN + PROBLEM + '[method]\nname = "parallell"\n', "(did you mean 'parallel'?)"),
    (RUN + PROBLEM + METHOD + "reject = 1\n", 'method.reject: only the method "parallel"'),
    (RUN + PROBLEM + METHOD + "ordre = 1\n", "method.ordre: no such key (did you mean 'order'?)"),
    (RUN + PROBLEM + METHOD + "order = 1.0\n", "method.order: must be an integer, not 1.0"),
    (RUN + PROBLEM + METHOD + "flow = 3\n", "method.flow: must be a table, not 3"),
    (RUN + PROBLEM + METHOD + 'flow = { name = "rk4" }\n', "method.flow.name: was 'rk4'"),
    (RUN + PROBLEM + METHOD + "flow = { tol = 1e-3 }\n", "method.flow.name: is missing"),
    (RUN + PROBLEM + METHOD + 'flow = { name = "krylov", substeps = 2 }\n',
     "method.flow.substeps: no such key"),
    # truncation, run, output
    (RUN + PROBLEM + METHOD + "[truncation]\nmax_rank = 2.5\n", "truncation.max_rank: must be an"),
    (RUN + "t1 = inf\n", "run.t1: must be finite, not inf"),
    (RUN + f"t1 = 1{'0' * 400}\n", "run.t1: must fit a floating-point number"),
    (RUN + f"t1 = 1{'0' * 5000}\n", "run.toml: not TOML"),
    (RUN + "t1 = 0\n", "run.t1: must differ from run.t0 = 0.0"),
    (RUN.replace("0.1", "-0.1"), "run.step: must be positive, not -0.1"),
    (RUN.replace("0.1", "1979-05-27"), "run.step: must be a number, not datetime.date("),
    (RUN + PROBLEM + METHOD + "[run.more]\n", "run.more: no such key"),
    (PROBLEM + METHOD + RUN + "save_at = 1.0\n", "run.save_at: must be a list of numbers"),
    (PROBLEM + METHOD + RUN + 'save_at = ["a"]\n', "run.save_at: must be a number, not 'a'"),
    (PROBLEM + METHOD + RUN + "save_at = [2]\n", "run.save_at: must lie in [0, 1], not 2.0"),
    (RUN + '[output]\nname = "a/b"\n', "output.name: must be a file name without folders"),
    (RUN + "[output]\npicture = 1\n", "output.picture: must be true or false, not 1"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refusals_name_the_key_in_one_line(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


BUILT = [
    (PROBLEM, METHOD + "order = 3\n", "", "method: order must be 1 or 2, not 3"),
    (PROBLEM, METHOD + 'enrich = "all"\n', "", "method: enrich must be"),
    (PROBLEM, METHOD + 'flow = { name = "krylov", tol = 2.0 }\n', "", "method.flow: tol must"),
    (PROBLEM, METHOD, "[truncation]\natol = -1\n", "truncation: atol must be finite"),
    (PROBLEM, METHOD, "[truncation]\nmin_rank = 3\nmax_rank = 2\n", "truncation: min_rank = 3"),
    ('[problem]\nname = "discrete_schroedinger"\nrank = 200\n', METHOD, "", "problem: rank must"),
    ('[problem]\nname = "discrete_schroedinger"\nrng = "a"\n', METHOD, "", "problem: "),
    ('[problem]\nname = "long_range_ising"\nmodes = 4\nexponent = 1e4\n', METHOD, "", "problem: "),
]


@pytest.mark.parametrize(("problem", "method", "rest", "message"), BUILT)
def test_what_builders_refuse_names_the_table(tmp_path, problem, method, rest, message):
    with pytest.raises(ConfigError, match=message):
        made(tmp_path, problem, method, RUN, rest)


def test_files_that_are_no_text_or_missing(tmp_path):
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "run.toml")
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "none.toml")
    deep = PROBLEM + f"tree = {'[' * 5000}0{']' * 5000}\n"
    with pytest.raises(ConfigError):
        load_config(written(tmp_path, deep))


def test_config_cannot_be_changed_but_redirected(tmp_path):
    config = load_config(EXAMPLE)
    with pytest.raises(AttributeError):
        config.step = 1.0
    moved = config.with_directory(tmp_path)
    assert (moved.directory, moved.step) == (tmp_path, config.step)
