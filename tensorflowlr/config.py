"""Runs described by a TOML file: read, checked key by key, and built."""

from __future__ import annotations

import inspect
import json
import math
import os
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tensorflowlr.checks import checked_path, checked_step, shown
from tensorflowlr.integrators import AugmentedBUG, Checkpoint, FixedRankBUG, ParallelBUG
from tensorflowlr.moves.flows import Exponential, Krylov, RungeKutta4
from tensorflowlr.problems import CATALOGUE, Problem
from tensorflowlr.tables import ConfigError as ConfigError
from tensorflowlr.tables import built, check_keys, checked, listed, nearest, typed
from tensorflowlr.trees import MOST_MODES, Tree
from tensorflowlr.truncation import Truncation

TABLES = ("problem", "method", "truncation", "run", "output")
METHODS: dict[str, Callable[..., Any]] = {
    "parallel": ParallelBUG, "augmented": AugmentedBUG, "fixed_rank": FixedRankBUG,
}
FLOWS: dict[str, Callable[..., Any]] = {
    "runge_kutta4": RungeKutta4, "exponential": Exponential, "krylov": Krylov,
}
TREES: dict[str, Callable[..., Tree]] = {
    "balanced": Tree.balanced, "train": Tree.train, "tucker": Tree.tucker,
}
TREE_MAY_BE = (
    '"balanced", "train", "tucker", nested lists of modes, or a table such as '
    '{ kind = "train", root = 8 }'
)


@dataclass(frozen=True)
class RunConfig:
    """One run, checked; the tables as the file has them, defaults filled in.

    Attributes
    ----------
    problem, method, truncation : mapping of str to value
        ``problem`` and ``method`` hold ``name`` and the keyword arguments.
    step, t0, t1 : float
        Of the table ``run``.
    save_at : tuple of float or None
        Of the table ``run``.
    checkpoint : mapping of str to value, or None
        The interval, ``steps`` or ``seconds`` or both; None for no checkpoints.
    directory : pathlib.Path
        Where results go, relative to the current directory.
    name : str
        The results' file name, without a suffix.
    picture : bool
        Whether a PNG is drawn.
    source : str
        The file's text.
    """

    problem: Mapping[str, Any]
    method: Mapping[str, Any]
    truncation: Mapping[str, Any]
    step: float
    t0: float
    t1: float
    save_at: tuple[float, ...] | None
    checkpoint: Mapping[str, Any] | None
    directory: Path
    name: str
    picture: bool
    source: str

    def with_directory(self, directory: str | os.PathLike[str]) -> RunConfig:
        """The same run with its results elsewhere."""
        return replace(self, directory=Path(directory))

    def metadata(self) -> dict[str, str]:
        """What goes into the file of the results: the tables as JSON, and the text."""
        return {"config": json.dumps(self.as_dict(), default=str), "config_source": self.source}

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The tables as plain dictionaries, fit for JSON."""
        return {
            "problem": dict(self.problem),
            "method": dict(self.method),
            "truncation": dict(self.truncation),
            "run": {
                "step": self.step, "t0": self.t0, "t1": self.t1,
                "save_at": None if self.save_at is None else list(self.save_at),
                "checkpoint": None if self.checkpoint is None else dict(self.checkpoint),
            },
            "output": {
                "directory": str(self.directory), "name": self.name, "picture": self.picture,
            },
        }


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read and check a run configuration.

    Parameters
    ----------
    path
        A TOML file with the tables ``problem``, ``method``, ``truncation``, ``run`` and
        ``output``; `examples/quench.toml` explains each key.

    Raises
    ------
    ConfigError
        In one line: the table and key, what it was and what it may be.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tensorflowlr.config import load_config
    >>> text = '''
    ... problem = { name = "long_range_ising", modes = 4 }
    ... method = { name = "parallel" }
    ... run = { step = 0.01 }
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "four.toml")
    ...     _ = path.write_text(text)
    ...     config = load_config(path)
    >>> config.name, config.t1
    ('four', 1.0)
    """
    path = checked_path(path)
    try:
        source = path.read_bytes().decode()
        tables = tomllib.loads(source)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error})") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: lists nested too deeply") from None
    check_keys(tables, TABLES, "", "table")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{name}: must be a table, not {shown(table)}")
    run = checked("run", tables.get("run", {}), {
        "step": (float, ...), "t0": (float, 0.0), "t1": (float, 1.0), "save_at": (list, None),
        "checkpoint": (dict, None),
    })
    if not run["step"] > 0.0:
        raise ConfigError(f"run.step: must be positive, not {run['step']!r}")
    if run["t0"] == run["t1"]:
        raise ConfigError(f"run.t1: must differ from run.t0 = {run['t0']!r}")
    if not math.isfinite(run["t1"] - run["t0"]):
        raise ConfigError(f"run.t1: must be nearer to run.t0 = {run['t0']!r}, not {run['t1']!r}")
    built("run", checked_step, run["step"], run["t0"], run["t1"])
    output = checked("output", tables.get("output", {}), {
        "directory": (str, "output"), "name": (str, path.stem), "picture": (bool, True),
    })
    if "\0" in output["directory"]:
        raise ConfigError(
            f"output.directory: must be the name of a folder, not {shown(output['directory'])}"
        )
    name = output["name"]
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise ConfigError(f"output.name: must be a file name without folders, not {name!r}")
    return RunConfig(
        problem=_problem(tables.get("problem", {})),
        method=_method(tables.get("method", {})),
        truncation=checked("truncation", tables.get("truncation", {}), {
            "rtol": (float, 0.0), "atol": (float, 0.0), "max_rank": (int, None),
            "min_rank": (int, 1),
        }),
        step=run["step"], t0=run["t0"], t1=run["t1"],
        save_at=_saves(run["save_at"], run["t0"], run["t1"]),
        checkpoint=_checkpoint(run["checkpoint"]),
        directory=Path(output["directory"]), name=name, picture=output["picture"],
        source=source,
    )


