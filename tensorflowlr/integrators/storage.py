"""Solutions in HDF5 files."""

from __future__ import annotations

import json
import math
import os
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import to_numpy
from tensorflowlr.checks import real_number, whole_number
from tensorflowlr.installed import versions
from tensorflowlr.integrators.solution import Solution
from tensorflowlr.integrators.step import MOVES
from tensorflowlr.io import read_tensor, reading, write_tensor, writing


@dataclass(frozen=True)
class StoredSolution:
    """What a file of a solution holds.

    Attributes
    ----------
    solution : Solution
    metadata : dict of str to str
        Texts that were given along, such as the configuration.
    versions : dict of str to str
        The versions of what made the file.
    """

    solution: Solution
    metadata: dict[str, str]
    versions: dict[str, str]


def save_solution(
    path: str | os.PathLike[str],
    solution: Solution,
    *,
    metadata: Mapping[str, str] | None = None,
    more: Callable[[Any], None] | None = None,
) -> None:
    """Write a solution to an HDF5 file.

    The file holds times, observables, ranks, saved states, the final state, statistics and
    the versions of what made it. It appears whole or not at all: an older file of the name
    survives a failure.

    Parameters
    ----------
    path
        The file.
    solution
        What `integrate` returned; arrays of any library, stored as NumPy has them.
    metadata
        Texts to keep along.
    more
        Called with the open file to write more into it.

    Raises
    ------
    TypeError
        If `solution` is no `Solution`.
    ValueError
        If an observable holds something else than numbers.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tensorflowlr as tlr
    >>> problem = tlr.problems.nearest_neighbour_ising(4)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-6))
    >>> sol = tlr.integrate(problem.field, problem.start, (0.0, 0.1), step=0.05,
    ...                     method=method, observe=problem.observe)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "four.h5")
    ...     sol.save(path)
    ...     again = tlr.Solution.load(path)
    >>> again.status, again.times.tolist()
    ('completed', [0.0, 0.05, 0.1])
    """
    if not isinstance(solution, Solution):
        raise TypeError(f"solution must be a Solution, not {type(solution).__name__}")
    with writing(path) as file:
        file.attrs.update({
            "status": solution.status, "message": solution.message,
            "stats": json.dumps(solution.stats), "versions": json.dumps(versions()),
            "metadata": json.dumps(dict(metadata or {})),
        })
        file["times"] = to_numpy(solution.times)
        for name, values in solution.observables.items():
            array = to_numpy(values)
            if array.dtype.kind not in "biufc":
                raise ValueError(f"observables[{name!r}] must be numbers, not {array.dtype}")
            # a slash or a lone dot would be a path
            key = urllib.parse.quote(name, safe=" ").replace(".", "%2E") or "%"
            dataset = file.require_group("observables").create_dataset(key, data=array)
            dataset.attrs["name"] = name
        # in the order in which they were given
        file.attrs["observables"] = json.dumps(list(solution.observables))
        for edge, values in solution.ranks.items():
            file[f"ranks/{edge}"] = to_numpy(values)
        file["saved/times"] = to_numpy(solution.t)
        for i, state in enumerate(solution.y):
            write_tensor(file.create_group(f"saved/states/{i}"), state)
        write_tensor(file.create_group("final"), solution.final)
        if more is not None:
            more(file)


def load_solution(path: str | os.PathLike[str]) -> StoredSolution:
    """Read what `save_solution` wrote; all arrays come back in NumPy.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        If the file is damaged or another kind of file.
    OSError
        If there is no such file, or it cannot be opened.
    """
    with reading(path) as file:
        return stored_solution(file)


def stored_solution(file: Any) -> StoredSolution:
    """The solution in an open file."""
    times = file["times"][()]
    found = {d.attrs["name"]: d[()] for d in file.get("observables", {}).values()}
    observables = {name: found[name] for name in json.loads(file.attrs["observables"])}
    ranks = {int(edge): values[()] for edge, values in file.get("ranks", {}).items()}
    saved = file["saved/times"][()]
    stats = _checked_stats(json.loads(file.attrs["stats"]))
    steps = [float(t) for t in times[1:] - times[:-1]]
    if times.dtype.kind != "f" or not (
        all(math.isfinite(t) for t in times.tolist())
        and (all(h > 0.0 for h in steps) or all(h < 0.0 for h in steps))
    ):
        raise ValueError("the times do not go on")
    if stats["steps"] != len(steps) or not set(saved.tolist()) <= set(times.tolist()):
        raise ValueError("the number of steps or the times of saved states do not fit the times")
    solution = Solution(
        t=saved,
        y=[read_tensor(file[f"saved/states/{i}"]) for i in range(len(saved))],
        final=read_tensor(file["final"]),
        times=times,
        observables=observables,
        ranks=dict(sorted(ranks.items())),
        stats=stats,
        status=str(file.attrs["status"]),
        message=str(file.attrs["message"]),
    )
    for name, column in (observables | {f"the ranks of edge {e}": r for e, r in ranks.items()}
                         ).items():
        if column.ndim < 1 or len(column) != len(times):
            raise ValueError(f"{name} do not fit the {len(times)} times")
    if times.ndim != 1 or not len(times) or solution.ranks.keys() != solution.final.ranks.keys():
        raise ValueError("the times or ranks are incomplete")
    metadata, made_by = (json.loads(file.attrs[name]) for name in ("metadata", "versions"))
    for texts in (metadata, made_by):
        if not isinstance(texts, dict) or not all(isinstance(v, str) for v in texts.values()):
            raise ValueError("the texts that were kept along are none")
    return StoredSolution(solution, metadata, made_by)


def _checked_stats(stats: Any) -> dict[str, Any]:
    for name in ("steps", "rejected", "evaluations", "rank_capped", "checkpoints"):
        whole_number(stats[name], name, 0)
    for name in ("discarded", "discarded_max", "wall_seconds", "cpu_seconds"):
        real_number(stats[name], name)
    for name, move in stats["moves"].items():
        if name not in MOVES:
            raise ValueError(f"there is no move {name!r}")
        whole_number(move["calls"], "calls", 0)
        for clock in ("wall", "cpu"):
            real_number(move[clock], clock)
    return stats
