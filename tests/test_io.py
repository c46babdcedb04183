"""Files of solutions: what goes in comes out, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import tensorflowlr as tlr
from tensorflowlr import io
from tensorflowlr.config import load_config

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "quench.toml"
METHOD = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))


@pytest.fixture(scope="module")
def solution() -> tlr.Solution:
    problem = tlr.problems.nearest_neighbour_ising(4, tree=tlr.Tree.train(4, root=1))
    observe = dict(problem.observe) | {
        "a/b .": lambda t, y: np.array([t, 1.0]),
        ".": lambda t, y: tlr.inner(problem.start, y),
        "": lambda t, y: 3,
    }
    return tlr.integrate(problem.field, problem.start, (0.0, 0.3), step=0.1, method=METHOD,
                         observe=observe, save_at=[0.0, 0.15, 0.3])


def same(one: tlr.TreeTensor, two: tlr.TreeTensor) -> bool:
    return one.tree == two.tree and all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for a, b in zip(one.cores, two.cores, strict=True)
    )


def test_everything_comes_back_bit_for_bit(tmp_path, solution):
    io.save_solution(tmp_path / "run.h5", solution)
    data = io.load_solution_data(tmp_path / "run.h5")
    for name in ("times", "t"):
        assert np.array_equal(data[name], getattr(solution, name))
    for name in ("observables", "ranks"):
        kept = getattr(solution, name)
        assert data[name].keys() == kept.keys()
        assert all(np.array_equal(data[name][key], kept[key]) for key in kept)
    assert len(data["y"]) == 3
    assert all(same(a, b) for a, b in zip(data["y"], solution.y, strict=True))
    assert same(data["final"], solution.final)
    assert data["stats"] == solution.stats
    assert (data["status"], data["message"]) == (solution.status, solution.message)
    assert data["config"] is None
    assert data["config_source"] is None
    assert data["versions"]["numpy"] == np.__version__
    assert data["versions"]["tensorflowlr"] == tlr.__version__
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_configuration_is_kept_with_its_text(tmp_path, solution):
    config = load_config(EXAMPLE)
    io.save_solution(tmp_path / "run.h5", solution, config=config)
    data = io.load_solution_data(tmp_path / "run.h5")
    assert data["config"] == config.as_dict()
    assert data["config_source"] == EXAMPLE.read_text(encoding="utf-8")


def test_other_programs_can_open_the_file(tmp_path, solution):
    io.save_solution(tmp_path / "run.h5", solution)
    with h5py.File(tmp_path / "run.h5", "r") as file:
        assert np.array_equal(file["observables/energy"][()], solution.observables["energy"])
        root = solution.final.tree.root
        assert np.array_equal(file[f"final/cores/{root}"][()], solution.final.cores[root])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_tensor_of_each_dtype_and_tree(tmp_path, dtype):
    trees = [tlr.Tree.balanced(5), tlr.Tree.tucker(3), tlr.Tree.train(4), tlr.Tree((0,)),
             tlr.Tree(((3, (1, 0)), 2))]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for i, tree in enumerate(trees):
            Y = tlr.TreeTensor.random(tree, range(2, 2 + tree.modes), 2, rng=i, dtype=dtype)
            io.write_tensor(file.create_group(str(i)), Y)
            assert same(io.read_tensor(file[str(i)]), Y)


def test_named_shapes_keep_their_class(tmp_path):
    rng = np.random.default_rng(0)
    Y = tlr.LowRankMatrix(rng.random((4, 2)), np.eye(2), rng.random((5, 2)))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        io.write_tensor(file.create_group("Y"), Y)
        Z = io.read_tensor(file["Y"])
    assert type(Z) is tlr.LowRankMatrix
    assert np.array_equal(Z.U, Y.U)


def test_long_comb_has_no_recursion(tmp_path):
    tree = tlr.Tree.train(2500)
    Y = tlr.TreeTensor.product([[1.0, 0.0]] * 2500, tree)
    with h5py.File(tmp_path / "x.h5", "w", driver="core", backing_store=False) as file:
        io.write_tensor(file.create_group("Y"), Y)
        assert io.read_tensor(file["Y"]).tree == tree


@pytest.mark.parametrize(("key", "value"), [
    ("tree", "[[0, 1], [2, 3]]"), ("tree", "[[0, 1], [0, 1], [4, 5]]"), ("tree", "nonsense"),
    ("tree", "[[2, 3], [0, 1], [5, 4]]"), ("tree", "[[0, 9]]"), ("tree", "[]"),
    ("cores/0", np.ones((3, 3))), ("cores/6", np.full((1, 1), np.nan)),
])
def test_groups_that_are_no_tensor_are_refused(tmp_path, key, value):
    Y = tlr.TreeTensor.product([[1.0, 0.0]] * 4, tlr.Tree.balanced(4))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        io.write_tensor(file.create_group("Y"), Y)
        del file["Y"][key]
        with pytest.raises(ValueError, match="/Y: no tree tensor"):
            io.read_tensor(file["Y"])
        file["Y"][key] = value
        with pytest.raises(ValueError, match="/Y: no tree tensor"):
            io.read_tensor(file["Y"])


def test_every_damage_is_refused(tmp_path, solution):
    path, copy = tmp_path / "run.h5", tmp_path / "copy.h5"
    io.save_solution(path, solution)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[: int(n)] for n in rng.integers(0, len(whole), 50)]
    for _ in range(150):
        changed = bytearray(whole)
        changed[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(changed))
    for content in [*damaged, b"", whole + b"\0"]:
        copy.write_bytes(content)
        with pytest.raises(ValueError, match="copy.h5"):
            io.load_solution_data(copy)


def test_foreign_and_missing_files(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(ValueError, match="no solution of tensorflowlr"):
        io.load_solution_data(tmp_path / "other.h5")
    later = io.FORMAT_NAME + b" 999\n"
    (tmp_path / "later.h5").write_bytes(later)
    with pytest.raises(ValueError, match="another version"):
        io.load_solution_data(tmp_path / "later.h5")
    with pytest.raises(FileNotFoundError):
        io.load_solution_data(tmp_path / "none.h5")


@pytest.mark.parametrize("moment", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, solution, monkeypatch, moment):
    path = tmp_path / "run.h5"
    io.save_solution(path, solution)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, moment, full)
    with pytest.raises(OSError, match="No space"):
        io.save_solution(path, solution)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_an_interrupt_leaves_nothing_behind(tmp_path, solution, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(io, "write_tensor", interrupt)
    with pytest.raises(KeyboardInterrupt):
        io.save_solution(tmp_path / "run.h5", solution)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path, solution):
    with pytest.raises(TypeError, match="solution must be a Solution, not dict"):
        io.save_solution(tmp_path / "run.h5", {})
    words = dataclasses.replace(solution, observables={"x": np.array(["a"] * 4)})
    with pytest.raises(ValueError, match="observables\\['x'\\] must be numbers"):
        io.save_solution(tmp_path / "run.h5", words)
    with pytest.raises(OSError, match="none"):
        io.save_solution(tmp_path / "none" / "run.h5", solution)
    assert list(tmp_path.iterdir()) == []
