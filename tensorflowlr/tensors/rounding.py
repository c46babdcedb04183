"""Orthogonalisation and truncation of the cores of a tree tensor.

`truncate` is the library's only truncation: rounding, the integrators and the enrichment of
their bases all come here. Nothing dense is ever formed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tensorflowlr.arrays import (
    Array,
    adjoint,
    epsilon,
    fold,
    multiply,
    namespace,
    norm,
    qr,
    svd,
    to_numpy,
    triangle,
    unfold,
)
from tensorflowlr.tensors import squares
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation, kept, nearest_conditioned

Cores = tuple[Array, ...]

# the share of the tolerance that the downward sweep may lose by carrying fewer weights
CARRIED_SHARE = 0.01


@dataclass(frozen=True)
class EdgeBasis:
    """The leading left singular vectors of one edge, in the coordinates of its old basis.

    Attributes
    ----------
    basis : array, shape (r, carried)
        Orthonormal columns, by descending singular value.
    singular_values : list of float
        The `carried` singular values that belong to them; empty where the span alone is known.
    rank : int
        How many of them the truncation keeps.
    """

    basis: Array
    singular_values: list[float]
    rank: int

    @property
    def weighted(self) -> Array:
        """The carried basis times its singular values."""
        xp = namespace(self.basis)
        real = xp.asarray(self.singular_values, dtype=self.basis.dtype, device=self.basis.device)
        return self.basis * real


@dataclass(frozen=True)
class Discarded:
    """What a truncation dropped: the 2-norm of all tails, and whether `max_rank` cut."""

    weight: float
    capped: bool


def orthogonalize(
    tree: Tree, cores: Sequence[Array], *, skip: Sequence[bool] | None = None
) -> Cores:
    """Orthonormal columns at every node but the root, by thin QR from the leaves up.

    Nodes marked in `skip`, with all below them, have them already.
    """
    result = list(cores)
    for node in tree.edges:
        if skip is not None and skip[node]:
            continue
        core = result[node]
        q, r = qr(unfold(core, core.ndim - 1))
        xp = namespace(core)
        result[node] = xp.reshape(q, (*core.shape[:-1], q.shape[-1]))
        parent = tree.parent[node]
        result[parent] = multiply(result[parent], r, tree.position[node])
    return tuple(result)


def edge_bases(
    tree: Tree,
    cores: Sequence[Array],
    rule: Truncation,
    *,
    tolerance: float | None = None,
    skip: Sequence[bool] | None = None,
    squared: bool = False,
) -> tuple[list[EdgeBasis | None], Discarded]:
    """Singular vectors of every edge of an orthonormal tree tensor, from the root down.

    Each node sees its centre, singular weights included, so that the tails are those of the
    whole tensor and their squares add up to a bound of the squared error.

    Parameters
    ----------
    tree, cores
        A tree tensor whose cores have orthonormal columns at every node but the root.
    rule
        The truncation; its tolerance is for the whole tensor.
    tolerance
        An absolute tolerance in place of that of the rule.
    skip
        Nodes whose edges, and all below them, are not wanted.
    squared
        Whether singular vectors may come from Gram matrices where these resolve all that is
        kept. What is dropped is then known to the root of machine epsilon only, and a leaf
        whose rank is held may get the span of its singular vectors in another basis, without
        singular values.
    """
    root = cores[tree.root]
    total = norm(root)
    if tolerance is None:
        tolerance = rule.tolerance(total)
    # below this, singular values are noise of the factorisations
    noise = epsilon(root) * total
    carry = CARRIED_SHARE * tolerance / max(len(tree.edges), 1)
    # squares are in units of the norm, so that they neither vanish nor overflow
    unit = total or 1.0
    budget = ((1.0 - CARRIED_SHARE) * tolerance / unit) ** 2
    held = sum(rule.holds(node, cores[node].shape[-1]) for node in tree.edges)
    left = max(tree.rounding_edges - held, 1)
    found: list[EdgeBasis | None] = [None] * len(cores)
    dropped, capped = 0.0, False

    def ranked(node: int, values: list[float]) -> tuple[int, int, float, float]:
        share = math.sqrt(budget / max(left, 1)) * unit
        floor = noise * len(values) ** 0.5 / values[0] if values[0] > 0.0 else 1.0
        wanted = max(kept(values, share, floor), 1)
        return rule.clip(wanted, len(values), node), wanted, share, floor

    def choose(node: int, basis: Array, values: list[float]) -> EdgeBasis:
        nonlocal budget, left, dropped, capped
        rank, wanted, share, floor = ranked(node, values)
        tail = math.fsum((s / unit) ** 2 for s in values[rank:])
        if rank < wanted:
            capped = True
        dropped += tail
        budget = max(budget - min(tail, (share / unit) ** 2), 0.0)
        left -= 1
        carried = rank if rank < wanted else max(rank, kept(values, carry, floor))
        return EdgeBasis(basis[:, :carried], values[:carried], rank)

    def spanned(node: int, basis: Array, rest: float) -> EdgeBasis:
        nonlocal budget, left, dropped, capped
        tail, share = rest, budget / max(left, 1)
        capped = capped or tail > max(share, cores[node].shape[-1] * epsilon(root) ** 2)
        dropped += tail
        budget = max(budget - min(tail, share), 0.0)
        left -= 1
        return EdgeBasis(basis, [], basis.shape[1])

    def from_squares(node: int, rows: Array) -> EdgeBasis | None:
        least, most = rule.limits(node)
        resolved = squares.RESOLVED * epsilon(root)
        sharp = least == most or budget / max(left, 1) > resolved
        if not sharp or rows.shape[0] < rows.shape[1] or not 0.0 < total < math.inf:
            return None
        if least == most and tree.is_leaf(node):
            span = squares.leading_span(rows, least, total)
            if span is not None:
                return spanned(node, *span)
        basis, values = squares.right_vectors(rows, total)
        smallest = values[ranked(node, values)[0] - 1]
        return choose(node, basis, values) if smallest**2 > resolved * values[0] ** 2 else None

    def left_out(node: int) -> bool:
        return (skip is not None and skip[node]) or rule.holds(node, cores[node].shape[-1])

    for node in tree.downward:
        below = tree.children[node]
        if node == tree.root:
            xp = namespace(root)
            if len(below) == 2:
                if all(rule.holds(child, cores[child].shape[-1]) for child in below):
                    continue
                u, s, vh = svd(root)
                values = to_numpy(s).tolist()
                first = choose(below[0], u, values)
                # both edges below a binary root separate the same halves
                second = vh.mT[:, : len(first.singular_values)]
                found[below[0]] = first
                found[below[1]] = EdgeBasis(second, first.singular_values, first.rank)
                continue
            centre = xp.reshape(root, (*root.shape, 1))
        elif found[node] is None:
            continue
        else:
            edge = found[node]
            assert edge is not None
            centre = multiply(cores[node], edge.weighted.mT, cores[node].ndim - 1)
        for i, child in enumerate(below):
            if left_out(child):
                continue
            rows = unfold(centre, i)
            found[child] = from_squares(child, rows) if squared else None
            if found[child] is None:
                found[child] = choose(child, *right_vectors(rows))
    return found, Discarded(math.sqrt(dropped) * unit, capped)


def right_vectors(rows: Array) -> tuple[Array, list[float]]:
    """The conjugate right singular vectors of a matrix, and its singular values."""
    _, s, vh = svd(triangle(rows) if rows.shape[0] > 2 * rows.shape[1] else rows)
    return vh.mT, to_numpy(s).tolist()


def truncate(
    tree: Tree, cores: Sequence[Array], rule: Truncation, *, tolerance: float | None = None,
    squared: bool = False,
) -> tuple[Cores, Discarded]:
    """Truncate an orthonormal tree tensor by `rule`; the result is orthonormal again.

    The error is at most the tolerance of the rule for the norm of the whole tensor, unless
    `max_rank` cuts (hierarchical SVD from the root to the leaves; Grasedyck, SIAM J. Matrix
    Anal. Appl. 31 (2010), Theorem 3.11). `squared` is that of `edge_bases`.

    Returns
    -------
    cores : tuple of array
    discarded : Discarded
    """
    bases, discarded = edge_bases(tree, cores, rule, tolerance=tolerance, squared=squared)
    result = list(cores)
    transfer: list[Array] = [None] * len(cores)
    for node in tree.nodes:
        core = result[node]
        edge = bases[node]
        # whoever sets limits per edge keeps complete bases of which nothing is cut as they are
        whole = rule.edge_ranks is not None and edge is not None and (
            tree.is_leaf(node) and edge.rank >= core.shape[0])
        kept_basis = None if edge is None or whole else edge.basis[:, : edge.rank]
        if kept_basis is not None:
            core = multiply(core, kept_basis.mT, core.ndim - 1)
        for i, child in enumerate(tree.children[node]):
            if transfer[child] is not None:
                core = multiply(core, transfer[child], i)
        if kept_basis is None and (node == tree.root or tree.is_leaf(node)):
            result[node] = core
        elif tree.is_leaf(node):
            result[node], transfer[node] = polished(core), adjoint(kept_basis)
        else:
            q, r = qr(unfold(core, core.ndim - 1))
            result[node] = fold(q, core.shape, core.ndim - 1)
            transfer[node] = r if kept_basis is None else r @ adjoint(kept_basis)
    if rule.max_condition is not None:
        result[-1] = conditioned(result[-1], rule.max_condition)
    return tuple(result), discarded


def conditioned(root: Array, condition: float) -> Array:
    """The root core with the singular values of its first matricisation brought together."""
    rows = unfold(root, 0)
    u, s, vh = svd(rows)
    values = to_numpy(s).tolist()
    if not values[0] > 0.0 or values[0] <= condition * values[-1]:
        return root
    nearest = nearest_conditioned(values, condition)
    xp = namespace(root)
    scale = xp.asarray(nearest, dtype=s.dtype, device=root.device)
    return fold(u @ (xp.astype(scale, root.dtype)[:, None] * vh), root.shape, 0)


def polished(basis: Array) -> Array:
    """Nearly orthonormal columns made orthonormal.

    Leaf bases are only ever turned and cut: their rounding errors would add up over steps.
    """
    made = squares.nearest(basis)
    return basis if made is None else made