def build(config: RunConfig) -> tuple[Problem, Any]:
    """The problem and the method of a configuration.

    Raises
    ------
    ConfigError
        If the builder of the problem, the method, its flow or the truncation refuses a
        value.
    TypeError
        If `config` is none.
    """
    if not isinstance(config, RunConfig):
        raise TypeError(f"config must be a RunConfig, not {shown(config)}")
    arguments = {k: v for k, v in config.problem.items() if k != "name"}
    if "tree" in arguments:
        arguments["tree"] = _tree(arguments["tree"], arguments.get("modes"))
    builder = CATALOGUE[config.problem["name"]]
    problem = built("problem", builder, **arguments, span=(config.t0, config.t1))
    settings = {k: v for k, v in config.method.items() if k not in ("name", "flow")}
    if "flow" in config.method:
        flow = dict(config.method["flow"])
        settings["flow"] = built("method.flow", FLOWS[flow.pop("name")], **flow)
    rule = built("truncation", Truncation, **config.truncation)
    method = built("method", METHODS[config.method["name"]], rule, **settings)
    return problem, method


def _problem(table: Mapping[str, Any]) -> dict[str, Any]:
    name = _named("problem", table, CATALOGUE)
    hints = typing.get_type_hints(CATALOGUE[name])
    keys: dict[str, tuple[Any, Any]] = {"name": (str, ...)}
    for key, parameter in inspect.signature(CATALOGUE[name]).parameters.items():
        default = ... if parameter.default is parameter.empty else parameter.default
        keys[key] = (hints[key], default)
    if "span" in table:
        raise ConfigError("problem.span: is given by run.t0 and run.t1")
    del keys["span"]
    made = checked("problem", table, keys)
    if "modes" in made:
        modes = made["modes"]
        if not 1 <= modes <= MOST_MODES:
            bound = "at least 1" if modes < 1 else f"at most {MOST_MODES}"
            raise ConfigError(f"problem.modes: must be {bound}, not {shown(modes)}")
    if made.get("tree", ...) is None:
        # those whose modes follow from other keys have trees of their own
        made["tree"] = "balanced" if "modes" in made else None
    elif "tree" in made:
        _tree(made["tree"], made.get("modes"))
    return made


def _tree(value: Any, modes: int | None) -> Tree | None:
    """The tree of ``problem.tree``, for a given number of modes; where none is given, a list."""
    options: dict[str, Any] = {}
    if modes is None and not isinstance(value, list):
        if value is None:
            return None
        raise ConfigError(f"problem.tree: was {shown(value)}; it may be nested lists of modes")
    if isinstance(value, dict):
        keys: dict[str, tuple[Any, Any]] = {"kind": (str, ...)}
        if value.get("kind") == "train":
            keys["root"] = (int, 0)
        options = checked("problem.tree", value, keys)
        value = options.pop("kind")
    if isinstance(value, list):
        tree = built("problem.tree", Tree, value)
        if modes is not None and tree.modes != modes:
            raise ConfigError(
                f"problem.tree: holds {tree.modes} modes, but problem.modes = {modes}"
            )
        return tree
    if not isinstance(value, str) or value not in TREES:
        near = nearest(value, TREES)
        raise ConfigError(f"problem.tree: was {shown(value)}{near}; it may be {TREE_MAY_BE}")
    return built("problem.tree", TREES[value], modes, **options)


def _method(table: Mapping[str, Any]) -> dict[str, Any]:
    name = _named("method", table, METHODS)
    keys: dict[str, tuple[Any, Any]] = {
        "name": (str, ...), "order": (int, 1), "enrich": (str, "range"), "flow": (dict, None),
    }
    if name == "parallel":
        keys["reject"] = (float, None)
    elif "reject" in table:
        raise ConfigError('method.reject: only the method "parallel" rejects steps')
    if name == "fixed_rank":
        for key in ("order", "enrich"):
            if key in table:
                raise ConfigError(f'method.{key}: the method "fixed_rank" has no choice of it')
            del keys[key]
    made = {k: v for k, v in checked("method", table, keys).items() if v is not None}
    if "flow" in made:
        flow = _named("method.flow", made["flow"], FLOWS)
        hints = typing.get_type_hints(FLOWS[flow])
        made["flow"] = checked("method.flow", made["flow"], {"name": (str, ...)} | {
            key: (hints[key], parameter.default)
            for key, parameter in inspect.signature(FLOWS[flow]).parameters.items()
        })
    return made


def _named(where: str, table: Mapping[str, Any], choices: Mapping[str, Any]) -> str:
    if "name" not in table:
        raise ConfigError(f"{where}.name: is missing; it may be {listed(choices)}")
    name = table["name"]
    if not isinstance(name, str) or name not in choices:
        near = nearest(name, choices)
        raise ConfigError(f"{where}.name: was {shown(name)}{near}; it may be {listed(choices)}")
    return name


def _checkpoint(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if table is None:
        return None
    made = checked("run.checkpoint", table, {"steps": (int, None), "seconds": (float, None)})
    built("run.checkpoint", Checkpoint, "name", **made)
    return made


def _saves(values: list[Any] | None, t0: float, t1: float) -> tuple[float, ...] | None:
    if values is None:
        return None
    times = tuple(typed("run.save_at", t, float) for t in values)
    low, high = min(t0, t1), max(t0, t1)
    for t in times:
        if not low <= t <= high:
            raise ConfigError(f"run.save_at: must lie in [{low:g}, {high:g}], not {shown(t)}")
    return times
