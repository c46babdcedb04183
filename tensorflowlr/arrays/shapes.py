"""Shapes, matricisations and mode products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import array_api_compat
import numpy as np

from tensorflowlr.arrays.backends import Array, namespace
from tensorflowlr.arrays.creation import zeros

# outside NumPy many products of few columns are several times slower than one of a copy
NARROW = 32
LARGE = 1 << 15


def reshape(array: Array, shape: tuple[int, ...]) -> Array:
    """The same entries, in C order, in another shape."""
    if type(array) is np.ndarray:
        return array.reshape(shape)
    return namespace(array).reshape(array, shape)


def permute(array: Array, axes: tuple[int, ...]) -> Array:
    """The axes in another order."""
    if type(array) is np.ndarray:
        return array.transpose(axes)
    return namespace(array).permute_dims(array, axes)


def contiguous(array: Array) -> Array:
    """The same entries laid out in C order, so that a copy from a file computes the same bits."""
    if type(array) is np.ndarray:
        return np.ascontiguousarray(array)
    if hasattr(array, "contiguous"):
        made = array.contiguous()
        # axes of size one may keep odd strides, which decide how torch multiplies
        return made.reshape((-1,)).reshape(array.shape) if 1 in array.shape else made
    if array_api_compat.is_cupy_array(array):
        return namespace(array).ascontiguousarray(array)
    return array


def take(array: Array, indices: Array, axis: int = 0) -> Array:
    """Entries along one axis by their numbers, which may have any shape."""
    if type(array) is np.ndarray:
        return array.take(indices, axis)
    xp = namespace(array)
    picked = xp.take(array, xp.reshape(indices, (-1,)), axis=axis)
    return xp.reshape(picked, (*array.shape[:axis], *indices.shape, *array.shape[axis + 1 :]))


def unfold(tensor: Array, axis: int) -> Array:
    """The matricisation with `axis` in the columns and all other axes, in order, in the rows."""
    last = tensor.ndim - 1
    if axis != last:
        tensor = permute(tensor, (*range(axis), *range(axis + 1, last + 1), axis))
    return reshape(tensor, (math.prod(tensor.shape[:-1]), tensor.shape[-1]))


def fold(matrix: Array, shape: Sequence[int], axis: int) -> Array:
    """Undo `unfold`: the tensor whose other axes are `shape` without its entry at `axis`."""
    last = len(shape) - 1
    tensor = reshape(matrix, (*shape[:axis], *shape[axis + 1 :], matrix.shape[-1]))
    if axis == last:
        return tensor
    return permute(tensor, (*range(axis), last, *range(axis, last)))


def multiply(tensor: Array, matrix: Array, axis: int) -> Array:
    """The mode product: `matrix` (rows, tensor.shape[axis]) applied along `axis`."""
    shape, rows = tensor.shape, matrix.shape[0]
    if axis == tensor.ndim - 1:
        product = reshape(tensor, (math.prod(shape[:-1]), shape[-1])) @ matrix.mT
    else:
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if axis == 0:
            product = matrix @ reshape(tensor, (shape[0], after))
        elif (type(tensor) is not np.ndarray and after < NARROW
              and before * shape[axis] * after > LARGE):
            front = permute(reshape(tensor, (before, shape[axis], after)), (1, 0, 2))
            product = matrix @ reshape(front, (shape[axis], before * after))
            product = contiguous(permute(reshape(product, (rows, before, after)), (1, 0, 2)))
        else:
            product = matrix @ reshape(tensor, (before, shape[axis], after))
    return reshape(product, (*shape[:axis], rows, *shape[axis + 1 :]))


def pad(tensor: Array, shape: Sequence[int]) -> Array:
    """`tensor` in the leading corner of zeros of the given shape."""
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    padded = zeros(shape, tensor)
    padded[tuple(slice(0, n) for n in tensor.shape)] = tensor
    return padded


def block_sizes(size: int) -> list[int]:
    """What an axis of a block-diagonal matrix has in every block; other axes are one block."""
    return size.sizes() if hasattr(size, "sizes") else [size]
