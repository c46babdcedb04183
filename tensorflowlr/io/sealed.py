"""Sealed HDF5 files.

A file starts with a seal, the SHA-256 of what follows, because HDF5 crashes on some damaged
files: none reaches it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorflowlr.checks import checked_path
from tensorflowlr.io.files import replacing

FORMAT_NAME = b"tensorflowlr solution"
FORMAT = "tensorflowlr solution 2"
# HDF5 leaves this many bytes at the start of the file to its user
HEAD = 512
# what h5py and json raise on files that are not what they should be
DAMAGE = (
    OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError,
    ArithmeticError,
)


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file to be filled; sealed and moved to `path` when the block succeeds.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import h5py

    with replacing(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=HEAD) as file:
            yield file
        seal = _seal(temporary)
        with open(temporary, "rb+") as stream:
            stream.write(seal)


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file whose seal is unbroken.

    Raises
    ------
    ValueError
        If the file is damaged, another kind of file, or what the block looks for is not there.
    OSError
        If there is no such file, or it cannot be opened.
    """
    import h5py

    path = checked_path(path)
    _check_seal(path)
    try:
        with h5py.File(path, "r") as file:
            _check_content(file, path.stat().st_size)
            yield file
    except DAMAGE as error:
        raise ValueError(f"{path}: not readable: {error}") from error


def _check_content(file: Any, size: int) -> None:
    """Refuse what reaches outside the file, or claims more than the file can hold."""
    import h5py

    # what is returned ends the visit; an exception would go through the library's C code
    def wrong_link(name: bytes, link: Any) -> str | None:
        hard = link.type == h5py.h5l.TYPE_HARD
        return None if hard else f"{name.decode(errors='replace')} is a link to elsewhere"

    def wrong_item(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual:
            return f"{name} is kept in another file"
        claim = item.nbytes
        return f"{name} claims {claim} bytes in a file of {size}" if claim > size else None

    if wrong := file.id.links.visit(wrong_link, info=True) or file.visititems(wrong_item):
        raise ValueError(wrong)


def _seal(path: Path) -> bytes:
    """The head of a file: what it is, and the hash of all that follows the head."""
    with open(path, "rb") as stream:
        stream.seek(HEAD)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{FORMAT}\nsha256 {digest}\n".encode().ljust(HEAD, b"\0")


def _check_seal(path: Path) -> None:
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if not head.startswith(FORMAT_NAME):
        raise ValueError(f"{path}: no solution of tensorflowlr")
    if not head.startswith(FORMAT.encode() + b"\n"):
        raise ValueError(f"{path}: written by another version; this one reads {FORMAT!r}")
    if head != _seal(path):
        raise ValueError(f"{path}: damaged, its content is not what was written")
