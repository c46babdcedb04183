"""The long-range Ising quench: problem, dense reference and methods compared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import tensorflowlr as tlr
from paper_repro.common import Array, spin_chain
from tensorflowlr.problems import Problem, long_range_ising

OMEGA, DELTA, NU, ALPHA = 1.0, 1.0, 2.0, 1.0
ATOL, REJECT = 1e-8, 10.0
EXACT = tlr.Exponential()
Flow = tlr.Exponential | tlr.RungeKutta4
Method = tlr.ParallelBUG | tlr.AugmentedBUG


def chain(d: int) -> tuple[Any, Array]:
    """The dense reference's matrix and magnetisation, made without the library."""
    return spin_chain(d, omega=OMEGA, delta=DELTA, nu=NU, alpha=ALPHA)


def quench(tree: tlr.Tree) -> Problem:
    """The library's problem on a tree, all spins up at rank one."""
    return long_range_ising(
        tree.modes, tree=tree, field=OMEGA, detuning=DELTA, interaction=NU, exponent=ALPHA
    )


def padded_start() -> tlr.TreeTensor:
    """Four spins up, carried at rank two: bases are leading columns of the identity."""
    leaf, core = np.eye(2), np.eye(4)[:, :2].reshape(2, 2, 2)
    root = np.zeros((2, 2))
    root[0, 0] = 1.0
    return tlr.TreeTensor(tlr.Tree.balanced(4), [leaf] * 4 + [core, core, root])


def methods(rule: tlr.Truncation, flow: Flow) -> dict[str, Method]:
    """The methods compared, by name."""
    return {
        "parallel": tlr.ParallelBUG(rule, flow=flow),
        "parallel, rejection": tlr.ParallelBUG(rule, flow=flow, reject=REJECT),
        "parallel, order 2": tlr.ParallelBUG(rule, flow=flow, order=2),
        "augmented": tlr.AugmentedBUG(rule, flow=flow),
        "augmented, order 2": tlr.AugmentedBUG(rule, flow=flow, order=2),
    }


def integrate(
    problem: Problem, Y0: tlr.TreeTensor, end: float, step: float, method: Method,
    observe: Mapping[str, Any] | None = None,
) -> tlr.Solution:
    """One run from 0 to `end`; what `max_rank` cuts is in the tables, so it is not warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.integrate(
            problem.field, Y0, (0.0, end), step=step, method=method, observe=observe
        )
