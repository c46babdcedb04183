"""Contractions of one node with its operator core and the blocks around it.

A block of an edge has shape (bond, bra, ket): the operator on one side of the edge between
two bases. Everything is planned once per shape and runs as matrix products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from opt_einsum import get_symbol

from tensorflowlr.arrays import Array, conj
from tensorflowlr.contraction import Plan, plan


@functools.cache
def _labels(arity: int) -> tuple[list[str], list[str], list[str]]:
    """Labels of bonds, bra axes and ket axes: the children's, then the parent's."""
    names = [get_symbol(i) for i in range(3 * (arity + 1))]
    return names[0::3], names[1::3], names[2::3]


def _blocks(arity: int, skip: int = -1) -> list[str]:
    bond, bra, ket = _labels(arity)
    return [bond[i] + bra[i] + ket[i] for i in range(arity) if i != skip]


@functools.cache
def _upward(arity: int) -> str:
    bond, bra, ket = _labels(arity)
    terms = ["".join(ket), "".join(bra), "".join(bond), *_blocks(arity)]
    return ",".join(terms) + "->" + bond[-1] + bra[-1] + ket[-1]


@functools.cache
def _expanded(arity: int, root: bool) -> str:
    bond, bra, ket = _labels(arity)
    if root:
        terms = ["".join(ket[:-1]), "".join(bond[:-1]), *_blocks(arity)]
        return ",".join(terms) + "->" + "".join(bra[:-1])
    terms = ["".join(ket), "".join(bond), *_blocks(arity)]
    return ",".join(terms) + "->" + "".join(bra[:-1]) + bond[-1] + ket[-1]


@functools.cache
def _downward(arity: int, child: int, root: bool) -> str:
    bond, bra, ket = _labels(arity)
    terms = ["".join(ket), "".join(bra), "".join(bond), *_blocks(arity, child)]
    if root:
        terms[2] = "".join(bond[:-1])
        terms[0] = terms[0][:-1]
        terms[1] = terms[1][:-1]
    else:
        terms.append(bond[-1] + bra[-1] + ket[-1])
    return ",".join(terms) + "->" + bond[child] + bra[child] + ket[child]


@functools.cache
def _local(arity: int, root: bool, stacked: bool) -> str:
    bond, bra, ket = _labels(arity)
    if root:
        terms = ["".join(ket), "".join(bond[:-1]), *_blocks(arity)]
        result = "".join(bra[:-1]) + ket[-1]
    else:
        terms = ["".join(ket), "".join(bond), *_blocks(arity), bond[-1] + bra[-1] + ket[-1]]
        result = "".join(bra)
    batch = get_symbol(3 * (arity + 1)) if stacked else ""
    return ",".join(batch + term for term in terms) + "->" + batch + result


def _run(equation: str, operands: Sequence[Array]) -> Array:
    return plan(equation, *(tuple(a.shape) for a in operands))(*operands)


def upward(bra: Array, ket: Array, core: Array, below: Sequence[Array]) -> Array:
    """The block of a node from its children's: shape (bond, bra rank, ket rank)."""
    return _run(_upward(ket.ndim - 1), (ket, conj(bra), core, *below))


def expanded(ket: Array, core: Array, below: Sequence[Array], root: bool) -> Array:
    """The operator applied to a node, its children written in other bases.

    `below` are blocks (bond, new basis, old basis) of the children; the result has shape
    (new ranks …, bond, rank), at the root (new ranks …).
    """
    return _run(_expanded(len(below), root), (ket, core, *below))


def downward(
    outer: Array, core: Array, below: Sequence[Array], child: int, above: Array | None
) -> Array:
    """The block above a child: `outer` is its orthonormal surroundings at the parent.

    `below` are the blocks of the other children; `above` is that of the parent, None at the
    root, where `outer` has a last axis of one.
    """
    arity = outer.ndim - 1
    if above is None:
        outer = outer[..., 0]
        return _run(_downward(arity, child, True), (outer, conj(outer), core, *below))
    return _run(_downward(arity, child, False), (outer, conj(outer), core, *below, above))


def local(
    shape: tuple[int, ...], core: Array, below: Sequence[Array], above: Array | None
) -> Callable[[Array], Array]:
    """The operator seen by one node's centre, as a function of the centre.

    What does not touch the centre is contracted once, here. Nodes of equal shapes may come
    stacked: a leading axis on every argument, `shape` included.
    """
    constants = (core, *below) if above is None else (core, *below, above)
    return _local_plan(shape, constants, above is None).bind(*constants)


def local_flops(
    shape: tuple[int, ...], core: Array, below: Sequence[Array], above: Array | None
) -> int:
    """What one call of `local` costs, in multiplications and additions."""
    constants = (core, *below) if above is None else (core, *below, above)
    return _local_plan(shape, constants, above is None).flops


def _local_plan(shape: tuple[int, ...], constants: Sequence[Array], root: bool) -> Plan:
    stacked = constants[1].ndim == 4
    arity = len(shape) - 1 - stacked
    return plan(_local(arity, root, stacked), shape, *(tuple(a.shape) for a in constants))
