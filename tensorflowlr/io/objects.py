"""Values and objects in groups of HDF5 files.

Nothing in a file is ever run: settings come back through the constructors of classes known
by name.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from tensorflowlr import arrays
from tensorflowlr.arrays import to_numpy
from tensorflowlr.io.tensors import read_tensor, read_tree, write_tensor, write_tree
from tensorflowlr.operators import TreeOperator
from tensorflowlr.tensors import SymmetricCP, TreeTensor
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation

# storable classes that the package does not load by itself, and where they are
LATE = dict.fromkeys(("TubalField", "TubalTensor", "CommonRank"), "tensorflowlr.tubal")

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
