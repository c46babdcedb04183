"""Problems by name, for configuration files."""

from __future__ import annotations

from collections.abc import Callable

from tensorflowlr.problems.base import Problem
from tensorflowlr.problems.line_source import line_source
from tensorflowlr.problems.radiation import radiation_slab
from tensorflowlr.problems.schroedinger import discrete_schroedinger
from tensorflowlr.problems.spins import long_range_ising, nearest_neighbour_ising

CATALOGUE: dict[str, Callable[..., Problem]] = {
    "discrete_schroedinger": discrete_schroedinger,
    "line_source": line_source,
    "long_range_ising": long_range_ising,
    "nearest_neighbour_ising": nearest_neighbour_ising,
    "radiation_slab": radiation_slab,
}
