"""Bad calls of what keeps, reads and draws runs, and of ensembles of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from refusal_cases import refuse, refuse_call, refuse_file
from refusal_runs import METHOD, RULE, Y0, H, factored, integrate

import tensorflowlr as tlr
from tensorflowlr.io import read_array
from tensorflowlr.plotting import plot_solution


def saved(folder: Path, **options: Any) -> Path:
    """A checkpoint whose field, method and observers the file holds."""
    integrate(span=(0.0, 0.2), checkpoint=folder / "run.h5", **options)
    return folder / "run.h5"


def resume(folder: Path, options: Any = None, **given: Any) -> Any:
    return tlr.resume(saved(folder, **(options or {})), **given)


def solution(folder: Path) -> Path:
    integrate(span=(0.0, 0.2)).save(folder / "run.h5")
    return folder / "run.h5"


def foreign(folder: Path) -> Path:
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = 1.0
    return folder / "other.h5"


def text(folder: Path) -> Path:
    (folder / "run.h5").write_text("a text")
    return folder / "run.h5"


def stored(folder: Path, array: Any) -> Path:
    np.save(folder / "x.npy", array, allow_pickle=True)
    return folder / "x.npy"


OPEN = {"F": factored(Y0)}

FILES = [
    *refuse("Checkpoint", "path", tlr.Checkpoint, (3, None, True, b"run.h5", ["run.h5"]),
            TypeError, "must be"),
    *refuse("Checkpoint", "steps", lambda v: tlr.Checkpoint("x", steps=v), (0, -1), ValueError,
            "at least 1"),
    *refuse("Checkpoint", "steps", lambda v: tlr.Checkpoint("x", steps=v), (1.5, "3", True),
            TypeError, "positive integer"),
    *refuse("Checkpoint", "seconds", lambda v: tlr.Checkpoint("x", seconds=v),
            (0.0, -1.0, math.nan, math.inf), ValueError, "positive"),
    *refuse("Checkpoint", "seconds", lambda v: tlr.Checkpoint("x", seconds=v), ("60", True, 1j),
            TypeError, "positive"),
    *refuse("Checkpoint", "metadata", lambda v: tlr.Checkpoint("x", metadata=v),
            (3, "text", {1: "a"}, {"a": 1}), TypeError, "must"),
    *[
        case for door, read in (("Solution.load", tlr.Solution.load), ("resume", tlr.resume))
        for case in (
            *refuse(door, "path", read, (3, None, True, ["run.h5"]), TypeError, "must be"),
            *refuse_file(door, "none.h5", lambda f, r=read: r(f / "none.h5"), FileNotFoundError),
            *refuse_file(door, "", lambda f, r=read: r(f), OSError),
            *refuse_file(door, "other.h5", lambda f, r=read: r(foreign(f)), ValueError,
                         "no solution of tensorflowlr"),
            *refuse_file(door, "run.h5", lambda f, r=read: r(text(f)), ValueError,
                         "no solution of tensorflowlr"),
        )
    ],
    *refuse_file("resume", "run.h5", lambda f: tlr.resume(solution(f)), ValueError,
                 "without a checkpoint"),
    *refuse_file("resume", "F must be given", lambda f: resume(f, OPEN), ValueError),
    *refuse_file("resume", "F is not that of the checkpoint", lambda f: resume(f, F=2.0 * H),
                 ValueError),
    *refuse_file("resume", "F must be", lambda f: resume(f, F=3), TypeError, "int"),
    *refuse_file("resume", "method must be", lambda f: resume(f, method=3), TypeError, "3"),
    *refuse_file("resume", "method must be that of the checkpoint",
                 lambda f: resume(f, method=tlr.ParallelBUG(RULE)), ValueError, "ParallelBUG"),
    *refuse_file("resume", "observe must name observables", lambda f: resume(
        f, observe={"y": len}), ValueError, "'y'"),
    *refuse_file("resume", "observe must map", lambda f: resume(f, observe=3), TypeError, "3"),
    *refuse_file("resume", "observe must be given for ['x']", lambda f: resume(
        f, {"observe": {"x": lambda t, Y: 1.0}}), ValueError),
    *[
        case for value in (0.1, 0.2, -1.0)
        for case in refuse_file("resume", "t1 must lie beyond", lambda f, v=value: resume(f, t1=v),
                                ValueError, repr(value))
    ],
    *[
        case for value, error in (("1", TypeError), (True, TypeError), (1j, TypeError),
                                  (math.nan, ValueError), (math.inf, ValueError))
        for case in refuse_file("resume", "t1 must be", lambda f, v=value: resume(f, t1=v),
                                error, repr(value))
    ],
    *refuse_file("resume", "like must be", lambda f: resume(f, like=3, t1=1.0), TypeError, "int"),
    *refuse_file("resume", "progress must be", lambda f: resume(f, progress="yes"), TypeError,
                 "True or False", "'yes'"),
    *refuse_file("resume", "executor must be", lambda f: resume(f, executor=3), TypeError, "3"),
    *refuse("Solution.save", "path", lambda v: integrate().save(v), (3, None, True), TypeError,
            "must be"),
    *refuse_file("Solution.save", "none", lambda f: integrate().save(f / "none" / "run.h5"),
                 OSError, "No such file"),
    *refuse_file("Solution.save", "", lambda f: integrate().save(f), OSError),
    *refuse("plotting.plot_solution", "solution", lambda v: plot_solution(v, "x.png"),
            (3, None, {}, Y0), TypeError, "must be a Solution"),
    *refuse("plotting.plot_solution", "path", lambda v: plot_solution(integrate(), v),
            (3, True), TypeError, "must be"),
    *refuse_file("plotting.plot_solution", "none", lambda f: plot_solution(
        integrate(), f / "none" / "x.png"), OSError, "No such file"),
    *refuse_file("plotting.plot_solution", "title", lambda f: plot_solution(
        integrate(), f / "x.png", title=3), TypeError, "must be", "3"),
]

FILES += [
    *refuse("Solution.plot", "path", lambda v: integrate().plot(v), (3, True), TypeError,
            "must be"),
    *refuse("Solution.plot", "title", lambda v: integrate().plot(title=v), (3, ["a"]), TypeError,
            "must be a text"),
    *refuse_file("Solution.plot", "none", lambda f: integrate().plot(f / "none" / "x.png"), OSError,
                 "No such file"),
    *refuse("io.read_array", "path", read_array, (3, None, True), TypeError, "must be"),
    *refuse_file("io.read_array", "none.npy", lambda f: read_array(f / "none.npy"),
                 FileNotFoundError),
    *refuse_file("io.read_array", "", read_array, OSError),
    *refuse_file("io.read_array", "run.h5", lambda f: read_array(text(f)), ValueError,
                 "no NumPy file"),
    *[
        case for value, words in (
            (np.array(["a"]), "none of numbers"), (np.array([{}], object), ""),
            (np.zeros(2, [("x", "f8")]), "none of numbers"))
        for case in refuse_file("io.read_array", "x.npy", lambda f, v=value: read_array(
            stored(f, v)), ValueError, words)
    ],
]

def problem(member: Any) -> tlr.problems.Problem:
    observe = {"norm": tlr.observers.Norm()}
    return tlr.problems.Problem("x", tlr.LinearField(H), Y0, (0.0, 0.2), observe)


def ensemble(**options: Any) -> Any:
    given = {"make": problem, "members": [1, 2], "step": 0.1, "method": METHOD} | options
    return tlr.integrate_ensemble(**given)


ENSEMBLES = [
    case for argument, values, error, words in (
        ("make", (3, None, "problem"), TypeError, "must be a function"),
        ("members", (3, None), TypeError, "must be a sequence"),
        ("step", (0.0, -0.1, math.nan), ValueError, "must be"),
        ("step", ("0.1", True, None), TypeError, "must be"),
        ("method", (None, tlr.ParallelBUG, RULE), TypeError, "must be"),
        ("observe", (3, [len]), TypeError, "must map names to functions"),
        ("save_at", ("0.5", ["0.5"], [True]), TypeError, "must be times"),
        ("executor", (3, "threads"), TypeError, "must be"),
        ("chunk_size", (0, -1), ValueError, "at least 1"),
        ("chunk_size", (1.5, "2", True), TypeError, "integer"),
        ("progress", ("yes", 1), TypeError, "must be True or False"),
    )
    for case in refuse("integrate_ensemble", argument, lambda v, n=argument: ensemble(**{n: v}),
                       values, error, words)
]
ENSEMBLES += [
    *refuse_call("integrate_ensemble", lambda: ensemble(members=[]), ValueError,
                 "members must not be empty"),
    *refuse("integrate_ensemble", "make", lambda v: ensemble(make=lambda member: v),
            (None, H, 3), TypeError, "must return a Problem"),
    *refuse("Ensemble.observable", "name", lambda v: ensemble().observable(v), ("energy", 3, None),
            ValueError, "must be one of ['norm']"),
    *[
        case for name in ("mean", "variance")
        for case in refuse(f"Ensemble.{name}", "name", lambda v, n=name: getattr(
            ensemble(), n)(v), ("energy", 3), ValueError, "must be one of ['norm']")
    ],
]

CASES = [*FILES, *ENSEMBLES]
