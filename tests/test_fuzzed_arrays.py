"""Files of NumPy fed with damage: an array of numbers or `ValueError`; nothing is unpickled."""

from __future__ import annotations

import io
import os
import pickle
from typing import Any

import numpy as np
import pytest
from fuzzing import damaged, holding
from hypothesis import given
from hypothesis import strategies as st

from tensorflowlr import io as files


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


ARRAYS = [
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((3, 2))), np.ones(4, "complex64"),
    np.arange(3, dtype=">i4"), np.array([True, False]), np.array(2.5), np.ones((1, 1, 2), "f4"),
    np.zeros((0, 3)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}{a.shape}")
def test_arrays_come_back(array):
    with holding(npy(array), "x.npy") as path:
        made = files.read_array(path)
        np.testing.assert_array_equal(made, array)
        assert made.dtype == array.dtype.newbyteorder("=")
        assert type(made) is np.ndarray


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("sprung",)


def check_array(content: bytes) -> None:
    with holding(content, "x.npy") as path:
        try:
            made = files.read_array(path)
        except (ValueError, OSError) as error:
            assert "x.npy" in str(error)
        else:
            assert made.dtype.kind in "biufc"
            assert made.nbytes <= len(content)


@given(st.binary(max_size=300))
def test_arrays_of_any_bytes(content):
    check_array(content)
    check_array(npy(ARRAYS[0])[:10] + content)


@given(st.data())
def test_damaged_arrays(data):
    check_array(damaged(data.draw, npy(data.draw(st.sampled_from(ARRAYS)))))


@given(st.text(alphabet="{}()[]'\",:0123456789<>fiObTrueFalsnNdcwhp_ xL", max_size=80))
def test_arrays_with_any_header(header):
    line = header.encode() + b"\n"
    check_array(b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + bytes(64))


@pytest.mark.parametrize("content", [
    npy(np.array([Trap()], object), allow_pickle=True), pickle.dumps(Trap()),
    npy(np.zeros(2, [("x", "f8"), ("y", "O")]), allow_pickle=True),
    npy(np.zeros(2, [("x", "f8")])), npy(np.array(["a"])), npy(np.array(["2020"], "M8[D]")),
    npy(ARRAYS[0])[:-1], npy(ARRAYS[0]) + b"\0", b"", b"\x93NUMPY",
    npy(ARRAYS[0]).replace(b"(2, 3)", b"(9, 9)"), npy(ARRAYS[0]).replace(b"(2, 3)", b"(2, 1)"),
    npy(ARRAYS[0]).replace(b"(2, 3),", b"(2,-3),"), b"PK\x03\x04" + bytes(40),
    npy(np.ones(1)).replace(b"(1,), }          ", b"(9999999999999,), "),
])
def test_files_that_are_no_arrays(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with holding(content, "x.npy") as path, pytest.raises(ValueError, match=r"x\.npy"):
        files.read_array(path)
    assert list(tmp_path.iterdir()) == []


def test_paths_of_arrays(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.read_array(tmp_path / "none.npy")
    with pytest.raises(OSError):
        files.read_array(tmp_path)
