"""Radiative transfer in slab geometry by spherical harmonics, with uncertain scattering."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import not_negative, positive, real_number, real_numbers, whole_number
from tensorflowlr.fields import LinearField
from tensorflowlr.observers import Contraction, Mean, Norm, Variance
from tensorflowlr.operators import TreeOperator
from tensorflowlr.problems.base import Problem
from tensorflowlr.problems.carried import carried
from tensorflowlr.problems.stencils import (
    absolute,
    cell_centres,
    legendre_points,
    transport_stencils,
)
from tensorflowlr.trees import Tree


def radiation_slab(
    cells: int = 201,
    moments: int = 100,
    *,
    points: int = 100,
    tree: Tree | None = None,
    half_width: float = 2.5,
    scattering: float = 5.0,
    amplitudes: Sequence[float] = (4.0, 1.0),
    absorption: float = 0.0,
    width: float = 0.03,
    rank: int = 10,
    span: tuple[float, float] = (0.0, 2.0),
) -> Problem:
    """The P_N equations of a slab, by default as in arXiv 2412.00858, section 5.2.

    For the moments u (cells × moments) of the angular flux on [-half_width, half_width],

        ∂u/∂t = -D₁ u Aᵀ + D₂ u |A|ᵀ - σ_a u - σ_s(ξ) u G,

    with A_{n,n+1} = (n+1) / √((2n+1)(2n+3)), G = diag(0, 1, 1, …), upwind differences D₁, D₂
    and σ_s = scattering + Σ amplitudes[i] ξ_i, the ξ_i uniform on [-1, 1]. Modes are space,
    angle, and one for each ξ_i on Gauss and Legendre's points. The start is a normal density
    in space, isotropic and certain.

    Parameters
    ----------
    cells, moments
        Space points, the ends included, and Legendre moments in angle.
    points
        Quadrature points of each random parameter.
    tree
        By default ((space, angle), (ξ, η)); (space, angle) where nothing is random.
    half_width
        Half the width of the slab, in mean free paths where scattering is 1.
    scattering, amplitudes
        Mean scattering, and what each random parameter adds to it; it must not turn negative.
    absorption
        σ_a.
    width
        Standard deviation of the start in space.
    rank
        The rank at which the start, a product, is carried: in the first Legendre moments
        and polynomials, and the first derivatives in space. At rank 1 methods of first
        order see no flux at all.
    span
        Start and end time.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be.

    Notes
    -----
    Explicit Runge–Kutta steps are stable up to about the width of a cell; the paper takes a
    tenth of it. The observables are the mass (the integral of the density) and, where there
    are random parameters, expectation and variance of the density at every point.

    Examples
    --------
    >>> from tensorflowlr.problems import radiation_slab
    >>> problem = radiation_slab(21, 10, points=6, half_width=1.0, width=0.2)
    >>> problem.start.shape
    (21, 10, 6, 6)
    """
    cells = whole_number(cells, "cells", 3, 1 << 20)
    moments = whole_number(moments, "moments", 2, 1 << 16)
    rank = whole_number(rank, "rank")
    half_width, width = (
        real_number(value, name, "a positive finite number", positive)
        for name, value in (("half_width", half_width), ("width", width))
    )
    scattering, absorption = (
        real_number(value, name, "zero or a positive number", not_negative)
        for name, value in (("scattering", scattering), ("absorption", absorption))
    )
    amplitudes = real_numbers(amplitudes, "amplitudes")
    if amplitudes:
        points = whole_number(points, "points", 1, 1 << 12)
    if sum(abs(a) for a in amplitudes) > scattering:
        raise ValueError(
            f"amplitudes must not sum to more than scattering = {scattering!r}, not {amplitudes!r}"
        )
    random = tuple(range(2, 2 + len(amplitudes)))
    shape = (cells, moments, *(points for _ in random))
    if tree is None:
        tree = Tree(((0, 1), random if len(random) > 1 else 2)) if random else Tree.matrix()
    centres, spacing = cell_centres(cells, half_width)
    first, second = transport_stencils(cells, spacing)
    flux = angular_flux(moments)
    damped = host.ones(moments)
    damped[0] = 0.0
    xi, weights = legendre_points(points if amplitudes else 1)
    terms = [
        (-1.0, {0: first, 1: arrays.sparse(flux)}),
        (1.0, {0: second, 1: absolute(flux)}),
        (-scattering, {1: damped}),
        *((-a, {1: damped, mode: xi}) for a, mode in zip(amplitudes, random, strict=True) if a),
    ]
    if absorption:
        terms.append((-absorption, {}))
    density = host.exp(-0.5 * (centres / width) ** 2) / (math.sqrt(2.0 * math.pi) * width)
    derivatives = [density]
    for _ in range(min(rank, cells) - 1):
        derivatives.append(first @ derivatives[-1])
        derivatives[-1] /= arrays.norm(derivatives[-1])
    bases = [host.stack(derivatives, axis=1), arrays.eye(moments, min(rank, moments), density)]
    bases += [xi[:, None] ** host.arange(min(rank, points)) for _ in random]
    mass = {0: host.ones(cells) * spacing, 1: 0}
    certain = {mode: weights for mode in random}
    observe = {"norm": Norm(), "mass": Contraction(mass | certain)}
    if random:
        observe["expectation"] = Mean(certain, {1: 0})
        observe["variance"] = Variance(certain, {1: 0})
    return Problem(
        "radiation_slab",
        LinearField(TreeOperator.from_terms(terms, tree, shape)),
        carried(bases, tree, rank),
        span,
        observe,
    )


def angular_flux(moments: int) -> Array:
    """A of the P_N equations: multiplication by μ in orthonormal Legendre polynomials."""
    n = host.arange(moments - 1) * 1.0
    beside = (n + 1.0) / host.sqrt((2.0 * n + 1.0) * (2.0 * n + 3.0))
    return host.diag(beside, 1) + host.diag(beside, -1)
