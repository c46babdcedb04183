"""The multi-subspace power method: tensors symmetric in groups of axes, or in none."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, epsilon, host, namespace, to_numpy
from tensorflowlr.checks import checked_flag, real_number, whole_number
from tensorflowlr.decompositions import joint
from tensorflowlr.decompositions.diagnostics import DecompositionWarning, Diagnostics
from tensorflowlr.decompositions.extraction import Subspace, extract
from tensorflowlr.decompositions.fit import corrected_terms
from tensorflowlr.decompositions.flattening import Flattening
from tensorflowlr.decompositions.groups import (
    Side,
    best_split,
    flatten_groups,
    symmetric_in_groups,
)
from tensorflowlr.decompositions.joint_refinement import refined_groups
from tensorflowlr.decompositions.joint_search import Found, find_products
from tensorflowlr.decompositions.power import isolated
from tensorflowlr.decompositions.spm import FEW, GOOD, SEARCHES, bar_of, messages_of
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.multisets import multisets
from tensorflowlr.tensors.partial import PartiallySymmetricCP, checked_symmetry


@dataclass(frozen=True)
class GroupFit:
    """Components of a tensor: weights, and the vectors of every group.

    The other attributes are those of `fit.Fit`.
    """

    weights: Array
    factors: tuple[Array, ...]
    residual: float
    unique: bool
    space: Subspace
    found: Found
    seconds: float


def multi_subspace_power_method(
    T: Any, rank: int | None = None, *, symmetry: Any = None, tol: float | None = None,
    refine: bool | None = None, iterations: int = 5000, rng: Any = None, progress: bool = False,
) -> PartiallySymmetricCP:
    """Decompose a tensor of any symmetry, T ≈ Σ w_i ⊗_g a_{g,i}^{⊗m_g}, by subspace power steps.

    The axes are split into two sides, as evenly as allows the largest rank. The range of the
    flattened tensor holds the products of each term's vectors on the left side, and in general
    no others; power steps on all their vectors find them. Where the right side has no vectors
    but theirs, each is taken out by reflections; else later starts come from what is orthogonal
    to those found, and the vectors of the right side solve a linear system at the end.

    Parameters
    ----------
    T
        An array of order m ≥ 3, real or complex.
    rank
        The number of terms; by default the spectrum of the flattening tells.
    symmetry
        Groups of axes that `T` is symmetric in, such as ``((0, 1), (2,))``: the axes of one
        group share their vectors. By default every axis is a group of its own.
    tol
        The relative noise level to assume: singular values of the flattening below
        ``tol * ‖T‖`` are noise. By default it is estimated from the spectrum.
    refine
        Whether all components are refined together at the end, by Gauss–Newton steps to the
        least-squares fit; by default where there is noise.
    iterations
        The most power steps from one start.
    rng
        What `numpy.random.default_rng` takes, for the starts.
    progress
        Whether to show a progress bar.

    Returns
    -------
    PartiallySymmetricCP
        Unit vectors per group and weights, largest first; of real tensors they are positive
        where a group has an odd number of axes. Its `diagnostics` are those of
        `subspace_power_method`.

    Raises
    ------
    TypeError, ValueError
        If `T` is not finite, lacks the symmetry, is zero, of order below 3 or with axes of
        size 1, the groups do not fit it, or its rank is beyond what the method can find.

    Warns
    -----
    DecompositionWarning
        As `subspace_power_method` does.

    References
    ----------
    K. Wang, J. M. Pereira, J. Kileel and A. Seigal, *Multi-subspace power method for
    decomposing all tensors*, arXiv 2510.18627.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.standard_normal((5, 4)), rng.standard_normal((6, 4))
    >>> T = np.einsum("ir,jr,kr->ijk", A, A, B)
    >>> cp = tlr.multi_subspace_power_method(T, symmetry=((0, 1), (2,)), rng=0)
    >>> cp.rank, bool(np.linalg.norm(cp.to_dense() - T) < 1e-12 * np.linalg.norm(T))
    (4, True)
    """
    rank = None if rank is None else whole_number(rank, "rank")
    if tol is not None:
        tol = real_number(tol, "tol", "below 1 and not negative", lambda t: 0.0 <= t < 1.0)
    iterations = whole_number(iterations, "iterations")
    refine = None if refine is None else checked_flag(refine, "refine")
    checked_flag(progress, "progress")
    generator = arrays.default_rng(rng)
    array, groups = _checked(T, symmetry)
    sizes = [int(array.shape[group[0]]) for group in groups]
    left, right, limit = best_split(sizes, [len(group) for group in groups])
    if rank is not None and rank > limit:
        raise ValueError(f"rank must be at most {limit} for a tensor of shape "
                         f"{tuple(array.shape)}, not {rank}: the method finds no more terms")
    flat = flatten_groups(array, groups, left, right)
    clock = time.process_time()
    space = extract(flat, rank=rank, tol=tol, limit=limit, rng=generator)
    extraction = time.process_time() - clock
    with bar_of(progress, space.rank) as report:
        fit = _best(flat, space, left, right, generator, iterations, report)
    seconds = {"extraction": extraction, **fit.found.seconds}
    clock = time.process_time()
    steps = 0
    if refine or (refine is None and not fit.space.exact):
        weights, factors, residual, steps = refined_groups(
            flat, fit.weights, fit.factors, left, right, fit.residual)
        fit = replace(fit, weights=weights, factors=factors, residual=residual)
    weights, factors = _ordered(fit.weights, fit.factors, groups)
    seconds["finish"] = fit.seconds + time.process_time() - clock
    messages = tuple(messages_of(fit, array.ndim, limit, flat.unit))
    for message in messages:
        warnings.warn(message, DecompositionWarning, stacklevel=2)
    found = fit.found
    diagnostics = Diagnostics(
        fit.space.spectrum * flat.unit, fit.space.rank, limit, fit.space.noise, fit.space.exact,
        fit.residual, host.asarray(found.objectives), host.asarray(found.iterations),
        found.restarts, steps, fit.unique, seconds, messages,
    )
    return PartiallySymmetricCP(weights * flat.unit, factors, groups, diagnostics)


def _checked(T: Any, symmetry: Any) -> tuple[Array, tuple[tuple[int, ...], ...]]:
    """The array and its groups of axes."""
    array = construct.checked_array(T, "T")
    if array.ndim < 3:
        raise ValueError(f"T must have at least 3 axes, not {array.ndim}")
    if min(array.shape) < 2:
        raise ValueError(f"T must have axes of at least two entries, not shape "
                         f"{tuple(array.shape)}")
    groups = checked_symmetry(
        tuple((k,) for k in range(array.ndim)) if symmetry is None else symmetry, array.ndim)
    for group in groups:
        if len({array.shape[axis] for axis in group}) > 1:
            raise ValueError(f"T must have axes of one size in {group} to be symmetric in them, "
                             f"not shape {tuple(array.shape)}")
    if not bool(namespace(array).any(array != 0.0)):
        raise ValueError("T must not be zero")
    return symmetric_in_groups(array, groups), groups


def _best(
    M: Flattening, space: Subspace, left: Side, right: Side, rng: Any, iterations: int,
    report: Callable[[int], None] | None,
) -> GroupFit:
    """Components whose residual is what noise explains, or the best of a few searches."""
    good = epsilon(space.left) ** GOOD
    if space.wider is not None:
        found = find_products(space.wider, left, right, rng=rng, limit=iterations, patience=FEW,
                              doubtful=True)
        if not found.missed:
            wide = _fitted(M, space.wider, found, left, right)
            if wide.residual <= max(good, 1e-3 * space.noise):
                return wide
    best: GroupFit | None = None
    for _ in range(SEARCHES if space.exact else 1):
        found = find_products(space, left, right, rng=rng, limit=iterations, report=report)
        made = _fitted(M, space, found, left, right)
        if best is None or made.residual < best.residual:
            best = made
        if best.residual <= good or not best.unique:
            break
    assert best is not None
    return best


def _fitted(M: Flattening, space: Subspace, found: Found, left: Side, right: Side) -> GroupFit:
    """The vectors of all groups and the weights, from the vectors of the left side."""
    clock = time.process_time()
    X, loose = joint.polished(space.left, left, found.points)
    unique = not space.exact or bool(
        isolated(loose, space.error, sum(left.sizes), space.left).all())
    known = dict(zip(left.groups, X, strict=True))
    rows = left.powers(X)
    U = space.left if space.right is None else space.right
    # M = rows Wᵀ on the bases: the right side of every term, weight and all
    W = arrays.solve(adjoint(space.left) @ rows, arrays.solve(space.inverse, U.mT)).mT
    for place, group in enumerate(right.groups):
        if group not in known:
            known[group] = _leading(W, right, place)
    factors = tuple(known[g] for g in sorted(known))
    columns = right.powers([known[g] for g in right.groups])
    w = namespace(W).sum(conj(columns) * W, axis=0)
    w, residual = corrected_terms(M, rows, columns, gram_of(factors, left, right), w)
    return GroupFit(w, factors, residual, unique, space, found, time.process_time() - clock)


def gram_of(factors: Sequence[Array], left: Side, right: Side) -> Array:
    """The inner products of all terms."""
    made: Any = 1.0
    for side in (left, right):
        for g, n in zip(side.groups, side.orders, strict=True):
            made = made * (adjoint(factors[g]) @ factors[g]) ** n
    return made


def _leading(W: Array, side: Side, place: int) -> Array:
    """The leading vector of one group of each column, a product or nearly one."""
    xp, terms, counts = namespace(W), int(W.shape[1]), side.counts
    size, order = side.sizes[place], side.orders[place]
    before = 1
    for count in counts[:place]:
        before *= count
    whole = xp.reshape(W, (before, counts[place], -1, terms))
    if order > 1:
        table = multisets(size, order).on(W)
        whole = arrays.take(whole, table.joined, 1) * xp.reshape(
            table.ratios, (1, -1, size, 1, 1))
        whole = xp.permute_dims(whole, (0, 1, 3, 2, 4))
        whole = xp.permute_dims(xp.reshape(whole, (-1, size, terms)), (2, 1, 0))
    else:
        whole = xp.permute_dims(whole, (3, 1, 0, 2))
        whole = xp.reshape(whole, (terms, size, -1))
    _, vectors = arrays.eigh(whole @ adjoint(whole))
    return vectors[:, :, -1].mT


def _ordered(
    weights: Array, factors: Sequence[Array], groups: Sequence[tuple[int, ...]]
) -> tuple[Array, tuple[Array, ...]]:
    """The largest weights first; signs and phases of weights in vectors where they can be."""
    xp, made = namespace(weights), list(factors)
    odd = [g for g, group in enumerate(groups) if len(group) % 2]
    sizes = xp.astype(xp.abs(weights), weights.dtype)
    phases = weights / xp.where(xp.abs(weights) > 0.0, sizes, sizes + 1.0)
    if arrays.is_complex(weights):
        angle = xp.atan2(xp.imag(weights), xp.real(weights)) / len(groups[0])
        made[0], weights = made[0] * xp.exp(1j * angle), sizes
    elif odd:
        made[odd[0]], weights = made[odd[0]] * phases, sizes
    first = arrays.integers(
        host.argsort(-host.abs(to_numpy(weights)), kind="stable"), weights)
    return arrays.take(weights, first), tuple(arrays.take(f, first, 1) for f in made)
