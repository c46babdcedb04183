"""The command that decomposes files, and the readers it uses."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from fuzzing import damaged, holding
from hypothesis import given
from hypothesis import strategies as st
from test_cli import call, one_line

import tensorflowlr as tlr
from tensorflowlr import decompose
from tensorflowlr.io import read_object, reading

CP = tlr.SymmetricCP.random(5, 3, 4, rng=0)


def test_a_symmetric_tensor(tmp_path):
    np.save(tmp_path / "t.npy", CP.to_dense())
    result = call("decompose", tmp_path / "t.npy", "--output", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "out" / "t.png").read_bytes().startswith(b"\x89PNG")
    with reading(tmp_path / "out" / "t.h5") as file:
        found = read_object(file, "tensor")
        assert read_object(file["numbers"], "rank") == 3
    assert (found - CP).norm() < 1e-12 * CP.norm()


@pytest.mark.parametrize("method", ["tucker", "tree"])
def test_dense_methods(tmp_path, method):
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    np.save(tmp_path / "x.npy", x)
    result = call("decompose", tmp_path / "x.npy", "--method", method, "--rtol", 0.5)
    assert result.exit_code == 0 and "relative error" in result.stdout
    with reading(tmp_path / "x.h5") as file:
        Y = read_object(file, "tensor")
    assert np.linalg.norm(Y.to_dense() - x) <= 0.5 * np.linalg.norm(x)


@pytest.mark.parametrize("shape", [(6, 9, 5), (7, 4, 2, 3)])
def test_tubal(tmp_path, shape):
    x = np.random.default_rng(0).standard_normal(shape)
    np.save(tmp_path / "x.npy", x)
    result = call("decompose", tmp_path / "x.npy", "--method", "tubal", "--rank", 2)
    assert result.exit_code == 0 and "relative error" in result.stdout
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with reading(tmp_path / "x.h5") as file:
        Y = read_object(file, "tensor")
        error = read_object(file["numbers"], "error")
    # the best of rank two in every face
    faces = np.fft.fftn(x, axes=range(2, x.ndim))
    faces = np.moveaxis(faces.reshape(*shape[:2], -1), 2, 0)
    tail = np.linalg.svd(faces, compute_uv=False)[:, 2:]
    assert error == pytest.approx(np.linalg.norm(tail) / np.linalg.norm(faces), rel=1e-10)
    assert np.linalg.norm(Y.to_dense() - x) == pytest.approx(error * np.linalg.norm(x), rel=1e-10)


def test_moments_of_every_kind_of_table(tmp_path):
    import pyarrow
    import pyarrow.parquet

    points = np.random.default_rng(0).standard_normal((30, 3))
    np.save(tmp_path / "d.npy", points)
    np.savetxt(tmp_path / "d.csv", points, delimiter=",", header="a,b,c", comments="", fmt="%.17g")
    table = pyarrow.table({c: points[:, i] for i, c in enumerate("abc")})
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet")
    for kind in ("npy", "csv", "parquet"):
        np.testing.assert_array_equal(decompose.load(tmp_path / f"d.{kind}"), points)
        result = call("decompose", tmp_path / f"d.{kind}", "--moments", 4, "--rank", 2)
        assert result.exit_code == 0 and "rank 2" in result.stdout


@pytest.mark.parametrize(("name", "content", "options", "words"), [
    ("none.npy", None, (), "No such file"), ("x.txt", b"1", (), "must end in"),
    ("x.npy", b"text", (), "no readable array"), ("x.csv", b"a,b\n1,x\n", (), "no table"),
    ("x.csv", b"1,2\n3\n", (), "rows of 1 and of 2"), ("x.csv", b"", (), "no table"),
    ("x.parquet", b"PAR1", (), "no readable Parquet"), ("x.csv", b"1,2\n3,4\n", (), "3 axes"),
    ("x.csv", b"1,2\n3,4\n", ("--method", "tubal"), "three axes"),
    ("x.csv", b"1,2\n3,4\n", ("--method", "none"), "must be one of"),
    ("x.csv", b"1,2\n3,4\n", ("--method", "tree", "--moments", 4), "goes with"),
    ("x.csv", b"1,nan\n3,4\n", ("--moments", 4), "NaN"),
    ("x.csv", b"1,2\n3,4\n", ("--moments", 4, "--rank", 9), "rank"),
])
def test_bad_input_is_one_line_and_two(tmp_path, name, content, options, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = call("decompose", tmp_path / name, *options)
    assert result.exit_code == 2
    assert words in one_line(result.stderr)
    assert not list(tmp_path.glob("*.h5"))


@given(st.data())
def test_tables_of_damaged_bytes(data):
    kind = data.draw(st.sampled_from(["csv", "parquet"]))
    if kind == "csv":
        content = damaged(data.draw, b"a,b\n1.0,2.5\n-3e4,0.25\n")
    else:
        content = damaged(data.draw, parquet())
    with holding(content, f"x.{kind}") as path:
        try:
            made = decompose.load(path)
        except ValueError as error:
            assert f"x.{kind}" in str(error)
        else:
            assert made.dtype.kind == "f" and made.ndim == 2


def parquet() -> bytes:
    import io

    import pyarrow
    import pyarrow.parquet

    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1.0, 2.0], "b": [3.0, 4.0]}), stream)
    return stream.getvalue()


def test_no_pickle_in_the_result(tmp_path):
    np.save(tmp_path / "t.npy", CP.to_dense())
    assert call("decompose", tmp_path / "t.npy", "-q").exit_code == 0
    with h5py.File(tmp_path / "t.h5") as file:
        assert sorted(file) == ["numbers", "tensor"]
