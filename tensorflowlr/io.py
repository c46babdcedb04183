"""Solutions and tree tensors in HDF5 files, written whole or not at all."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import secrets
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorflowlr.arrays import to_numpy
from tensorflowlr.integrators import Solution
from tensorflowlr.tensors import LowRankMatrix, TensorTrain, TreeTensor, TuckerTensor
from tensorflowlr.trees import Tree

if TYPE_CHECKING:
    from tensorflowlr.config import RunConfig

FORMAT_NAME = b"tensorflowlr solution"
FORMAT = "tensorflowlr solution 1"
# HDF5 leaves this many bytes at the start of the file to its user
HEAD = 512
KINDS = {kind.__name__: kind for kind in (TreeTensor, LowRankMatrix, TuckerTensor, TensorTrain)}
# what h5py and json raise on files that are not what they should be
DAMAGE = (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError)


def save_solution(
    path: str | os.PathLike[str], solution: Solution, *, config: RunConfig | None = None
) -> None:
    """Write a solution to an HDF5 file.

    The file holds times, observables, ranks, saved states, the final state, statistics, the
    versions of what made it, and the configuration with its text. It appears whole or not
    at all: an older file of the name survives a failure.

    Parameters
    ----------
    path
        The file.
    solution
        What `integrate` returned; arrays of any library, stored as NumPy has them.
    config
        The configuration of the run.

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
    >>> from tensorflowlr.io import load_solution_data, save_solution
    >>> problem = tlr.problems.nearest_neighbour_ising(4)
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-6))
    >>> sol = tlr.integrate(problem.field, problem.start, (0.0, 0.1), step=0.05,
    ...                     method=method, observe=problem.observe)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "four.h5")
    ...     save_solution(path, sol)
    ...     data = load_solution_data(path)
    >>> data["status"], data["times"].tolist()
    ('completed', [0.0, 0.05, 0.1])
    """
    import h5py

    if not isinstance(solution, Solution):
        raise TypeError(f"solution must be a Solution, not {type(solution).__name__}")
    with replacing(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=HEAD) as file:
            _write(file, solution, config)
        seal = _seal(temporary)
        with open(temporary, "rb+") as stream:
            stream.write(seal)


def load_solution_data(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_solution` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        ``times``, ``observables``, ``ranks``, ``t``, ``y``, ``final``, ``stats``,
        ``status`` and ``message`` as a `Solution` has them; ``config`` (the tables) and
        ``config_source``, None where no configuration was saved; ``versions``.

    Raises
    ------
    ValueError
        If the file is damaged or another kind of file.
    OSError
        If there is no such file, or it cannot be opened.
    """
    import h5py

    path = Path(path)
    # HDF5 crashes on some damaged files: none reaches it
    _check_seal(path)
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except DAMAGE as error:
        raise ValueError(f"{path}: no readable solution: {error}") from error


def write_tensor(group: Any, Y: TreeTensor) -> None:
    """Write a tree tensor to an empty HDF5 group.

    ``tree`` is JSON: the children of every inner node, children before parents, leaf i
    being mode i. ``cores/k`` is the core of node k.

    Parameters
    ----------
    group
        A group of h5py.
    Y
        The tensor.
    """
    # nested lists would run into JSON's recursion limit on long combs
    group["tree"] = json.dumps([list(Y.tree.children[node]) for node in Y.tree.inner])
    group.attrs["kind"] = type(Y).__name__
    group.attrs["modes"] = Y.tree.modes
    for node, core in enumerate(Y.cores):
        group[f"cores/{node}"] = to_numpy(core)


def read_tensor(group: Any) -> TreeTensor:
    """Read what `write_tensor` wrote, with NumPy arrays for cores.

    Raises
    ------
    ValueError
        If the group holds something else.
    """
    try:
        modes, children = int(group.attrs["modes"]), json.loads(group["tree"][()])
        built: list[Any] = list(range(modes))
        for below in children:
            built.append(tuple(built[child] for child in below))
        tree = Tree(built[-1])
        if [list(tree.children[node]) for node in tree.inner] != children:
            raise ValueError("the nodes of its tree are out of order")
        cores = [group[f"cores/{node}"][()] for node in tree.nodes]
        made = TreeTensor(tree, cores)
    except (*DAMAGE, IndexError) as error:
        raise ValueError(f"{group.name}: no tree tensor: {error}") from error
    return KINDS.get(group.attrs["kind"], TreeTensor).trusted(tree, made.cores)


def versions() -> dict[str, str]:
    """The versions of Python, of this library and of what its results depend on."""
    from tensorflowlr import __version__

    found = {"python": platform.python_version(), "tensorflowlr": __version__}
    for name in ("numpy", "scipy", "array-api-compat", "opt_einsum", "h5py"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(file: Any, solution: Solution, config: RunConfig | None) -> None:
    file.attrs.update({
        "status": solution.status, "message": solution.message,
        "stats": json.dumps(solution.stats), "versions": json.dumps(versions()),
    })
    if config is not None:
        file["config"] = json.dumps(config.as_dict(), default=str)
        file["config_source"] = config.source
    file["times"] = to_numpy(solution.times)
    for name, values in solution.observables.items():
        array = to_numpy(values)
        if array.dtype.kind not in "biufc":
            raise ValueError(f"observables[{name!r}] must be numbers, not {array.dtype}")
        # a slash or a lone dot would be a path
        key = urllib.parse.quote(name, safe=" ").replace(".", "%2E") or "%"
        dataset = file.require_group("observables").create_dataset(key, data=array)
        dataset.attrs["name"] = name
    for edge, values in solution.ranks.items():
        file[f"ranks/{edge}"] = to_numpy(values)
    file["saved/times"] = to_numpy(solution.t)
    for i, state in enumerate(solution.y):
        write_tensor(file.create_group(f"saved/states/{i}"), state)
    write_tensor(file.create_group("final"), solution.final)


def _read(file: Any) -> dict[str, Any]:
    config, source = file.get("config"), file.get("config_source")
    return {
        "times": file["times"][()],
        "observables": {
            dataset.attrs["name"]: dataset[()] for dataset in file.get("observables", {}).values()
        },
        "ranks": {int(edge): values[()] for edge, values in file.get("ranks", {}).items()},
        "t": file["saved/times"][()],
        "y": [
            read_tensor(file[f"saved/states/{i}"]) for i in range(len(file["saved/times"]))
        ],
        "final": read_tensor(file["final"]),
        "stats": json.loads(file.attrs["stats"]),
        "status": file.attrs["status"],
        "message": file.attrs["message"],
        "config": None if config is None else json.loads(config[()]),
        "config_source": None if source is None else source[()].decode(),
        "versions": json.loads(file.attrs["versions"]),
    }


def _seal(path: Path) -> bytes:
    """The head of a file: what it is, and the hash of all that follows the head."""
    with open(path, "rb") as stream:
        stream.seek(HEAD)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{FORMAT}\nsha256 {digest}\n".encode().ljust(HEAD, b"\0")


def _check_seal(path: Path) -> None:
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if not head.startswith(FORMAT_NAME):
        raise ValueError(f"{path}: no solution of tensorflowlr")
    if not head.startswith(FORMAT.encode() + b"\n"):
        raise ValueError(f"{path}: written by another version; this one reads {FORMAT!r}")
    if head != _seal(path):
        raise ValueError(f"{path}: damaged, its content is not what was written")
