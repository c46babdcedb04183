"""Whether a dense tensor is symmetric, and the symmetric tensor nearest to one."""

from __future__ import annotations

import itertools
import math
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.multisets import multisets

# entries looked at together
BLOCK = 1 << 20


def checked_cube(T: Any, name: str = "T", least: int = 1) -> Array:
    """`T` as a finite array whose axes are all of one size.

    Raises
    ------
    TypeError, ValueError
        Naming the argument and what it was.
    """
    array = construct.checked_array(T, name)
    if array.ndim < least:
        raise ValueError(f"{name} must have at least {least} axes, not {array.ndim}")
    if len(set(array.shape)) != 1:
        raise ValueError(f"{name} must have axes of one size, not shape {tuple(array.shape)}")
    return array


def asymmetry(T: Array) -> float:
    """The largest difference between entries that symmetry makes equal, relative to the largest.

    Looked at in blocks; the swap of the first two axes and the cyclic shift of all generate
    every permutation, so that these two tell. Zero for a symmetric tensor.

    Parameters
    ----------
    T
        An array of any order, axes of one size.

    Raises
    ------
    TypeError, ValueError
        If `T` is no finite array with axes of one size.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> tlr.asymmetry(np.eye(3)), tlr.asymmetry(np.array([[1.0, 0.5], [0.0, 1.0]]))
    (0.0, 0.5)
    """
    return unchecked_asymmetry(checked_cube(T))


def unchecked_asymmetry(T: Array) -> float:
    """What `asymmetry` says of an array that is known to be a cube."""
    xp, size, order = namespace(T), int(T.shape[0]), T.ndim
    largest = float(xp.max(xp.abs(T)))
    if order == 1 or largest == 0.0:
        return 0.0
    worst = 0.0
    rest = size ** (order - 1)
    rows = max(1, BLOCK // rest)
    slabs = arrays.reshape(T, (size, size, -1))
    columns = arrays.reshape(T, (rest, size)).mT
    straight = arrays.reshape(T, (size, rest))
    for first in range(0, size, rows):
        block = slice(first, min(first + rows, size))
        worst = max(worst, _gap(straight[block, :], columns[block, :]))
        if order > 2:
            swapped = xp.permute_dims(slabs[:, block, :], (1, 0, 2))
            worst = max(worst, _gap(slabs[block, :, :], swapped))
    return worst / largest


def _gap(first: Array, second: Array) -> float:
    xp = namespace(first)
    return float(xp.max(xp.abs(first - second)))


def symmetrize(T: Array) -> Array:
    """The mean over all permutations of the axes: the nearest symmetric tensor.

    One mean per multiset of indices, in blocks: beyond the result, nothing of the size of `T`
    is made.

    Parameters
    ----------
    T
        An array of any order m, axes of one size d.

    Raises
    ------
    TypeError, ValueError
        If `T` is no finite array with axes of one size.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> tlr.symmetrize(np.array([[0.0, 2.0], [0.0, 1.0]])).tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    T = checked_cube(T)
    xp, size, order = namespace(T), int(T.shape[0]), T.ndim
    table, host = multisets(size, order), arrays.host
    entries = arrays.reshape(T, (-1,))
    strides = [size**k for k in reversed(range(order))]
    means = []
    step = max(1, BLOCK // math.factorial(order))
    for first in range(0, table.count, step):
        found = table.indices[first : first + step]
        # as many places for every multiset, repeated where its indices are
        places = host.stack([found @ host.asarray(p) for p in itertools.permutations(strides)])
        # like entries summed in one order, whatever the order of the permutations
        values = arrays.take(entries, arrays.integers(host.sort(places, axis=0), T))
        means.append(xp.sum(values, axis=0) / math.factorial(order))
    mean = xp.concat(means)
    rest, blocks = size ** (order - 1), []
    digits = host.asarray(strides)
    for first in range(0, size * rest, BLOCK):
        numbers = host.arange(first, min(first + BLOCK, size * rest))
        indices = numbers[:, None] // digits % size
        blocks.append(arrays.take(mean, arrays.integers(table.places(indices), T)))
    return xp.reshape(xp.concat(blocks), T.shape)
