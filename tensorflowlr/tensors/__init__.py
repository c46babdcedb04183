"""Tree tensors, their named shapes, arithmetic, rounding and conversion."""

from tensorflowlr.tensors.conversion import from_tensorly as from_tensorly
from tensorflowlr.tensors.shapes import LowRankMatrix as LowRankMatrix
from tensorflowlr.tensors.shapes import TensorTrain as TensorTrain
from tensorflowlr.tensors.shapes import TuckerTensor as TuckerTensor
from tensorflowlr.tensors.symmetric import SymmetricCP as SymmetricCP
from tensorflowlr.tensors.symmetry import asymmetry as asymmetry
from tensorflowlr.tensors.symmetry import symmetrize as symmetrize
from tensorflowlr.tensors.tree_tensor import TreeTensor as TreeTensor
from tensorflowlr.tensors.tree_tensor import inner as inner
