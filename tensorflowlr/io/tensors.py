"""Trees and tree tensors in groups of HDF5 files."""

from __future__ import annotations

import importlib
import json
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import to_numpy
from tensorflowlr.io.sealed import DAMAGE
from tensorflowlr.tensors import LowRankMatrix, TensorTrain, TreeTensor, TuckerTensor
from tensorflowlr.trees import Tree

KINDS = {kind.__name__: kind for kind in (TreeTensor, LowRankMatrix, TuckerTensor, TensorTrain)}
# classes whose cores are no plain arrays, and the modules that keep them
SPECIAL = {"TubalSVD": "tensorflowlr.tubal.files"}


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


def _special(kind: str) -> Any:
    """The module that keeps cores which are no plain arrays, or None."""
    return importlib.import_module(SPECIAL[kind]) if kind in SPECIAL else None


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
