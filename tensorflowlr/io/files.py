"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorflowlr.checks import checked_path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds."""
    path = checked_path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of `replacing` that a killed process left beside `path`."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob_escaped(path.name)}.????????.tmp"):
        leftover.unlink(missing_ok=True)


def glob_escaped(name: str) -> str:
    """A file name whose special characters a glob pattern takes as they are."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
