"""Quenches of spin chains: i dψ/dt = H ψ from all spins up."""

from __future__ import annotations

import math
from typing import Any

from tensorflowlr.checks import real_number, whole_number
from tensorflowlr.fields import LinearField
from tensorflowlr.observers import Expectation, Norm
from tensorflowlr.operators import TreeOperator
from tensorflowlr.problems.base import Problem
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.construct import checked_tree
from tensorflowlr.trees import MOST_MODES, Tree

PAULI_X = ((0.0, 1.0), (1.0, 0.0))
PAULI_Z = (1.0, -1.0)
UP = (1.0, 0.0)
# the terms of all pairs of more would fill the memory
MOST_SPINS = 1 << 12


def long_range_ising(
    modes: int,
    *,
    tree: Tree | None = None,
    field: float = 1.0,
    detuning: float = 1.0,
    interaction: float = 2.0,
    exponent: float = 1.0,
    span: tuple[float, float] = (0.0, 1.0),
) -> Problem:
    """The long-range Ising (Rydberg) chain, by default as in arXiv 2412.00858, section 5.1.

    H = field Σ X_i + detuning Σ n_i + interaction Σ_{i<j} n_i n_j / |i-j|^exponent with
    n = diag(1, 0), all spins up at the start.

    Parameters
    ----------
    modes
        The number of spins, at most 4096: the sum is over all pairs.
    tree
        Balanced by default.
    field, detuning, interaction, exponent
        Ω, Δ, ν and α of the paper.
    span
        Start and end time, in units of the inverse field.

    Raises
    ------
    TypeError, ValueError
        If the number of spins or a parameter cannot be.

    Examples
    --------
    >>> from tensorflowlr.problems import long_range_ising
    >>> problem = long_range_ising(4)
    >>> round(problem.observe["energy"](0.0, problem.start), 6)
    12.666667
    """
    modes = whole_number(modes, "modes", 1, MOST_SPINS)
    tree = _tree(tree, modes)
    _check(field=field, detuning=detuning, interaction=interaction, exponent=exponent)
    decay = [_decayed(interaction, distance, exponent) for distance in range(1, modes)]
    terms: list[Any] = [(field, {i: PAULI_X}) for i in range(modes)]
    terms += [(detuning, {i: UP}) for i in range(modes)]
    terms += [
        (decay[j - i - 1], {i: UP, j: UP})
        for i in range(modes) for j in range(i + 1, modes)
    ]
    return _quench("long_range_ising", terms, tree, modes, span)


def nearest_neighbour_ising(
    modes: int,
    *,
    tree: Tree | None = None,
    coupling: float = 1.0,
    field: float = 1.0,
    span: tuple[float, float] = (0.0, 1.0),
) -> Problem:
    """The transverse-field Ising chain with open ends, as in arXiv 2201.10291.

    H = -coupling Σ Z_i Z_{i+1} - field Σ X_i, all spins up at the start.

    Parameters
    ----------
    modes
        The number of spins.
    tree
        Balanced by default.
    coupling, field
        J and g.
    span
        Start and end time, in units of the inverse coupling.

    Raises
    ------
    TypeError, ValueError
        If the number of spins or a parameter cannot be.

    Examples
    --------
    >>> from tensorflowlr.problems import nearest_neighbour_ising
    >>> problem = nearest_neighbour_ising(8)
    >>> round(problem.observe["energy"](0.0, problem.start), 12)
    -7.0
    """
    modes = whole_number(modes, "modes", 1, MOST_MODES)
    tree = _tree(tree, modes)
    _check(coupling=coupling, field=field)
    terms: list[Any] = [(-coupling, {i: PAULI_Z, i + 1: PAULI_Z}) for i in range(modes - 1)]
    terms += [(-field, {i: PAULI_X}) for i in range(modes)]
    return _quench("nearest_neighbour_ising", terms, tree, modes, span)


def _check(**parameters: Any) -> None:
    for name, value in parameters.items():
        real_number(value, name)


def _tree(tree: Tree | None, modes: int) -> Tree:
    return Tree.balanced(modes) if tree is None else checked_tree(tree, modes)


def _decayed(interaction: float, distance: int, exponent: float) -> float:
    try:
        value = interaction / float(distance) ** float(exponent)
    except OverflowError:
        return 0.0
    except ZeroDivisionError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(
            f"exponent must be such that interactions stay finite, not {exponent!r}: "
            f"at distance {distance} they are not"
        )
    return value


def _quench(
    name: str, terms: list[Any], tree: Tree, modes: int, span: tuple[float, float]
) -> Problem:
    shape = (2,) * modes
    H = TreeOperator.from_terms(terms, tree, shape)
    mean = TreeOperator.from_terms([(1.0 / modes, {i: PAULI_Z}) for i in range(modes)], tree, shape)
    return Problem(
        name,
        LinearField(H, coefficient=-1j),
        TreeTensor.product([UP] * modes, tree).astype(complex),
        span,
        {
            "norm": Norm(),
            "energy": Expectation(H),
            "magnetisation": Expectation(mean),
        },
    )
