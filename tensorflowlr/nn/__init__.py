"""Training of factorised networks by the integrators; needs PyTorch (``tensorflowlr[torch]``).

>>> import torch, tensorflowlr as tlr
>>> from tensorflowlr import nn
>>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
>>> model = nn.factorize(model, rank=0.5)
>>> optimizer = nn.LowRankOptimizer(model, base=torch.optim.SGD, lr=0.05,
...                                 truncation=tlr.Truncation(rtol=0.1))
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError(
        "tensorflowlr.nn needs PyTorch: install it with pip install 'tensorflowlr[torch]'"
    ) from error

from tensorflowlr.nn.conv import TuckerConv1d as TuckerConv1d
from tensorflowlr.nn.conv import TuckerConv2d as TuckerConv2d
from tensorflowlr.nn.conv import TuckerConv3d as TuckerConv3d
from tensorflowlr.nn.convert import factorize as factorize
from tensorflowlr.nn.convert import to_dense as to_dense
from tensorflowlr.nn.convert import to_sequential as to_sequential
from tensorflowlr.nn.field import GradientField as GradientField
from tensorflowlr.nn.layer import LowRankLayer as LowRankLayer
from tensorflowlr.nn.linear import LowRankEmbedding as LowRankEmbedding
from tensorflowlr.nn.linear import LowRankLinear as LowRankLinear
from tensorflowlr.nn.optimizer import LowRankOptimizer as LowRankOptimizer
from tensorflowlr.nn.processes import distributed as distributed
from tensorflowlr.nn.report import Report as Report
from tensorflowlr.nn.report import report as report

del _torch
