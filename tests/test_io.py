"""Files of solutions: what goes in comes out, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse

import tensorflowlr as tlr
from tensorflowlr import io
from tensorflowlr.config import load_config
from tensorflowlr.integrators import storage
from tensorflowlr.integrators.storage import load_solution, save_solution
from tensorflowlr.io import sealed, storable
from tensorflowlr.operators import leaf

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "quench.toml"
METHOD = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))
H2 = tlr.TreeOperator.from_terms(
    [(1.0, {0: [1.0, 2.0]}), (1.0, {0: [[0, 1], [1, 0]], 1: [3.0, 4.0]})], tlr.Tree.matrix(), (2, 2)
)


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
    save_solution(tmp_path / "run.h5", solution)
    stored = load_solution(tmp_path / "run.h5")
    again = stored.solution
    for name in ("times", "t"):
        assert np.array_equal(getattr(again, name), getattr(solution, name))
    for name in ("observables", "ranks"):
        kept = getattr(solution, name)
        assert list(getattr(again, name)) == list(kept)
        assert all(np.array_equal(getattr(again, name)[key], kept[key]) for key in kept)
    assert len(again.y) == 3
    assert all(same(a, b) for a, b in zip(again.y, solution.y, strict=True))
    assert same(again.final, solution.final) and again.final.orthonormal
    assert again.stats == solution.stats
    assert (again.status, again.message) == (solution.status, solution.message)
    assert str(again) == str(solution)
    assert stored.metadata == {}
    assert stored.versions["numpy"] == np.__version__
    assert stored.versions["tensorflowlr"] == tlr.__version__
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]
    solution.save(tmp_path / "method.h5")
    assert same(tlr.Solution.load(tmp_path / "method.h5").final, solution.final)


def test_configuration_is_kept_with_its_text(tmp_path, solution):
    config = load_config(EXAMPLE)
    save_solution(tmp_path / "run.h5", solution, metadata=config.metadata())
    metadata = load_solution(tmp_path / "run.h5").metadata
    assert json.loads(metadata["config"]) == config.as_dict()
    assert metadata["config_source"] == EXAMPLE.read_text(encoding="utf-8")


def test_other_programs_can_open_the_file(tmp_path, solution):
    save_solution(tmp_path / "run.h5", solution)
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
    save_solution(path, solution)
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
            load_solution(copy)


def test_foreign_and_missing_files(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(ValueError, match="no solution of tensorflowlr"):
        load_solution(tmp_path / "other.h5")
    later = sealed.FORMAT_NAME + b" 999\n"
    (tmp_path / "later.h5").write_bytes(later)
    with pytest.raises(ValueError, match="another version"):
        load_solution(tmp_path / "later.h5")
    with pytest.raises(FileNotFoundError):
        load_solution(tmp_path / "none.h5")


@pytest.mark.parametrize("moment", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, solution, monkeypatch, moment):
    path = tmp_path / "run.h5"
    save_solution(path, solution)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, moment, full)
    with pytest.raises(OSError, match="No space"):
        save_solution(path, solution)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_an_interrupt_leaves_nothing_behind(tmp_path, solution, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "write_tensor", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_solution(tmp_path / "run.h5", solution)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path, solution):
    with pytest.raises(TypeError, match="solution must be a Solution, not dict"):
        save_solution(tmp_path / "run.h5", {})
    words = dataclasses.replace(solution, observables={"x": np.array(["a"] * 4)})
    with pytest.raises(ValueError, match="observables\\['x'\\] must be numbers"):
        save_solution(tmp_path / "run.h5", words)
    with pytest.raises(OSError, match="none"):
        save_solution(tmp_path / "none" / "run.h5", solution)
    assert list(tmp_path.iterdir()) == []


@storable
@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    parts: tuple


OBJECTS = [
    None, True, 3, -1.5e-300, math.inf, 2 - 1j, "text/with.dots", (), (1, (2.0, "x"), None), [1],
    {"a/b": 1, "": (2,)}, np.arange(6.0).reshape(2, 3), np.ones((2, 2), dtype=np.complex64),
    tlr.Tree(((3, (1, 0)), 2)), tlr.Truncation(rtol=1e-3, max_rank=7),
    tlr.ParallelBUG(tlr.Truncation(atol=1e-9), order=2, reject=10.0, flow=tlr.Krylov(1e-7)),
    tlr.AugmentedBUG(tlr.Truncation(), flow=tlr.RungeKutta4(3)), Setting("x", (1, 2)),
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: repr(value)[:30])
def test_objects_come_back(tmp_path, value):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        io.write_object(file, "value", value)
        again = io.read_object(file, "value")
    assert type(again) is type(value)
    if isinstance(value, np.ndarray):
        assert again.dtype == value.dtype and np.array_equal(again, value)
    else:
        assert again == value


def test_fields_with_sparse_and_diagonal_matrices_come_back(tmp_path):
    rng = np.random.default_rng(0)
    tree, shape = tlr.Tree(((0, 1), 2)), (40, 3, 35)
    sparse = scipy.sparse.random_array((40, 40), density=0.1, rng=rng, format="csr")
    terms = [(1.0, {0: sparse, 2: rng.random(35)}), (2.0, {1: rng.random((3, 3))}),
             (0.5j, {0: rng.random(40), 1: np.eye(3)[::-1]})]
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    source = tlr.TreeTensor.random(tree, shape, 2, rng=1)
    F = tlr.LinearField([H, 2.0 * H], coefficient=[1.0, -1j], source=source)
    Y = tlr.TreeTensor.random(tree, shape, 3, rng=2, dtype=complex)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        io.write_object(file, "F", F)
        G = io.read_object(file, "F")
    kinds = [[leaf.kind(m) for m in group] for group in H.leaf_matrices]
    assert [[leaf.kind(m) for m in group] for group in G.operators[0].leaf_matrices] == kinds
    assert {"sparse", "diagonal"} <= {kind for group in kinds for kind in group}
    one, two = F.evaluate(0.0, Y), G.evaluate(0.0, Y)
    assert all(np.array_equal(a, b) for a, b in zip(one.cores, two.cores, strict=True))
    assert F.probe(0.3, Y) == G.probe(0.3, Y)


@pytest.mark.parametrize("value", [
    len, lambda t: t, object(), {1: 2}, {"f": [1, len]}, tlr.FactoredField(lambda t, Y: Y),
    tlr.LinearField(H2, coefficient=lambda t: t), b"bytes", {1, 2},
], ids=lambda value: type(value).__name__)
def test_what_no_file_can_hold_leaves_nothing_behind(tmp_path, value):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        with pytest.raises(io.NotStorable):
            io.write_object(file, "value", value)
        assert list(file) == []


@pytest.mark.parametrize("damage", ["class", "bond", "nan", "missing", "shape"])
def test_objects_that_cannot_be_are_refused(tmp_path, damage):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        io.write_object(file, "H", H2)
        group = file["H"]
        if damage == "class":
            group.attrs["is"] = "os.system"
        elif damage == "missing":
            del group["inner_cores/0"]
        else:
            del group["inner_cores/0"]
            core = {"bond": np.ones((1, 1)), "nan": np.full((3, 3), np.nan), "shape": np.ones(3)}
            io.write_object(group["inner_cores"], "0", core[damage])
        with pytest.raises((ValueError, LookupError)):
            io.read_object(file, "H")


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    for name in (".a[1].h5.0123abcd.tmp", ".other.h5.0123abcd.tmp", "a[1].h5"):
        (tmp_path / name).write_text("x")
    io.remove_leftovers(tmp_path / "a[1].h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.h5.0123abcd.tmp", "a[1].h5"]
