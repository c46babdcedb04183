"""Ready-made right-hand sides and starts."""

from tensorflowlr.problems.base import Problem as Problem
from tensorflowlr.problems.catalogue import CATALOGUE as CATALOGUE
from tensorflowlr.problems.schroedinger import discrete_schroedinger as discrete_schroedinger
from tensorflowlr.problems.spins import long_range_ising as long_range_ising
from tensorflowlr.problems.spins import nearest_neighbour_ising as nearest_neighbour_ising
