"""Radiative transfer in two space dimensions: the line source, with uncertain scattering."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import not_negative, positive, real_number, real_numbers, whole_number
from tensorflowlr.fields import LinearField
from tensorflowlr.observers import Contraction, Mean, Norm, Variance
from tensorflowlr.operators import TreeOperator
from tensorflowlr.problems.base import Problem
from tensorflowlr.problems.carried import carried
from tensorflowlr.problems.harmonics import absolute_values, streaming_matrices
from tensorflowlr.problems.stencils import cell_centres, legendre_points, transport_stencils
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.trees import Tree

# a vector that differs less than this from those before it is no new direction
SAME = 1e-6


def line_source(
    cells: int = 100,
    degree: int = 31,
    *,
    points: int = 100,
    half_width: float = 1.5,
    scattering: float = 1.0,
    amplitudes: Sequence[float] = (1.0, 1.0),
    absorption: float = 1.0,
    width: float = 0.03,
    floor: float = 1e-4,
    rank: int = 15,
    span: tuple[float, float] = (0.0, 1.0),
) -> Problem:
    """The P_n equations in two space dimensions, by default as in arXiv 2412.00858, section 5.3.

    For the moments u (cells² × (degree + 1)²) of the angular flux on a square,

        ∂u/∂t = Σ_{d=x,z} (-D_d u A_d + D_dd u |A_d|) - σ_a u - σ_s(ξ) u G,

    with A_d of `harmonics.streaming_matrices`, G = diag(0, 1, 1, …), upwind differences D_d,
    D_dd and σ_s = scattering + Σ amplitudes[i] ξ_i, the ξ_i uniform on [-1, 1]. Modes are
    space (cell i along x and j along z is entry i · cells + j), angle, and one for each ξ_i on
    Gauss and Legendre's points. The tree is ((space, angle), (ξ, η)); with no amplitudes, the
    deterministic problem of arXiv 2304.05660, section 5.2, it is that of a matrix.

    The start is isotropic and certain: max(floor, exp(-r² / 4 width²) / (4π width²)) / 4π in
    moment 0, which makes the scalar flux 4π times moment 0 and its integral one, but for the
    floor.

    Parameters
    ----------
    cells
        Cells per side, their centres on the border included, at least 3.
    degree
        Of the spherical harmonics, at least 1.
    points
        Quadrature points of each random parameter.
    half_width
        Half the side of the square.
    scattering, amplitudes
        Mean scattering, and what each random parameter adds to it. Negative values of σ_s,
        as those in the paper, are let through: then moments grow by scattering, and all of
        them decay no longer where -σ_s > σ_a.
    absorption
        σ_a.
    width, floor
        Of the start; its standard deviation along x is √2 width.
    rank
        The rank at which the start is carried, as far as the sizes allow: its further
        directions, of weight zero, are those to which the terms of the equation lead: 15 of
        them hold all products of two. The papers take 10 and 15.
    span
        Start and end time.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be.

    Notes
    -----
    The start has rank one and is even in x and z, and so is all that a method of order 1 finds
    from its factors alone: carried at rank one it never gets the odd moments, nor the flux that
    they carry. Hence `rank`.

    Nothing streams in the outermost cells, which keep what they have but for absorption and
    scattering. Runge–Kutta steps are stable up to about the width of a cell,
    2 half_width / (cells - 1); the papers take 0.5 and 0.7 of it. The start is even in the
    third direction and remains so: the moments of negative order are zero.

    The observables are the norm and the mass (the integral of the scalar flux) with its
    variance, where there are random parameters. `tlr.measures.mean` and `variance` make the
    maps from a state, with the weights of `stencils.legendre_points`.

    Examples
    --------
    >>> from tensorflowlr.problems import line_source
    >>> problem = line_source(20, 3, points=6, half_width=1.0, width=0.2)
    >>> problem.start.shape
    (400, 16, 6, 6)
    """
    cells = whole_number(cells, "cells", 3, 1 << 12)
    degree = whole_number(degree, "degree", 1, 1 << 10)
    half_width, width = (
        real_number(value, name, "a positive finite number", positive)
        for name, value in (("half_width", half_width), ("width", width))
    )
    absorption, floor = (
        real_number(value, name, "zero or a positive number", not_negative)
        for name, value in (("absorption", absorption), ("floor", floor))
    )
    scattering = real_number(scattering, "scattering")
    amplitudes = real_numbers(amplitudes, "amplitudes")
    whole_number(rank, "rank")
    if amplitudes:
        points = whole_number(points, "points", 1, 1 << 12)
    random = tuple(range(2, 2 + len(amplitudes)))
    shape = (cells**2, (degree + 1) ** 2, *(points for _ in random))
    tree = Tree(((0, 1), random if len(random) > 1 else 2)) if random else Tree.matrix()
    centres, spacing = cell_centres(cells, half_width)
    damped = host.ones(shape[1])
    damped[0] = 0.0
    xi, weights = legendre_points(points) if random else (None, None)
    terms: list[Any] = [(-scattering, {1: damped}), *_streaming(cells, degree, spacing)]
    terms += [(-a, {1: damped, mode: xi}) for a, mode in zip(amplitudes, random, strict=True)]
    if absorption:
        terms.append((-absorption, {}))
    squares = centres[:, None] ** 2 + centres[None, :] ** 2
    bump = host.exp(-squares / (4.0 * width**2)) / (4.0 * math.pi * width**2)
    density = host.reshape(host.maximum(bump, host.asarray(floor)), (-1,)) / (4.0 * math.pi)
    factors = [density, 1.0 - damped, *(host.ones(points) for _ in random)]
    bases = [
        _directions(factor, [term[mode] for _, term in terms if mode in term], rank)
        for mode, factor in enumerate(factors)
    ]
    total = {0: host.full(cells**2, 4.0 * math.pi * spacing**2), 1: 0}
    observe: dict[str, Callable[[float, TreeTensor], Any]] = {"norm": Norm()}
    if random:
        certain = {mode: weights for mode in random}
        observe["mass"] = Mean(certain, total)
        observe["mass_variance"] = Variance(certain, total)
    else:
        observe["mass"] = Contraction(total)
    return Problem(
        "line_source",
        LinearField(TreeOperator.from_terms(terms, tree, shape)),
        carried(bases, tree, rank),
        span,
        observe,
    )


def _streaming(cells: int, degree: int, spacing: float) -> list[Any]:
    """Terms of both directions: central differences, and the viscosity that makes them upwind."""
    inside = host.ones(cells)
    inside[0] = inside[-1] = 0.0
    kept = arrays.sparse_diagonal(inside)
    first, second = (kept @ stencil for stencil in transport_stencils(cells, spacing))
    terms = []
    for flow, viscosity, along in zip(
        streaming_matrices(degree), absolute_values(degree), (True, False), strict=True
    ):
        for sign, stencil, matrix in ((-1.0, first, flow), (1.0, second, viscosity)):
            pair = (stencil, kept) if along else (kept, stencil)
            terms.append((sign, {0: arrays.sparse_kron(*pair), 1: matrix}))
    return terms


def _directions(start: Array, matrices: Sequence[Any], count: int) -> Array:
    """The start, and orthonormal columns: the matrices times it, their products times it, …"""
    waiting, found = [start], host.zeros((len(start), 0))
    while waiting and found.shape[1] < count:
        vector, *waiting = waiting
        vector = vector / arrays.norm(vector)
        new = vector
        for _ in range(2):
            new = new - found @ (found.T @ new)
        size = arrays.norm(new)
        if size > SAME:
            found = host.concat([found, new[:, None] / size], axis=1)
            products = [m @ vector if m.ndim == 2 else m * vector for m in matrices]
            waiting += [product for product in products if host.any(product != 0.0)]
    return host.concat([start[:, None], found[:, 1:]], axis=1)
