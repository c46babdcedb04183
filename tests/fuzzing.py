"""Damage to feed readers with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st


@contextmanager
def holding(content: bytes, name: str) -> Iterator[Path]:
    """A file of some content in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        yield path


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Some bytes replaced, taken out, doubled or put in; or the end cut off."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        span = draw(st.integers(0, 12))
        match draw(st.sampled_from(["flip", "cut", "double", "put", "end", "move"])):
            case "flip" if at < len(changed):
                changed[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del changed[at : at + span]
            case "double":
                changed[at:at] = changed[at : at + span]
            case "put":
                changed[at:at] = draw(st.binary(max_size=8))
            case "end":
                del changed[at:]
            case "move":
                place = draw(st.integers(0, len(changed)))
                changed[place:place] = changed[at : at + span]
    return bytes(changed)
