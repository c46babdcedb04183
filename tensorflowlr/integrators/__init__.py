"""Integrators: arrangements of the five moves, and the loop that runs them."""

from tensorflowlr.integrators.augmented import AugmentedBUG as AugmentedBUG
from tensorflowlr.integrators.checkpoint import Checkpoint as Checkpoint
from tensorflowlr.integrators.checkpoint import CheckpointWarning as CheckpointWarning
from tensorflowlr.integrators.citations import cite as cite
from tensorflowlr.integrators.ensemble import Ensemble as Ensemble
from tensorflowlr.integrators.ensemble import EnsembleWarning as EnsembleWarning
from tensorflowlr.integrators.ensemble import integrate_ensemble as integrate_ensemble
from tensorflowlr.integrators.fixed_rank import FixedRankBUG as FixedRankBUG
from tensorflowlr.integrators.integrate import integrate as integrate
from tensorflowlr.integrators.integrate import steps as steps
from tensorflowlr.integrators.parallel import ParallelBUG as ParallelBUG
from tensorflowlr.integrators.resume import resume as resume
from tensorflowlr.integrators.solution import IntegrationError as IntegrationError
from tensorflowlr.integrators.solution import RankCapWarning as RankCapWarning
from tensorflowlr.integrators.solution import Solution as Solution
from tensorflowlr.integrators.step import StepInfo as StepInfo
