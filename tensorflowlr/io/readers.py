"""Arrays of numbers from files of NumPy, text tables and Parquet; nothing in them is ever run."""

from __future__ import annotations

import os
import tokenize
import warnings
from pathlib import Path

from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import checked_path

MAGIC = b"\x93NUMPY"
# what NumPy raises on files that are not what they should be
DAMAGED = (
    ValueError, TypeError, EOFError, SyntaxError, ArithmeticError, LookupError, MemoryError,
    RecursionError, AttributeError, tokenize.TokenError, UserWarning,
)


def read_numbers(path: Path) -> Array:
    """The array of numbers in a ``.npy``, ``.csv`` or ``.parquet`` file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged, of another kind, or holds something else than numbers.
    ImportError
        If reading Parquet needs pyarrow, which is not there.
    """
    path = checked_path(path)
    readers = {".npy": read_array, ".csv": read_csv, ".parquet": read_parquet}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: must end in {', '.join(readers)}")
    return readers[path.suffix.lower()](path)


def read_array(path: str | os.PathLike[str]) -> Array:
    """Read an array of numbers from a NumPy file (``.npy``); nothing in it is ever run.

    Parameters
    ----------
    path
        The file, as `numpy.save` writes it.

    Raises
    ------
    ValueError
        If the file is damaged, another kind of file, or holds something else than numbers.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from tensorflowlr.io import read_array
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "x.npy")
    ...     np.save(path, np.arange(3.0))
    ...     read_array(path)
    array([0., 1., 2.])
    """
    path = checked_path(path)
    try:
        return _whole_array(path)
    except DAMAGED as error:
        raise ValueError(f"{path}: no readable array: {error}") from None


def _whole_array(path: Path) -> Array:
    """The array in a NumPy file, if it is one of numbers, whole and alone.

    The file is mapped before it is copied, so that a header that claims more than the file
    holds costs no memory; objects, which would be unpickled, are refused.
    """
    with open(path, "rb") as stream:
        head = stream.read(len(MAGIC))
    if head != MAGIC:
        raise ValueError("no NumPy file")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = host.load(path, mmap_mode="r", allow_pickle=False)
    if mapped.dtype.kind not in "biufc":
        raise ValueError(f"its dtype {mapped.dtype} is none of numbers")
    size = os.path.getsize(path)
    if mapped.offset + mapped.nbytes != size:
        raise ValueError(f"it has {size} bytes where {mapped.offset + mapped.nbytes} were due")
    return host.array(mapped, dtype=mapped.dtype.newbyteorder("="))


def read_csv(path: Path) -> Array:
    """A table of numbers, separated by commas, perhaps below one line of names.

    Raises
    ------
    ValueError
        If it is none.
    OSError
        If it cannot be opened.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            lines = [line.strip() for line in stream if line.strip()]
        rows = [line.split(",") for line in lines]
        try:
            first = [float(cell) for cell in rows[0]]
        except ValueError:
            rows = rows[1:]
            first = [float(cell) for cell in rows[0]]
        table = [first, *([float(cell) for cell in row] for row in rows[1:])]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: no table of numbers: {error}") from None
    lengths = {len(row) for row in table}
    if len(lengths) > 1:
        raise ValueError(f"{path}: rows of {min(lengths)} and of {max(lengths)} numbers")
    return host.asarray(table)


def read_parquet(path: Path) -> Array:
    """The columns of numbers of a Parquet file.

    Raises
    ------
    ValueError
        If it is damaged, or a column holds something else than numbers, all there.
    ImportError
        If pyarrow is missing.
    OSError
        If it cannot be opened.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install 'tensorflowlr[data]'") from error
    with open(path, "rb") as stream:
        try:
            table = pyarrow.parquet.read_table(stream)
            columns = [column.to_numpy() for column in table.columns]
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ValueError(f"{path}: no readable Parquet file: {error}") from None
    for name, column in zip(table.column_names, columns, strict=True):
        if column.dtype.kind not in "iuf":
            raise ValueError(f"{path}: column {name!r} holds {column.dtype}, no numbers")
    if not columns:
        raise ValueError(f"{path}: no columns")
    return host.stack([column.astype(float) for column in columns], axis=1)
