"""What the command line says, and the codes it ends with."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import typer

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


@contextmanager
def plain_errors() -> Iterator[None]:
    """Warnings as one line each; Ctrl-C and want of memory without a traceback."""
    from tensorflowlr.decompositions import DecompositionWarning
    from tensorflowlr.integrators import CheckpointWarning, RankCapWarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:
        note(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", RankCapWarning)
        warnings.simplefilter("always", CheckpointWarning)
        warnings.simplefilter("always", DecompositionWarning)
        warnings.showwarning = show
        try:
            yield
        except KeyboardInterrupt:
            stop("interrupted", INTERRUPTED)
        except MemoryError as error:
            stop(f"not enough memory: {error}", FAILED)


def about(error: OSError) -> str:
    """What went wrong with which file."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def note(line: str) -> None:
    """One line on the error stream."""
    typer.echo(" ".join(line.split()), err=True)


def stop(line: str, code: int) -> NoReturn:
    """End the command with a line and a code."""
    note(f"tensorflowlr: {line}")
    raise typer.Exit(code)


def table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """A title, and below it names with words beside them."""
    typer.echo(title)
    for name, words in rows:
        typer.echo(f"  {name:<18}{words}")
