"""Low-rank tubal tensors in HDF5 files."""

from __future__ import annotations

from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import host, to_numpy
from tensorflowlr.io import DAMAGE
from tensorflowlr.trees import Tree
from tensorflowlr.tubal.blocks import Axis, BlockMatrix
from tensorflowlr.tubal.low_rank import TubalSVD
from tensorflowlr.tubal.spectrum import Spectrum, spectrum_of


def write_cores(group: Any, Y: TubalSVD) -> None:
    """The blocks of all cores, whose each index is, and the transform."""
    spectrum = Y.spectrum
    group["tube"] = spectrum.tube
    group.attrs["transform"], group.attrs["real"] = spectrum.name, spectrum.real
    for i, matrix in enumerate(spectrum.matrices if spectrum.name == "matrix" else ()):
        group[f"matrices/{i}"] = matrix
    for node, core in enumerate(Y.cores):
        for j, block in enumerate(core.blocks):
            group[f"cores/{node}/{j}"] = to_numpy(block)
        for i, axis in enumerate(core.axes):
            group[f"axes/{node}/{i}"] = to_numpy(axis.owner)


def read_cores(group: Any) -> TubalSVD:
    """What `write_cores` wrote, with NumPy arrays for blocks.

    Raises
    ------
    ValueError
        If the group holds something else.
    """
    try:
        return _read(group)
    except DAMAGE as error:
        raise ValueError(f"{group.name}: no tubal tensor: {error}") from error


def _read(group: Any) -> TubalSVD:
    name, real = str(group.attrs["transform"]), bool(group.attrs["real"])
    given: Any = name if name != "matrix" else [
        group[f"matrices/{i}"][()] for i in range(len(group["matrices"]))
    ]
    spectrum = spectrum_of([int(k) for k in group["tube"][()]], given, real)
    cores = [_core(group, node, spectrum) for node in range(3)]
    left, right, middle = cores
    for axis, other in ((left.axes[1], middle.axes[0]), (right.axes[1], middle.axes[1])):
        if axis.owner.tolist() != other.owner.tolist():
            raise ValueError("the axes of the cores do not fit one another")
    for side in (left, right):
        if len(set(side.axes[0].sizes())) != 1:
            raise ValueError("the faces differ in size")
    eye = all(
        arrays.norm(b.conj().T @ b - host.eye(b.shape[1])) <= 1e4 * arrays.epsilon(b)
        for side in (left, right) for b in side.blocks if b.shape[1]
    )
    return TubalSVD.trusted(
        Tree.matrix(), cores, orthonormal=bool(group.attrs["orthonormal"]) and eye
    )


def _core(group: Any, node: int, spectrum: Spectrum) -> BlockMatrix:
    blocks = [group[f"cores/{node}/{j}"][()] for j in range(spectrum.count)]
    axes = []
    for i in range(2):
        owner = group[f"axes/{node}/{i}"][()]
        if owner.dtype.kind not in "iu" or owner.ndim != 1 or not (
            host.all((owner >= 0) & (owner < spectrum.count))
        ):
            raise ValueError("an axis belongs to no face")
        axes.append(Axis(owner, spectrum.count))
        if axes[i].sizes() != [b.shape[i] for b in blocks]:
            raise ValueError("an axis does not fit its blocks")
    for j, block in enumerate(blocks):
        own = not spectrum.real or (spectrum.halved and j >= spectrum.real_faces)
        if block.dtype.kind != ("c" if own else "f") or not arrays.all_finite(block):
            raise ValueError(f"block {j} does not hold what a {spectrum} has")
    return BlockMatrix(blocks, (axes[0], axes[1]), spectrum)
