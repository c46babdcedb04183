"""Ready-made right-hand sides and starts."""

from tensorflowlr.problems.base import Problem as Problem
from tensorflowlr.problems.catalogue import CATALOGUE as CATALOGUE
from tensorflowlr.problems.line_source import line_source as line_source
from tensorflowlr.problems.radiation import radiation_slab as radiation_slab
from tensorflowlr.problems.schroedinger import discrete_schroedinger as discrete_schroedinger
from tensorflowlr.problems.spins import long_range_ising as long_range_ising
from tensorflowlr.problems.spins import nearest_neighbour_ising as nearest_neighbour_ising
