"""Bad configuration files: every key, what it was and what it may be, in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from refusal_cases import NOTHING, Case, refuse, refuse_file

from tensorflowlr.config import ConfigError, build, load_config

PROBLEMS: dict[str, dict[str, Any]] = {
    "nearest_neighbour_ising": {"modes": 4},
    "long_range_ising": {"modes": 4},
    "discrete_schroedinger": {"points": 8},
    "radiation_slab": {"cells": 5, "moments": 4, "points": 2},
    "line_source": {"cells": 4, "degree": 1, "points": 2},
}


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{k} = {toml(v)}' for k, v in value.items())} }}"
    return str(value)


def text(**tables: dict[str, Any]) -> str:
    """A whole file: what is not given is sound; a key with None is left out."""
    problem = {"name": "nearest_neighbour_ising"} | tables.get("problem", {})
    sound = PROBLEMS.get(str(problem["name"]), {"modes": 4})
    given: dict[str, dict[str, Any]] = {
        "problem": sound | problem,
        "method": {"name": "augmented"} | tables.get("method", {}),
        "run": {"step": 0.1} | tables.get("run", {}),
        "truncation": tables.get("truncation", {}),
        "output": tables.get("output", {}),
    }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in table.items() if v is not None)
        for name, table in given.items()
    )


def written(folder: Path, source: str | bytes) -> Path:
    path = folder / "run.toml"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return path


def made(folder: Path, source: str | bytes) -> Any:
    """The problem and method of a file."""
    return build(load_config(written(folder, source)))


def one_line(error: ConfigError) -> None:
    assert "\n" not in str(error)


def key(name: str, values: Any, *words: str, keyed: str = "", **tables: dict[str, Any]
        ) -> list[Case]:
    """A key with bad values; the message starts with the key or with its table."""
    table, _, last = name.partition(".")

    def source(value: Any) -> str:
        inside = dict(tables.get(table, {}))
        place = inside
        *path, leaf = last.split(".")
        for part in path:
            place[part] = place = dict(place.get(part, {}))
        place[leaf] = value
        return text(**(tables | {table: inside}))

    return [
        Case(f"config:{name}", keyed or f"{name}:", shown(value, words), ConfigError,
             lambda folder, v=value: made(folder, source(v)), words, one_line)
        for value in values
    ]


def shown(value: Any, words: tuple[str, ...]) -> Any:
    """The value as the reader of TOML gives it; of lists and unknown keys the words tell."""
    if isinstance(value, list) or words[:1] == ("no such key",) or "0xf" in str(value)[:3]:
        return NOTHING
    return tomllib.loads(f"x = {toml(value)}")["x"]


def whole(source: str | bytes, *words: str) -> list[Case]:
    """A file that is refused as a whole."""
    return [
        case for case in refuse_file("config.load_config", words[0],
                                     lambda folder: load_config(written(folder, source)),
                                     ConfigError, *words[1:])
    ]


LONG = {"problem": {"name": "long_range_ising"}}
WAVE = {"problem": {"name": "discrete_schroedinger"}}
SLAB = {"problem": {"name": "radiation_slab"}}
SOURCE = {"problem": {"name": "line_source"}}
PARALLEL = {"method": {"name": "parallel"}}
RAW = type("Raw", (), {"__init__": lambda self, text: setattr(self, "text", text),
                       "__str__": lambda self: self.text})
DATE, NAN, INF, MINUS = RAW("1979-05-27"), RAW("nan"), RAW("inf"), RAW("-inf")
NOT_NUMBERS = ("1", True, [1.0], {"a": 1}, DATE)
NOT_FINITE = (NAN, INF, MINUS)
NOT_WHOLE = ("4", 4.0, True, [4], DATE, NAN)
NOT_TEXTS = (3, True, ["a"], {"a": 1}, 1.5)
VAST = 10**400

FILES = [
    *whole("x = ", "run.toml", "not TOML"),
    *whole(b"\xff\xfe", "run.toml", "not UTF-8"),
    *whole(b"\x00", "run.toml", "not TOML"),
    *whole(f"x = {'[' * 5000}0{']' * 5000}", "run.toml"),
    *whole(f"[run]\nstep = 0.1\nt1 = 1{'0' * 5000}\n", "run.toml", "not TOML"),
    *whole("[metod]\n", "metod: no such table", "(did you mean 'method'?)"),
    *whole("run = 3\n", "run: must be a table", "not 3"),
    *whole("[[run]]\nstep = 1\n", "run: must be a table", "[{'step': 1}]"),
    *whole("", "run.step: is missing", "must be a number"),
    *whole("[run]\nstep = 0.1\n", "problem.name: is missing",
           "it may be discrete_schroedinger", "long_range_ising"),
    *refuse_file("config.load_config", "none.toml", lambda f: load_config(f / "none.toml"),
                 FileNotFoundError),
    *refuse_file("config.load_config", "", load_config, OSError),
    *refuse("config.load_config", "path", load_config, (3, None, True), TypeError, "must be"),
    *refuse("config.build", "config", build, (3, None, {}, "run.toml"), TypeError,
            "must be a RunConfig"),
    *[
        case for table in ("problem", "method", "truncation", "run", "output")
        for case in key(f"{table}.nonsense", (1,), "no such key", "there are")
    ],
    *[
        case for (table, name), words in {
            ("problem", "long_range"): ("problem.name: was 'long_range'",
                                        "(did you mean 'long_range_ising'?)"),
            ("method", "parallell"): ("method.name: was 'parallell'",
                                      "(did you mean 'parallel'?)"),
        }.items()
        for case in refuse_file("config.load_config", words[0], lambda f, t=table, n=name: made(
            f, text(**{t: {"name": n}})), ConfigError, words[1])
    ],
    *refuse_file("config.load_config", "problem.tree: was 'balance'", lambda f: made(
        f, text(problem={"tree": "balance"})), ConfigError, "(did you mean 'balanced'?)"),
    *[
        case for table, words in (("problem", "it must be an integer"), ("method", "it may be"))
        for missing in [{"problem": "modes", "method": "name"}[table]]
        for case in refuse_file("config.load_config", f"{table}.{missing}: is missing",
                                lambda f, t=table, m=missing: made(f, text(**{t: {m: None}})),
                                ConfigError, words)
    ],
    *refuse_file("config.load_config", "problem.feild", lambda f: made(
        f, text(problem={"feild": 1})), ConfigError, "(did you mean 'field'?)"),
    *refuse_file("config.load_config", "method.ordre", lambda f: made(
        f, text(method={"ordre": 1})), ConfigError, "(did you mean 'order'?)"),
    *refuse_file("config.load_config", "problem.span", lambda f: made(
        f, text(problem={"span": [0, 1]})), ConfigError, "given by run.t0 and run.t1"),
]

PROBLEM = [
    *key("problem.name", ("long_range", "", *NOT_TEXTS, []), "it may be discrete_schroedinger"),
    *[
        case for tables in ({}, LONG)
        for case in (
            *key("problem.modes", NOT_WHOLE, "must be an integer", **tables),
            *key("problem.modes", (0, -1), "must be at least 1", **tables),
            *key("problem.field", NOT_NUMBERS, "must be a number", **tables),
            *key("problem.field", NOT_FINITE, "must be finite", **tables),
        )
    ],
    *key("problem.modes", (10**9, 10**18), "must be at most"),
    *[
        case for name, tables in (
            ("coupling", {}), ("detuning", LONG), ("interaction", LONG), ("exponent", LONG))
        for case in (
            *key(f"problem.{name}", NOT_NUMBERS, "must be a number", **tables),
            *key(f"problem.{name}", NOT_FINITE, "must be finite", **tables),
        )
    ],
    *key("problem.exponent", (-1e4,), "exponent must be", keyed="problem", **LONG),
    *key("problem.points", NOT_WHOLE, "must be an integer", **WAVE),
    *key("problem.points", (1, 0, -3), "points must be at least 2", keyed="problem", **WAVE),
    *key("problem.rank", NOT_WHOLE, "must be an integer", **WAVE),
    *key("problem.rank", (0, 9), "rank must be at", keyed="problem", **WAVE),
    *key("problem.rng", ("a", 1.5, -1, True, {"a": 1}, DATE), "rng must be", keyed="problem",
         **WAVE),
    *key("problem.tree", ("balance", "", 3, True, 1.5), "it may be"),
    *key("problem.tree", ([[0, 1], [2, 2]], [[0, 1], [2, "3"]], [], [[], 0], [[0, 1], [2, 3.0]]),
         "spec"),
    *key("problem.tree", ([0, 1],), "holds 2 modes, but problem.modes = 4", keyed="problem.tree"),
    *key("problem.tree.kind", ("chain",), "it may be", keyed="problem.tree"),
    *key("problem.tree.kind", NOT_TEXTS, "must be a text"),
    *key("problem.tree.root", (4, -1), "root must be at", keyed="problem.tree",
         problem={"tree": {"kind": "train"}}),
    *key("problem.tree.root", NOT_WHOLE, "must be an integer", problem={"tree": {"kind": "train"}}),
    *key("problem.tree.root", (1,), "no such key", problem={"tree": {"kind": "tucker"}}),
    *key("problem.tree.root", (1,), "no such key"),
]

TRANSPORT = [
    *[
        case for name, least, tables in (
            ("cells", 3, SLAB), ("cells", 3, SOURCE), ("moments", 2, SLAB), ("degree", 1, SOURCE),
            ("points", 1, SLAB), ("points", 1, SOURCE), ("rank", 1, SLAB))
        for case in (
            *key(f"problem.{name}", NOT_WHOLE, "must be an integer", **tables),
            *key(f"problem.{name}", (least - 1, -1), f"{name} must be at least {least}",
                 keyed="problem", **tables),
        )
    ],
    *[
        case for name, bad, tables in (
            ("half_width", (0.0, -1.0), SLAB), ("half_width", (0.0, -1.0), SOURCE),
            ("width", (0.0, -1.0), SLAB), ("width", (0.0, -1.0), SOURCE),
            ("absorption", (-1.0,), SLAB), ("absorption", (-1.0,), SOURCE),
            ("scattering", (-1.0,), SLAB), ("scattering", (), SOURCE), ("floor", (-1.0,), SOURCE))
        for case in (
            *key(f"problem.{name}", NOT_NUMBERS, "must be a number", **tables),
            *key(f"problem.{name}", NOT_FINITE, "must be finite", **tables),
            *key(f"problem.{name}", bad, f"{name} must be", keyed="problem", **tables),
        )
    ],
    *[
        case for tables in (SLAB, SOURCE)
        for case in (
            *key("problem.amplitudes", (1.0, "12", True, {"a": 1}), "amplitudes must be",
                 keyed="problem", **tables),
            *key("problem.amplitudes", (["1"], [True], [NAN], [[1.0]]), "amplitudes[0] must be",
                 keyed="problem", **tables),
        )
    ],
    *key("problem.tree", ("balance", 3, True), "it may be", **SLAB),
    *key("problem.tree", ([0, 1],), "tree has 2 modes", keyed="problem", **SLAB),
    *refuse_file("config:problem.amplitudes", "must not sum to more than", lambda f: made(
        f, text(problem={"name": "radiation_slab", "scattering": 1.0, "amplitudes": [0.5, 0.6]})),
        ConfigError, "0.6"),
]

METHOD = [
    *key("method.name", ("parallell", "", *NOT_TEXTS), "it may be parallel, augmented"),
    *key("method.order", NOT_WHOLE, "must be an integer"),
    *key("method.order", (0, 3, -1), "order must be 1 or 2", keyed="method"),
    *key("method.enrich", NOT_TEXTS, "must be a text"),
    *key("method.enrich", ("all",), "enrich must be 'range' or 'tangent'", keyed="method"),
    *key("method.reject", NOT_NUMBERS, "must be a number", **PARALLEL),
    *key("method.reject", NOT_FINITE, "must be finite", **PARALLEL),
    *key("method.reject", (0.0, -1.0), "reject must be", keyed="method", **PARALLEL),
    *refuse_file("config:method.reject", "method.reject", lambda f: made(
        f, text(method={"reject": 1.0})), ConfigError, 'only the method "parallel"'),
    *[
        case for name in ("order", "enrich")
        for case in refuse_file(f"config:method.{name}", f"method.{name}", lambda f, n=name: made(
            f, text(method={"name": "fixed_rank", n: {"order": 1, "enrich": "range"}[n]})),
            ConfigError, 'the method "fixed_rank" has no choice of it')
    ],
    *key("method.flow", (3, "krylov", True, [1]), "must be a table"),
    *key("method.flow.name", ("rk4", *NOT_TEXTS), "it may be runge_kutta4"),
    *refuse_file("config:method.flow.name", "method.flow.name", lambda f: made(
        f, text(method={"flow": {"tol": 1e-3}})), ConfigError, "is missing"),
    *[
        case for name in ("krylov", "exponential")
        for tables in ({"method": {"flow": {"name": name}}},)
        for case in (
            *key("method.flow.tol", NOT_NUMBERS, "must be a number", **tables),
            *key("method.flow.tol", NOT_FINITE, "must be finite", **tables),
            *key("method.flow.tol", (0.0, 2.0, -1.0), "tol must be", keyed="method.flow", **tables),
        )
    ],
    *key("method.flow.max_dimension", NOT_WHOLE, "must be an integer",
         method={"flow": {"name": "krylov"}}),
    *key("method.flow.max_dimension", (1, -1), "max_dimension must be at least 2",
         keyed="method.flow", method={"flow": {"name": "krylov"}}),
    *key("method.flow.substeps", NOT_WHOLE, "must be an integer",
         method={"flow": {"name": "runge_kutta4"}}),
    *key("method.flow.substeps", (0, -1), "substeps must be at least 1", keyed="method.flow",
         method={"flow": {"name": "runge_kutta4"}}),
    *key("method.flow.substeps", (1,), "no such key", method={"flow": {"name": "krylov"}}),
]

REST = [
    *[
        case for name in ("rtol", "atol")
        for case in (
            *key(f"truncation.{name}", NOT_NUMBERS, "must be a number"),
            *key(f"truncation.{name}", NOT_FINITE, "must be finite"),
            *key(f"truncation.{name}", (-1.0, -1e-300), f"{name} must be", keyed="truncation"),
        )
    ],
    *[
        case for name in ("max_rank", "min_rank")
        for case in (
            *key(f"truncation.{name}", NOT_WHOLE, "must be an integer"),
            *key(f"truncation.{name}", (0, -1), f"{name} must be at least 1", keyed="truncation"),
        )
    ],
    *refuse_file("config:truncation.min_rank", "truncation: min_rank = 3", lambda f: made(
        f, text(truncation={"min_rank": 3, "max_rank": 2})), ConfigError, "max_rank = 2"),
    *[
        case for name in ("step", "t0", "t1")
        for case in (
            *key(f"run.{name}", NOT_NUMBERS, "must be a number"),
            *key(f"run.{name}", NOT_FINITE, "must be finite"),
            *key(f"run.{name}", (VAST,), "must fit a floating-point number"),
        )
    ],
    *key("run.step", (0.0, -0.1), "must be positive"),
    *key("run.step", (1e-300,), "step must be large enough", keyed="run"),
    *key("run.t1", (0, 0.0), "must differ from run.t0 = 0.0"),
    *key("run.t1", (1.7e308,), "run.t1", run={"t0": -1.7e308}),
    *key("run.save_at", (1.0, "0.5", True, {"a": 1}), "must be a list of numbers"),
    *key("run.save_at", (["a"], ["0.5"], [True], [[0.5]]), "must be a number, not"),
    *key("run.save_at", ([2.0], [-0.1], [0.5, 1.5]), "must lie in [0, 1], not"),
    *key("run.save_at", ([NAN], [INF]), "must be finite, not"),
    *key("run.checkpoint", (60.0, "run.h5", True, [1]), "must be a table"),
    *key("run.checkpoint.nonsense", (1,), "no such key"),
    *key("run.checkpoint.steps", NOT_WHOLE, "must be an integer"),
    *key("run.checkpoint.steps", (0, -1), "steps must be at least 1", keyed="run.checkpoint"),
    *key("run.checkpoint.seconds", NOT_NUMBERS, "must be a number"),
    *key("run.checkpoint.seconds", NOT_FINITE, "must be finite"),
    *key("run.checkpoint.seconds", (0.0, -1.0), "seconds must be", keyed="run.checkpoint"),
    *key("output.directory", NOT_TEXTS, "must be a text"),
    *refuse_file("config:output.directory", "output.directory", lambda f: made(
        f, text(output={"directory": "a\\u0000b"})), ConfigError, "must be the name of a folder"),
    *[
        case for name in ("run.step", "problem.modes", "method.order", "truncation.max_rank",
                          "problem.field", "output.picture")
        # more digits than Python writes down
        for case in key(name, (RAW("0x" + "f" * 5000),), "must", keyed=name.partition(".")[0])
    ],
    *key("output.name", NOT_TEXTS, "must be a text"),
    *key("output.name", ("a/b", "", ".", ".."), "must be a file name without folders"),
    *key("output.picture", (1, "yes", 0.0, []), "must be true or false"),
]

CASES = [*FILES, *PROBLEM, *TRANSPORT, *METHOD, *REST]
