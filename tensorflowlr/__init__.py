"""Low-rank tensor computation on trees of small tensors."""

from tensorflowlr.operators import TreeOperator as TreeOperator
from tensorflowlr.tensors import LowRankMatrix as LowRankMatrix
from tensorflowlr.tensors import TensorTrain as TensorTrain
from tensorflowlr.tensors import TreeTensor as TreeTensor
from tensorflowlr.tensors import TuckerTensor as TuckerTensor
from tensorflowlr.tensors import from_tensorly as from_tensorly
from tensorflowlr.tensors import inner as inner
from tensorflowlr.trees import Tree as Tree
from tensorflowlr.truncation import Truncation as Truncation

__version__ = "0.1.0"
