"""Low-rank tensor computation on trees of small tensors."""

# before the others: deep inside their imports NumPy itself takes longer to load
from tensorflowlr import arrays as _arrays
from tensorflowlr import measures as measures
from tensorflowlr import observers as observers
from tensorflowlr import problems as problems
from tensorflowlr.decompositions import CumulantTensor as CumulantTensor
from tensorflowlr.decompositions import DecompositionWarning as DecompositionWarning
from tensorflowlr.decompositions import Diagnostics as Diagnostics
from tensorflowlr.decompositions import MomentTensor as MomentTensor
from tensorflowlr.decompositions import hooi as hooi
from tensorflowlr.decompositions import (
    multi_subspace_power_method as multi_subspace_power_method,
)
from tensorflowlr.decompositions import st_hosvd as st_hosvd
from tensorflowlr.decompositions import subspace_power_method as subspace_power_method
from tensorflowlr.fields import DenseField as DenseField
from tensorflowlr.fields import FactoredField as FactoredField
from tensorflowlr.fields import LinearField as LinearField
from tensorflowlr.integrators import AugmentedBUG as AugmentedBUG
from tensorflowlr.integrators import Checkpoint as Checkpoint
from tensorflowlr.integrators import CheckpointWarning as CheckpointWarning
from tensorflowlr.integrators import Ensemble as Ensemble
from tensorflowlr.integrators import EnsembleWarning as EnsembleWarning
from tensorflowlr.integrators import FixedRankBUG as FixedRankBUG
from tensorflowlr.integrators import IntegrationError as IntegrationError
from tensorflowlr.integrators import ParallelBUG as ParallelBUG
from tensorflowlr.integrators import RankCapWarning as RankCapWarning
from tensorflowlr.integrators import Solution as Solution
from tensorflowlr.integrators import StepInfo as StepInfo
from tensorflowlr.integrators import cite as cite
from tensorflowlr.integrators import integrate as integrate
from tensorflowlr.integrators import integrate_ensemble as integrate_ensemble
from tensorflowlr.integrators import resume as resume
from tensorflowlr.integrators import steps as steps
from tensorflowlr.moves.flows import Exponential as Exponential
from tensorflowlr.moves.flows import Krylov as Krylov
from tensorflowlr.moves.flows import RungeKutta4 as RungeKutta4
from tensorflowlr.operators import TreeOperator as TreeOperator
from tensorflowlr.tensors import LowRankMatrix as LowRankMatrix
from tensorflowlr.tensors import PartiallySymmetricCP as PartiallySymmetricCP
from tensorflowlr.tensors import SymmetricCP as SymmetricCP
from tensorflowlr.tensors import TensorTrain as TensorTrain
from tensorflowlr.tensors import TreeTensor as TreeTensor
from tensorflowlr.tensors import TuckerTensor as TuckerTensor
from tensorflowlr.tensors import asymmetry as asymmetry
from tensorflowlr.tensors import from_tensorly as from_tensorly
from tensorflowlr.tensors import inner as inner
from tensorflowlr.tensors import symmetrize as symmetrize
from tensorflowlr.trees import Tree as Tree
from tensorflowlr.truncation import Truncation as Truncation

del _arrays

__version__ = "0.1.0"
