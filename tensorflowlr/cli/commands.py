"""The commands and their options."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorflowlr.cli.messages import BAD_INPUT, FAILED, about, note, plain_errors, stop, table
from tensorflowlr.cli.runs import carry_out

if TYPE_CHECKING:
    from tensorflowlr.integrators import Solution

app = typer.Typer(
    name="tensorflowlr",
    help="Low-rank tensor computation on trees of small tensors.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal without these letters shall not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    # schedulers ask before they kill: end as after Ctrl-C, with everything written
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


@app.callback()
def common(
    context: typer.Context,
    threads: Annotated[int | None, typer.Option(
        min=1, help="Threads of the linear algebra: 1, unless OMP_NUM_THREADS says otherwise."
    )] = None,
) -> None:
    """Low-rank tensor computation on trees of small tensors."""
    from tensorflowlr import arrays

    if threads is None and not any(name in os.environ for name in arrays.THREAD_VARIABLES):
        # more threads than one slow small tensors down, manifold where processors are shared
        threads = 1
    if threads is not None:
        context.with_resource(arrays.limited_blas_threads(threads))


@app.command()
def integrate(
    config: Annotated[Path, typer.Argument(help="The run, a TOML file.", metavar="CONFIG.toml")],
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results, in place of the file's.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
) -> None:
    """Integrate a configured problem; write an HDF5 file and a picture."""
    with plain_errors():
        from tensorflowlr.config import ConfigError, build, load_config
        from tensorflowlr.integrators import Checkpoint
        from tensorflowlr.integrators import integrate as run

        try:
            settings = load_config(config)
            if output is not None:
                settings = settings.with_directory(output)
            problem, method = build(settings)
            settings.directory.mkdir(parents=True, exist_ok=True)
        except ConfigError as error:
            where = "" if str(error).startswith(f"{config}:") else f"{config}: "
            stop(f"{where}{error}", BAD_INPUT)
        except OSError as error:
            stop(about(error), BAD_INPUT)
        path = settings.directory / f"{settings.name}.h5"
        checkpoint = None
        if settings.checkpoint is not None:
            checkpoint = Checkpoint(path, **settings.checkpoint, metadata=settings.metadata())

        def work() -> Solution:
            return run(
                problem.field, problem.start, problem.span, step=settings.step, method=method,
                observe=problem.observe, save_at=settings.save_at, progress=not quiet,
                checkpoint=checkpoint,
            )

        carry_out(work, str(config), path, settings.metadata(), checkpoint is not None, quiet)


@app.command()
def resume(
    file: Annotated[Path, typer.Argument(help="The file of a checkpointed run.", metavar="RUN.h5")],
    until: Annotated[float | None, typer.Option(help="A later end than the run had.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
) -> None:
    """Go on with a run that stopped, bit for bit as if it had not; draw its picture again."""
    with plain_errors():
        from tensorflowlr.integrators import resume as go_on
        from tensorflowlr.integrators.storage import load_solution

        try:
            metadata = load_solution(file).metadata
        except OSError as error:
            stop(about(error), BAD_INPUT)
        except ValueError as error:
            stop(str(error), BAD_INPUT)
        carry_out(
            lambda: go_on(file, t1=until, progress=not quiet), str(file), file, metadata, True,
            quiet,
        )


@app.command()
def decompose(
    file: Annotated[Path, typer.Argument(help="An array: .npy, .csv or .parquet.")],
    method: Annotated[str, typer.Option(help="spm, tucker, tree or tubal.")] = "spm",
    moments: Annotated[
        int | None, typer.Option(help="Decompose the moments of this order of the file's rows.")
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Terms, or the largest rank.")] = None,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance, or noise level.")] = None,
    seed: Annotated[int, typer.Option(help="Of random starts.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
) -> None:
    """Decompose an array in a file; write an HDF5 file and a picture."""
    with plain_errors():
        from tensorflowlr import decompose as methods

        try:
            source = methods.load(file, moments)
            result = methods.run(method, source, methods.Options(rank, rtol, seed, not quiet))
        except OSError as error:
            stop(about(error), BAD_INPUT)
        except (TypeError, ValueError, OverflowError, ImportError) as error:
            stop(str(error) if str(error).startswith(str(file)) else f"{file}: {error}",
                  BAD_INPUT)
        folder = file.parent if output is None else output
        kept, picture = folder / f"{file.stem}.h5", folder / f"{file.stem}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            result.save(kept)
            written = [kept]
            try:
                result.plot(picture, title=f"{file.name}: {method}")
                written.append(picture)
            except ImportError as error:
                note(f"no picture: {error}")
        except OSError as error:
            stop(about(error), FAILED)
        if not quiet:
            typer.echo(result.summary)
            for path in written:
                typer.echo(f"wrote {path}")


@app.command()
def reproduce(
    name: Annotated[str | None, typer.Argument(help="The experiment; see --list.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every experiment.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Say which there are.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("output"),
    full: Annotated[bool, typer.Option("--full", help="Also the longer runs.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Images to train on, where an experiment trains.")
    ] = None,
) -> None:
    """Run published experiments again; the exit code is 1 where a verdict fails."""
    with plain_errors():
        from tensorflowlr.reproductions import find, load
        from tensorflowlr.tables import nearest

        try:
            folder, titles = find()
        except FileNotFoundError as error:
            stop(str(error), BAD_INPUT)
        if listing:
            width = max(len(key) for key in titles)
            for key, title in titles.items():
                typer.echo(f"{key:<{width}}  {title}")
            return
        if everything == (name is not None):
            stop(f"give one experiment or --all; there are {', '.join(titles)}", BAD_INPUT)
        if name is not None and name not in titles:
            stop(f"no experiment {name!r}{nearest(name, titles)}; there are "
                  f"{', '.join(titles)}", BAD_INPUT)
        failed = []
        for key in titles if everything else [str(name)]:
            place = output / key
            try:
                place.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                stop(about(error), BAD_INPUT)
            try:
                module = load(folder, key)
            except ImportError as error:
                stop(f"{key}: {error}", FAILED)
            given = {}
            if data is not None and "data" in inspect.signature(module.run).parameters:
                given["data"] = data
            elif data is not None and not everything:
                stop(f"{key}: takes no --data", BAD_INPUT)
            try:
                if module.run(place, full=full, **given):
                    failed.append(key)
            except (OSError, ValueError) as error:
                if not given:
                    raise
                stop(f"{key}: {error}", BAD_INPUT)
            typer.echo(f"{key}: results are in {place}")
        if failed:
            stop(f"verdicts failed in {', '.join(failed)}", FAILED)


@app.command()
def info() -> None:
    """Show versions, array libraries, BLAS threads and where the methods come from."""
    with plain_errors():
        from tensorflowlr.installed import array_libraries, linear_algebra, versions
        from tensorflowlr.integrators import cite
        from tensorflowlr.integrators.citations import METHODS

        table("versions", versions().items())
        table("array libraries", array_libraries().items())
        table("BLAS", linear_algebra() or [("no thread pool found", "")])
        table("methods", [(method.__name__, cite(method)) for method in METHODS])
