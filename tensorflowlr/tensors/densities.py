"""Marginals and reduced densities of a few modes of a tree tensor.

Both are squares of one amplitude, in which all other modes are compressed: probabilities are
not negative and densities have no negative eigenvalues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from opt_einsum import get_symbol

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, multiply, namespace, permute, reshape, unfold
from tensorflowlr.checks import is_whole, shown
from tensorflowlr.contraction import contract
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.tree_tensor import TreeTensor


def amplitude(Y: TreeTensor, modes: int | Sequence[int]) -> Array:
    """The matrix A of a reduced density A Aᴴ, all other modes compressed to one last axis.

    Parameters
    ----------
    Y
        The tensor.
    modes
        The modes to keep, in the order of the result's axes.

    Returns
    -------
    array, shape (n of the first mode, …, s)
        With s at most the product of the sizes kept. It is found from thin QR factors of what
        surrounds the modes, so that a sum of squares over the last axis loses no digits.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor or a mode does not exist or occurs twice.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.random(tlr.Tree.balanced(8), (2,) * 8, 4, rng=0)
    >>> tlr.measures.amplitude(Y, (1, 6)).shape
    (2, 2, 4)
    """
    Y = checked_tensor(Y)
    wanted = checked_modes(Y, modes)
    Y = Y.orthogonalize()
    tree, cores = Y.tree, Y.cores
    count = [int(node in wanted) for node in tree.nodes]
    for node in tree.inner:
        count[node] = sum(count[child] for child in tree.children[node])
    top, centre = tree.root, cores[-1][..., None]
    while inside := [c for c in tree.children[top] if count[c] == len(wanted)]:
        rows = unfold(centre, tree.position[inside[0]])
        top = inside[0]
        if rows.shape[0] > rows.shape[1]:
            rows = arrays.triangle(rows)
        centre = multiply(cores[top], rows, cores[top].ndim - 1)
    # per node the entries kept, what is compressed, and the basis: shape (kept, other, rank)
    parts: dict[int, Array] = {}
    orders: dict[int, tuple[int, ...]] = {}
    for node in [*(tree.descendants(top)), top]:
        if not count[node]:
            continue
        core = centre if node == top else cores[node]
        if tree.is_leaf(node):
            parts[node], orders[node] = core[:, None, :], (node,)
            continue
        below = tree.children[node]
        parts[node] = _joined(core, [parts.pop(c, None) for c in below])
        orders[node] = tuple(mode for c in below if count[c] for mode in orders.pop(c))
    part, order = parts[top], orders[top]
    matrix = reshape(part, (part.shape[0], -1))
    if matrix.shape[1] > matrix.shape[0]:
        matrix = arrays.triangle(matrix.mT).mT
    made = reshape(matrix, (*(Y.shape[mode] for mode in order), matrix.shape[1]))
    return permute(made, (*(order.index(mode) for mode in wanted), len(order)))


def marginal(Y: TreeTensor, modes: int | Sequence[int]) -> Array:
    """The sum of |Y|² over all modes but the given ones: probabilities where ‖Y‖ is one.

    Parameters
    ----------
    Y, modes
        As for `amplitude`.

    Returns
    -------
    array
        Real, not negative, one axis per mode of `modes` in that order; of sum ‖Y‖².

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor or a mode does not exist or occurs twice.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[0.6, 0.8], [0.0, 1.0]], tlr.Tree.matrix())
    >>> tlr.measures.marginal(Y, 0).round(12)
    array([0.36, 0.64])
    """
    made = amplitude(Y, modes)
    return namespace(made).sum(square(made), axis=-1)


def reduced_density(Y: TreeTensor, modes: int | Sequence[int]) -> Array:
    """The reduced density matrix ρ = Tr_others |Y⟩⟨Y|, of trace ‖Y‖².

    Parameters
    ----------
    Y, modes
        As for `amplitude`.

    Returns
    -------
    array, shape (N, N)
        Hermitian, row-major over the modes in the given order, N the product of their sizes.

    Raises
    ------
    TypeError, ValueError
        If `Y` is no tree tensor or a mode does not exist or occurs twice.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> Y = tlr.TreeTensor.product([[0.6, 0.8j], [0.0, 1.0]], tlr.Tree.matrix())
    >>> tlr.measures.reduced_density(Y, 0).round(12)
    array([[0.36+0.j  , 0.  -0.48j],
           [0.  +0.48j, 0.64+0.j  ]])
    """
    made = amplitude(Y, modes)
    matrix = reshape(made, (math.prod(made.shape[:-1]), made.shape[-1]))
    density = matrix @ arrays.adjoint(matrix)
    # a product need not round both triangles alike
    return 0.5 * (density + arrays.adjoint(density))


def _joined(core: Array, parts: Sequence[Array | None]) -> Array:
    """A node's core with its children's parts; the axis of a child without one is compressed."""
    rank = core.shape[-1]
    letters = [get_symbol(i) for i in range(core.ndim)]
    terms, operands = ["".join(letters)], [core]
    kept, other = "", ""
    for i, part in enumerate(parts):
        if part is None:
            other += letters[i]
            continue
        entry, rest = get_symbol(core.ndim + 2 * i), get_symbol(core.ndim + 2 * i + 1)
        terms.append(entry + rest + letters[i])
        operands.append(part)
        kept, other = kept + entry, other + rest
    # the compressed axis comes first: its thin QR is what one wants of it
    made = contract(",".join(terms) + "->" + other + kept + letters[-1], *operands)
    size = math.prod(part.shape[0] for part in parts if part is not None)
    rows = reshape(made, (-1, size * rank))
    if rows.shape[0] > rows.shape[1]:
        rows = arrays.triangle(rows)
    return permute(reshape(rows, (rows.shape[0], size, rank)), (1, 0, 2))


def checked_modes(Y: TreeTensor, modes: Any) -> list[int]:
    """A mode, or several different ones, as a list."""
    found = [modes] if is_whole(modes) else construct.checked_list(modes, "modes")
    for mode in found:
        check_mode(Y, mode, "modes")
    if len(set(found)) < len(found):
        raise ValueError(f"modes must differ, not {found!r}")
    return [int(mode) for mode in found]


def check_mode(Y: TreeTensor, mode: Any, name: str) -> None:
    """Refuse what is no mode of the tensor; `name` is for the message."""
    if not is_whole(mode):
        raise TypeError(f"{name} must be an integer, not {shown(mode)}")
    if not 0 <= mode < Y.ndim:
        raise ValueError(f"{name} must be in 0 … {Y.ndim - 1}, not {mode!r}")


def checked_tensor(Y: Any) -> TreeTensor:
    """`Y` if it is a tree tensor."""
    if not isinstance(Y, TreeTensor):
        raise TypeError(f"Y must be a TreeTensor, not {type(Y).__name__}")
    return Y


def square(x: Array) -> Array:
    """|x|², real."""
    if not arrays.is_complex(x):
        return x * x
    xp = namespace(x)
    return xp.real(x) ** 2 + xp.imag(x) ** 2
