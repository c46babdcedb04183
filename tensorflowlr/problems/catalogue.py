"""Problems by name, for configuration files."""

from __future__ import annotations

from collections.abc import Callable

from tensorflowlr.problems.base import Problem
from tensorflowlr.problems.schroedinger import discrete_schroedinger
from tensorflowlr.problems.spins import long_range_ising, nearest_neighbour_ising

CATALOGUE: dict[str, Callable[..., Problem]] = {
    "discrete_schroedinger": discrete_schroedinger,
    "long_range_ising": long_range_ising,
    "nearest_neighbour_ising": nearest_neighbour_ising,
}
