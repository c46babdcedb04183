"""Tables, verdicts, and files that are written whole or not at all."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: a temporary name, synced, then moved in place."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@dataclass
class Table:
    """A table that is printed, and written as CSV (all digits) and Markdown.

    Parameters
    ----------
    title
        One line above the table.
    columns
        Pairs of a heading and a format specification for its cells; None and NaN show as a
        dash, strings as they are.
    """

    title: str
    columns: Sequence[tuple[str, str]]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, *cells: Any) -> None:
        """Append a row.

        Raises
        ------
        ValueError
            If the number of cells is not that of the columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"cells must be {len(self.columns)}, not {len(cells)}")
        self.rows.append(cells)

    def _cells(self) -> list[list[str]]:
        return [
            [_cell(value, form) for value, (_, form) in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]

    def text(self) -> str:
        """The table with aligned columns."""
        lines = [[heading for heading, _ in self.columns], *self._cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        made = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, "", made[0], "-" * len(made[0]), *made[1:], ""])

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [[heading for heading, _ in self.columns], ["---"] * len(self.columns)]
        rows = ["| " + " | ".join(line) + " |" for line in [*lines, *self._cells()]]
        return "\n".join([f"**{self.title}**", "", *rows, ""])

    def csv(self) -> str:
        """The table as comma-separated values, numbers unrounded."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([heading for heading, _ in self.columns])
        writer.writerows([[_plain(cell) for cell in row] for row in self.rows])
        return stream.getvalue()

    def save(self, output: Path, name: str) -> None:
        """Print the table; write ``name.csv`` and ``name.md``."""
        print(self.text(), flush=True)
        write(output / f"{name}.csv", self.csv())
        write(output / f"{name}.md", self.markdown())


def _cell(value: Any, form: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return format(value, form)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@dataclass
class Verdicts:
    """What a reproduction claims, one line per claim: PASS or FAIL, the number, the bound."""

    lines: list[str] = field(default_factory=list)
    failed: int = 0

    def _add(self, good: bool, text: str) -> bool:
        self.lines.append(f"{'PASS' if good else 'FAIL'}  {text}")
        self.failed += not good
        print(self.lines[-1], flush=True)
        return good

    def at_most(self, claim: str, value: float, bound: float) -> bool:
        """Claim that a number does not exceed a bound; NaN fails."""
        return self._add(value <= bound, f"{claim}: {value:.3g} <= {bound:.3g}")

    def at_least(self, claim: str, value: float, bound: float) -> bool:
        """Claim that a number reaches a bound; NaN fails."""
        return self._add(value >= bound, f"{claim}: {value:.3g} >= {bound:.3g}")

    def save(self, output: Path) -> int:
        """Write ``verdicts.txt``; return 0 if every claim holds, else 1."""
        count = len(self.lines)
        summary = f"{count - self.failed} of {count} verdicts pass"
        print(summary, flush=True)
        write(output / "verdicts.txt", "\n".join([*self.lines, summary, ""]))
        return 1 if self.failed else 0
