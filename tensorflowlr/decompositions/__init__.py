"""Decompositions of dense tensors and of tensors given by data."""

from tensorflowlr.decompositions.dense import hooi as hooi
from tensorflowlr.decompositions.dense import st_hosvd as st_hosvd
from tensorflowlr.decompositions.diagnostics import DecompositionWarning as DecompositionWarning
from tensorflowlr.decompositions.diagnostics import Diagnostics as Diagnostics
from tensorflowlr.decompositions.moments import CumulantTensor as CumulantTensor
from tensorflowlr.decompositions.moments import MomentTensor as MomentTensor
from tensorflowlr.decompositions.spm import subspace_power_method as subspace_power_method
