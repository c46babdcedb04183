"""Runs carried out for the command line: the file, the picture and what is said of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tensorflowlr.cli.messages import BAD_INPUT, FAILED, INTERRUPTED, about, note, stop

if TYPE_CHECKING:
    from tensorflowlr.integrators import Solution


def carry_out(
    work: Callable[[], Solution], what: str, path: Path, metadata: Mapping[str, str],
    kept: bool, quiet: bool,
) -> None:
    """Run, write the file (where the run did not keep it itself) and the picture, report."""
    from tensorflowlr.integrators import IntegrationError

    failure = None
    try:
        with warnings.catch_warnings():
            # an overflow ends the run with an error that says more
            warnings.simplefilter("ignore", RuntimeWarning)
            solution = work()
    except IntegrationError as error:
        if error.solution is None:
            stop(str(error), FAILED)
        failure, solution = error, error.solution
    except OSError as error:
        stop(about(error), BAD_INPUT)
    except (TypeError, ValueError) as error:
        stop(str(error) if str(error).startswith(what) else f"{what}: {error}", BAD_INPUT)
    written = _write(solution, path, metadata, kept)
    if not quiet:
        typer.echo(str(solution))
        for file in written:
            typer.echo(f"wrote {file}")
    if failure is not None:
        stop(str(failure), FAILED)
    if solution.status == "interrupted":
        stop(solution.message, INTERRUPTED)


def _write(
    solution: Solution, path: Path, metadata: Mapping[str, str], kept: bool
) -> list[Path]:
    from tensorflowlr.integrators.storage import load_solution, save_solution

    written = [path]
    try:
        if not kept:
            save_solution(path, solution, metadata=metadata)
        elif load_solution(path).solution.status != solution.status:
            # the last checkpoint failed, as a warning said
            stop(f"{path}: holds the run only in part; resume goes on from there", FAILED)
        tables = json.loads(metadata.get("config", "{}"))
        if tables.get("output", {}).get("picture", True):
            from tensorflowlr.plotting import plot_solution

            picture = path.with_suffix(".png")
            problem = tables.get("problem", {}).get("name")
            title = path.stem if problem is None else f"{path.stem}: {problem}"
            plot_solution(solution, picture, title=title)
            written.append(picture)
    except ImportError as error:
        note(f"no picture: {error}")
    except OSError as error:
        stop(about(error), FAILED)
    return written
