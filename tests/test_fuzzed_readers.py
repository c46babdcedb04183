"""Readers fed with damage: a documented error or something sound, never a crash or code run."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fuzzing import damaged, holding
from hypothesis import given
from hypothesis import strategies as st
from refusal_config import PROBLEMS, text, toml

import tensorflowlr as tlr
from tensorflowlr import io as files
from tensorflowlr.config import ConfigError, RunConfig, build, load_config
from tensorflowlr.io import sealed as seals

HERE = Path(__file__).resolve().parent
# what problems of configuration files may hold when they are built as well
SMALL = {"modes": 8, "points": 20, "cells": 8, "moments": 6, "degree": 2}
METHOD = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))


VALID = [
    text(problem={"name": name} | small, method=method, **rest)
    for name, small in PROBLEMS.items()
    for method, rest in (
        ({}, {}),
        ({"name": "parallel", "order": 2, "reject": 10.0, "flow": {"name": "krylov", "tol": 1e-8}},
         {"run": {"t1": 2.0, "save_at": [0.5, 1.0], "checkpoint": {"steps": 3}},
          "truncation": {"rtol": 1e-3, "max_rank": 7},
          "output": {"name": "x", "picture": False, "directory": "out"}}),
    )
]
WORDS = sorted({
    *("problem", "method", "truncation", "run", "output", "name", "order", "enrich", "flow",
      "reject", "tol", "substeps", "max_dimension", "rtol", "atol", "max_rank", "min_rank", "step",
      "t0", "t1", "save_at", "checkpoint", "steps", "seconds", "directory", "picture", "tree",
      "kind", "root", "field", "modes", "points", "rank", "rng", "amplitudes", "x"),
    *PROBLEMS, *("parallel", "augmented", "krylov", "exponential", "balanced", "train"),
})
SCALARS = st.one_of(
    st.sampled_from(WORDS), st.booleans(), st.integers(-3, 9), st.integers(),
    st.floats(), st.floats(0.0, 2.0),
    st.sampled_from(["", "range", "tangent", 10**400, 1e-300]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=8,
)


def check_config(content: bytes) -> None:
    """A valid configuration, or `ConfigError` in one line."""
    with holding(content, "run.toml") as path:
        try:
            config = load_config(path)
            assert isinstance(config, RunConfig)
            if all(config.problem.get(key, 0) <= most for key, most in SMALL.items()):
                problem, method = build(config)
                assert np.isfinite(problem.start.norm())
                assert callable(method.step)
        except ConfigError as error:
            assert "\n" not in str(error)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(
    lambda t: t.encode("utf-8", "surrogatepass"))))
def test_configurations_of_any_bytes(content):
    check_config(content)


@given(st.data())
def test_damaged_configurations(data):
    source = data.draw(st.sampled_from(VALID)).encode()
    check_config(damaged(data.draw, source))


@given(st.data())
def test_configurations_with_any_values(data):
    """A sound file in which some keys of some tables have other values, or are others."""
    tables = {
        name: data.draw(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4))
        for name in data.draw(st.sets(st.sampled_from(
            ["problem", "method", "truncation", "run", "output"])))
    }
    if data.draw(st.booleans()):
        tables.get("problem", {})["name"] = data.draw(st.sampled_from(sorted(PROBLEMS)))
    try:
        content = text(**tables).encode("utf-8", "surrogatepass")
    except KeyError:
        return
    check_config(content)


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=6))
def test_configurations_of_any_tables(tables):
    check_config("\n".join(f"{key} = {toml(value)}" for key, value in tables.items()).encode(
        "utf-8", "surrogatepass"))


@functools.cache
def sound() -> bytes:
    """A checkpoint that holds all of its run."""
    problem = tlr.problems.nearest_neighbour_ising(3)
    with holding(b"", "run.h5") as path:
        tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1, method=METHOD,
                      observe=problem.observe, save_at=[0.1, 0.2], checkpoint=path)
        return path.read_bytes()


READERS: list[Callable[[Path], Any]] = [tlr.Solution.load, lambda path: tlr.resume(path, t1=0.3)]


def refused(content: bytes) -> None:
    """Both readers refuse it, saying which file."""
    with holding(content, "run.h5") as path:
        for read in READERS:
            with pytest.raises((ValueError, OSError), match=r"run\.h5"):
                read(path)


def sound_or_refused(path: Path) -> None:
    """Each reader refuses the file or gives what can be: finite states at every time."""
    for read in READERS:
        try:
            made = read(path)
        except (ValueError, OSError, tlr.IntegrationError) as error:
            assert str(error)
            continue
        assert isinstance(made, tlr.Solution)
        assert np.all(np.isfinite(made.times.astype(float)))
        for state in [*made.y, made.final]:
            assert np.isfinite(state.norm())
        assert all(len(column) == len(made.times) for column in made.observables.values())


@given(st.binary(max_size=600))
def test_solutions_of_any_bytes(content):
    refused(content)
    refused(sound()[:512] + content)


@given(st.data())
def test_damaged_solutions(data):
    content = damaged(data.draw, sound())
    if content != sound():
        refused(content)


def places(file: h5py.File) -> list[str]:
    """All groups and datasets."""
    found: list[str] = []
    file.visit(found.append)
    return sorted(found)


WRONG = [
    0, -1, 1.5, float("nan"), 10**9, True, "text", "[[0, 1]]", "nan", b"bytes", np.zeros(0),
    np.zeros((2, 0, 3)), np.ones((7, 7)), np.full((2, 2), np.nan), np.arange(5), np.ones(3) * 1j,
    np.array(["a", "b"], dtype=object), np.zeros(2, dtype=[("x", "f8")]), np.array(b"abc"),
]


def written(parent: Any, name: str, value: Any) -> None:
    """Put a value in place of what is there."""
    if name in parent:
        del parent[name]
    if isinstance(value, np.ndarray) and value.dtype == object:
        parent.create_dataset(name, data=value, dtype=h5py.string_dtype())
    else:
        parent[name] = value


def changed(draw: st.DrawFn, file: h5py.File) -> None:
    """One thing in the file is missing, another, or of another shape."""
    place = draw(st.sampled_from(places(file)))
    item = file[place]
    parent, name = item.parent, place.rpartition("/")[2]
    match draw(st.sampled_from(["lose", "value", "attribute", "forget", "class", "group", "cycle",
                                "soft", "outside", "vast", "swap"])):
        case "lose":
            del file[place]
        case "value":
            written(parent, name, draw(st.sampled_from(WRONG)))
        case "attribute":
            owner = draw(st.sampled_from([item, file]))
            if owner.attrs:
                key = draw(st.sampled_from(sorted(owner.attrs)))
                value = draw(st.sampled_from(WRONG))
                if not (isinstance(value, np.ndarray) and value.dtype == object):
                    owner.attrs[key] = value
        case "forget" if item.attrs:
            del item.attrs[draw(st.sampled_from(sorted(item.attrs)))]
        case "class" if "is" in item.attrs:
            item.attrs["is"] = draw(st.sampled_from(
                ["tuple", "dict", "sparse", "tree", "tensor", "operator", "json", "array",
                 "complex", "system", "Truncation", "LinearField", "ParallelBUG", "Norm"]))
        case "group":
            del file[place]
            file.create_group(place)
        case "cycle":
            del file[place]
            file[place] = parent
        case "soft":
            del file[place]
            file[place] = h5py.SoftLink("/final")
        case "outside":
            del file[place]
            file[place] = h5py.ExternalLink("/etc/passwd", "/final")
        case "vast":
            del file[place]
            file.create_dataset(place, shape=(1 << 40,), chunks=(1024,), dtype="f8")
        case "swap":
            other = draw(st.sampled_from(places(file)))
            if not (other.startswith(place) or place.startswith(other)):
                file.move(place, "kept aside")
                file.move(other, place)
                file.move("kept aside", other)


@given(st.data())
def test_sealed_solutions_with_wrong_content(data):
    with holding(sound(), "run.h5") as path:
        with h5py.File(path, "r+") as file:
            for _ in range(data.draw(st.integers(1, 3))):
                changed(data.draw, file)
        sealed(path)
        sound_or_refused(path)


def sealed(path: Path) -> None:
    """Renew the seal, as somebody might who means harm."""
    seal = seals._seal(path)
    with open(path, "rb+") as stream:
        stream.write(seal)


@pytest.mark.parametrize("link", [
    h5py.SoftLink("/final"), h5py.ExternalLink("/etc/passwd", "/x"),
    h5py.ExternalLink("other.h5", "/times"),
], ids=["soft", "external", "another file"])
def test_links_are_not_followed(link):
    with holding(sound(), "run.h5") as path:
        with h5py.File(path.with_name("other.h5"), "w") as other:
            other["times"] = np.zeros(3)
        with h5py.File(path, "r+") as file:
            del file["times"]
            file["times"] = link
        sealed(path)
        with pytest.raises(ValueError, match="times is a link to elsewhere"):
            tlr.Solution.load(path)


def test_data_kept_in_other_files_are_refused():
    with holding(sound(), "run.h5") as path:
        secret = path.with_name("secret")
        secret.write_bytes(np.arange(3.0).tobytes())
        with h5py.File(path, "r+") as file:
            del file["times"]
            file.create_dataset("times", shape=(3,), dtype="f8",
                                external=[(os.fspath(secret), 0, 24)])
        sealed(path)
        with pytest.raises(ValueError, match="times is kept in another file"):
            tlr.Solution.load(path)


def test_a_claim_beyond_the_file_costs_no_memory():
    with holding(sound(), "run.h5") as path:
        with h5py.File(path, "r+") as file:
            del file["times"]
            file.create_dataset("times", shape=(1 << 27,), chunks=(1024,), dtype="f8")
        sealed(path)
        with pytest.raises(ValueError, match="times claims 1073741824 bytes in a file of"):
            tlr.Solution.load(path)


def test_a_claim_of_orthonormal_bases_is_checked():
    """A file that calls bases orthonormal that are not gives right numbers all the same."""
    with holding(sound(), "run.h5") as path:
        true = tlr.Solution.load(path).final
        with h5py.File(path, "r+") as file:
            file["final/cores/0"][...] *= 2.0
        sealed(path)
        made = tlr.Solution.load(path).final
        assert true.orthonormal
        assert not made.orthonormal
        np.testing.assert_allclose(made.norm(), np.linalg.norm(made.to_dense()), rtol=1e-12)
        np.testing.assert_allclose(made.norm(), 2.0 * true.norm(), rtol=1e-12)


@pytest.mark.parametrize(("place", "change", "words"), [
    ("stats", {"steps": 1}, "do not fit the times"), ("stats", {"steps": -2}, "steps"),
    ("stats", {"evaluations": "many"}, "evaluations"), ("stats", {"discarded": None}, "discarded"),
    ("stats", {"moves": {"jump": {}}}, "jump"), ("metadata", {"config": 3}, "texts"),
])
def test_numbers_of_a_run_that_cannot_be(place, change, words):
    with holding(sound(), "run.h5") as path:
        with h5py.File(path, "r+") as file:
            file.attrs[place] = json.dumps(json.loads(file.attrs[place]) | change)
        sealed(path)
        with pytest.raises(ValueError, match=words):
            tlr.Solution.load(path)


@pytest.mark.parametrize(("name", "value"), [
    ("step", 0.03), ("targets", (0.0, 0.15, 0.2)), ("targets", (-1.0, 0.2))])
def test_a_checkpoint_whose_steps_lead_elsewhere_is_refused(name, value):
    with holding(sound(), "run.h5") as path:
        with h5py.File(path, "r+") as file:
            del file["run"][name]
            files.write_object(file["run"], name, value)
        sealed(path)
        with pytest.raises(ValueError, match="do not lead to its last state"):
            tlr.resume(path, t1=0.4)


def test_a_named_shape_on_another_tree_is_refused():
    with holding(sound(), "run.h5") as path:
        with h5py.File(path, "r+") as file:
            file["final"].attrs["kind"] = "LowRankMatrix"
        sealed(path)
        with pytest.raises(ValueError, match="tree has 2 modes where the tensor has 3"):
            tlr.Solution.load(path)


def test_no_reader_crashes_its_process():
    """The same once more in a process of its own, whose end tells of crashes in libraries."""
    code = "import conftest, test_fuzzed_readers; test_fuzzed_readers.all_once()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=HERE, timeout=300,
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr


def all_once() -> None:
    """Every fuzzed reader with other damage than in the tests above."""
    import test_fuzzed_arrays

    for name, test in [*globals().items(), *vars(test_fuzzed_arrays).items()]:
        if name.startswith("test_") and hasattr(test, "hypothesis"):
            test()
    rng = np.random.default_rng(1)
    for _ in range(100):
        content = bytearray(sound())
        for place in rng.integers(512, len(content), 1 + int(rng.integers(8))):
            content[int(place)] = int(rng.integers(256))
        if bytes(content) != sound():
            refused(bytes(content))
    sys.stdout.write("sound\n")
