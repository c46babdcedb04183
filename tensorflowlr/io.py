"""HDF5 files written whole or not at all, and what goes into them: tensors, operators, settings.

A file starts with a seal, the SHA-256 of what follows, because HDF5 crashes on some damaged
files: none reaches it. Nothing in a file is ever run: settings come back through the
constructors of classes known by name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tensorflowlr import arrays
from tensorflowlr.arrays import to_numpy
from tensorflowlr.checks import checked_path
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import LowRankMatrix, SymmetricCP, TensorTrain, TreeTensor, TuckerTensor
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation

FORMAT_NAME = b"tensorflowlr solution"
FORMAT = "tensorflowlr solution 2"
# HDF5 leaves this many bytes at the start of the file to its user
HEAD = 512
KINDS = {kind.__name__: kind for kind in (TreeTensor, LowRankMatrix, TuckerTensor, TensorTrain)}
# classes whose cores are no plain arrays, and the modules that keep them
SPECIAL = {"TubalSVD": "tensorflowlr.tubal.files"}
# storable classes that the package does not load by itself, and where they are
LATE = dict.fromkeys(("TubalField", "TubalTensor", "CommonRank"), "tensorflowlr.tubal")
# what h5py and json raise on files that are not what they should be
DAMAGE = (
    OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError,
    ArithmeticError,
)

Class = TypeVar("Class", bound=type)

_STORABLE: dict[str, type] = {}


class NotStorable(TypeError):
    """A value that no file can hold, such as a function."""


def storable(kind: Class) -> Class:
    """Let objects of a class be kept in files; a decorator.

    The class is a dataclass, whose fields are kept, or has a method ``stored()`` that returns
    the keyword arguments of its constructor, or of its class method ``restored`` if it has one.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from tensorflowlr.io import storable
    >>> @storable
    ... @dataclass(frozen=True)
    ... class Threshold:
    ...     value: float
    """
    _STORABLE[kind.__name__] = kind
    return kind


storable(Truncation)
storable(SymmetricCP)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block succeeds."""
    path = checked_path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of `replacing` that a killed process left beside `path`."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob_escaped(path.name)}.????????.tmp"):
        leftover.unlink(missing_ok=True)


def glob_escaped(name: str) -> str:
    """A file name whose special characters a glob pattern takes as they are."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file to be filled; sealed and moved to `path` when the block succeeds.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import h5py

    with replacing(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=HEAD) as file:
            yield file
        seal = _seal(temporary)
        with open(temporary, "rb+") as stream:
            stream.write(seal)


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file whose seal is unbroken.

    Raises
    ------
    ValueError
        If the file is damaged, another kind of file, or what the block looks for is not there.
    OSError
        If there is no such file, or it cannot be opened.
    """
    import h5py

    path = checked_path(path)
    _check_seal(path)
    try:
        with h5py.File(path, "r") as file:
            _check_content(file, path.stat().st_size)
            yield file
    except DAMAGE as error:
        raise ValueError(f"{path}: not readable: {error}") from error


def _check_content(file: Any, size: int) -> None:
    """Refuse what reaches outside the file, or claims more than the file can hold."""
    import h5py

    # what is returned ends the visit; an exception would go through the library's C code
    def wrong_link(name: bytes, link: Any) -> str | None:
        hard = link.type == h5py.h5l.TYPE_HARD
        return None if hard else f"{name.decode(errors='replace')} is a link to elsewhere"

    def wrong_item(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual:
            return f"{name} is kept in another file"
        claim = item.nbytes
        return f"{name} claims {claim} bytes in a file of {size}" if claim > size else None

    if wrong := file.id.links.visit(wrong_link, info=True) or file.visititems(wrong_item):
        raise ValueError(wrong)


def read_array(path: str | os.PathLike[str]) -> arrays.Array:
    """Read an array of numbers from a NumPy file (``.npy``); nothing in it is ever run.

    Parameters
    ----------
    path
        The file, as `numpy.save` writes it.

    Raises
    ------
    ValueError
        If the file is damaged, another kind of file, or holds something else than numbers.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from tensorflowlr.io import read_array
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "x.npy")
    ...     np.save(path, np.arange(3.0))
    ...     read_array(path)
    array([0., 1., 2.])
    """
    path = checked_path(path)
    try:
        return arrays.load_array(path)
    except arrays.DAMAGED as error:
        raise ValueError(f"{path}: no readable array: {error}") from None


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
    write_tree(group, Y.tree)
    group.attrs["kind"] = type(Y).__name__
    # known to be orthonormal, or to be made so: the next step depends on it bit for bit
    group.attrs["orthonormal"] = Y.orthonormal
    special = _special(group.attrs["kind"])
    if special is not None:
        special.write_cores(group, Y)
        return
    for node, core in enumerate(Y.cores):
        group[f"cores/{node}"] = to_numpy(core)


def _special(kind: str) -> Any:
    """The module that keeps cores which are no plain arrays, or None."""
    return importlib.import_module(SPECIAL[kind]) if kind in SPECIAL else None


def read_tensor(group: Any) -> TreeTensor:
    """Read what `write_tensor` wrote, with NumPy arrays for cores.

    Raises
    ------
    ValueError
        If the group holds something else.
    """
    special = _special(str(group.attrs.get("kind")))
    if special is not None:
        found: TreeTensor = special.read_cores(group)
        return found
    try:
        tree = read_tree(group)
        cores = [group[f"cores/{node}"][()] for node in tree.nodes]
        made = TreeTensor(tree, cores)
        orthonormal = bool(group.attrs.get("orthonormal", False)) and all(
            _columns_orthonormal(core) for core in cores[:-1]
        )
    except DAMAGE as error:
        raise ValueError(f"{group.name}: no tree tensor: {error}") from error
    kind = KINDS.get(group.attrs["kind"], TreeTensor)
    kind.check_tree(tree)
    return kind.trusted(tree, made.cores, orthonormal=orthonormal)


def _columns_orthonormal(core: Any) -> bool:
    columns = arrays.unfold(core, core.ndim - 1)
    gap = arrays.adjoint(columns) @ columns - arrays.eye(core.shape[-1], core.shape[-1], core)
    return arrays.norm(gap) <= 1e4 * arrays.epsilon(core)


def write_tree(group: Any, tree: Tree) -> None:
    """Write a tree to a group: dataset ``tree`` and attribute ``modes``."""
    # nested lists would run into JSON's recursion limit on long combs
    group["tree"] = json.dumps([list(tree.children[node]) for node in tree.inner])
    group.attrs["modes"] = tree.modes


def read_tree(group: Any) -> Tree:
    """Read what `write_tree` wrote."""
    modes, children = int(group.attrs["modes"]), json.loads(group["tree"][()])
    if not 0 < modes <= 1 << 20:
        raise ValueError(f"a tree of {modes} modes")
    built: list[Any] = list(range(modes))
    for below in children:
        built.append(tuple(built[child] for child in below))
    tree = Tree(built[-1])
    if [list(tree.children[node]) for node in tree.inner] != children:
        raise ValueError("the nodes of its tree are out of order")
    return tree


def write_object(group: Any, name: str, value: Any) -> None:
    """Write a value to ``group[name]``.

    Numbers, texts, None, tuples, lists, dictionaries with texts for keys, arrays, sparse
    matrices, trees, tree tensors, tree operators and objects of `storable` classes.

    Raises
    ------
    NotStorable
        If the value is anything else, such as a function; nothing of it is left behind.
    """
    if isinstance(value, complex):
        value = (value.real, value.imag)
        group[name] = json.dumps(value)
        group[name].attrs["is"] = "complex"
    elif value is None or isinstance(value, (bool, int, float, str)):
        group[name] = json.dumps(value)
        group[name].attrs["is"] = "json"
    elif arrays.is_array(value):
        group[name] = to_numpy(value)
        group[name].attrs["is"] = "array"
    else:
        made = group.create_group(name)
        try:
            made.attrs["is"] = _write_group(made, value)
        except NotStorable as error:
            del group[name]
            raise NotStorable(f"{name}: {error}") from None


def read_object(group: Any, name: str) -> Any:
    """Read what `write_object` wrote; arrays come back in NumPy.

    Raises
    ------
    ValueError, TypeError, LookupError
        If something else is there.
    """
    item = group[name]
    kind = item.attrs["is"]
    if kind == "json":
        return json.loads(item[()])
    if kind == "complex":
        return complex(*json.loads(item[()]))
    if kind == "array":
        return item[()]
    if kind in ("tuple", "list"):
        values = [read_object(item, str(i)) for i in range(len(item))]
        return tuple(values) if kind == "tuple" else values
    if kind == "dict":
        keys = [str(i) for i in range(len(item))]
        return {item[key].attrs["key"]: read_object(item, key) for key in keys}
    if kind == "sparse":
        parts = (item["data"][()], item["indices"][()], item["indptr"][()])
        rows, columns = (int(n) for n in item["shape"][()])
        return arrays.sparse_rows(*parts, (rows, columns))
    if kind == "tree":
        return read_tree(item)
    if kind == "tensor":
        return read_tensor(item)
    if kind == "operator":
        return TreeOperator(
            read_tree(item), read_object(item, "leaf_matrices"), read_object(item, "inner_cores")
        )
    if kind in LATE:
        importlib.import_module(LATE[kind])
    if kind not in _STORABLE:
        raise ValueError(f"{item.name}: of unknown class {kind!r}")
    make = getattr(_STORABLE[kind], "restored", _STORABLE[kind])
    return make(**{key: read_object(item, key) for key in item})


def _write_group(group: Any, value: Any) -> str:
    """Write a value of many parts to its group; return what it is."""
    kind = type(value)
    if kind in (tuple, list):
        for i, part in enumerate(value):
            write_object(group, str(i), part)
        return kind.__name__
    if isinstance(value, Mapping):
        for i, (key, part) in enumerate(value.items()):
            if not isinstance(key, str):
                raise NotStorable(f"a key must be a text, not {key!r}")
            write_object(group, str(i), part)
            group[str(i)].attrs["key"] = key
        return "dict"
    if arrays.is_sparse(value):
        data, indices, indptr = arrays.sparse_parts(value)
        group["data"], group["indices"], group["indptr"] = data, indices, indptr
        group["shape"] = value.shape
        return "sparse"
    if kind is Tree:
        write_tree(group, value)
        return "tree"
    if isinstance(value, TreeTensor):
        write_tensor(group, value)
        return "tensor"
    if kind is TreeOperator:
        write_tree(group, value.tree)
        write_object(group, "leaf_matrices", value.leaf_matrices)
        write_object(group, "inner_cores", value.inner_cores)
        return "operator"
    if _STORABLE.get(kind.__name__) is not kind:
        raise NotStorable(f"{value!r} cannot be kept in a file")
    for key, part in stored_parts(value).items():
        write_object(group, key, part)
    return kind.__name__


def stored_parts(value: Any) -> dict[str, Any]:
    """The constructor's keyword arguments that make a storable object again."""
    if hasattr(value, "stored"):
        return value.stored()
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}


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
