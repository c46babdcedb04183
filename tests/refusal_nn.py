"""Bad calls of the doors for factorised networks."""

from __future__ import annotations

from typing import Any

import torch
from refusal_cases import refuse, refuse_call

import tensorflowlr as tlr
from tensorflowlr import nn

NOT_RANKS: Any = ("a", None, [None], 1.5j, True)
NO_RANKS = (0, -1, 0.0, 1.5, -0.5, float("nan"))
NOT_MODELS: Any = (None, 3, "model", torch.ones(2), torch.nn.Linear)


def model() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))


def low() -> torch.nn.Module:
    return nn.factorize(model(), rank=2)


def optimizer(**options: Any) -> Any:
    return nn.LowRankOptimizer(low(), **options)


def shared_layer() -> torch.nn.Module:
    layer = torch.nn.Linear(4, 4)
    return torch.nn.Sequential(layer, torch.nn.ReLU(), layer)


def shared_weight() -> torch.nn.Module:
    first, second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    second.weight = first.weight
    return torch.nn.Sequential(first, second)


def partly() -> Any:
    layers = low()
    return nn.LowRankOptimizer(layers, params=[layers[0].core])


def parted() -> Any:
    layers = low()
    first, *rest = layers.parameters()
    return nn.LowRankOptimizer(layers, params=[{"params": [first]}, {"params": rest}])


def torch_tensor(shape: tuple[int, ...], dtype: Any) -> tlr.TreeTensor:
    return tlr.TreeTensor.from_dense(torch.ones(shape, dtype=dtype), tlr.Tree.matrix())


def flow(start: Any = None, loss: Any = None) -> Any:
    layer = nn.LowRankLinear(4, 3, rank=2)
    return tlr.integrate(
        nn.GradientField(layer, loss), layer.tensor() if start is None else start, (0.0, 1.0),
        step=1.0, method=tlr.ParallelBUG(tlr.Truncation()),
    )


CASES = [
    *refuse("nn.factorize", "model", lambda v: nn.factorize(v), NOT_MODELS, TypeError),
    *refuse("nn.factorize", "rank", lambda v: nn.factorize(model(), rank=v), NOT_RANKS[:2],
            TypeError),
    *refuse("nn.factorize", "rank", lambda v: nn.factorize(model(), rank=v), NO_RANKS, ValueError),
    *refuse("nn.factorize", "rank", lambda v: nn.factorize(model(), rank=v), (7, 50), ValueError,
            "at most"),
    *refuse_call("nn.factorize", lambda: nn.factorize(model(), rank=(2, 2, 2)), ValueError,
                 "rank", "modes"),
    *refuse_call("nn.factorize", lambda: nn.factorize(model(), rank=(5, 2)), ValueError,
                 "rank", "at most 4"),
    *refuse("nn.factorize", "include", lambda v: nn.factorize(model(), include=v), (3, [3]),
            TypeError),
    *refuse("nn.factorize", "exclude", lambda v: nn.factorize(model(), exclude=v), (3, [None]),
            TypeError),
    *refuse("nn.factorize", "include", lambda v: nn.factorize(model(), include=v), ("nothing",),
            ValueError),
    *refuse_call("nn.factorize", lambda: nn.factorize(model(), include="1"), TypeError, "include",
                 "ReLU"),
    *refuse_call("nn.factorize", lambda: nn.factorize(torch.nn.ReLU()), ValueError, "model",
                 "ReLU"),
    *refuse_call("nn.factorize", lambda: nn.factorize(shared_layer()), ValueError, "shared"),
    *refuse_call("nn.factorize", lambda: nn.factorize(shared_weight()), ValueError, "shared"),
    *refuse_call("nn.factorize", lambda: nn.factorize(model().to(torch.bfloat16)), TypeError,
                 "dtype", "bfloat16"),
    *refuse("Truncation", "rtol", lambda v: nn.factorize(model(), rank=tlr.Truncation(rtol=v)),
            (-0.1,), ValueError),
    *refuse("nn.to_dense", "model", nn.to_dense, NOT_MODELS, TypeError),
    *refuse("nn.to_sequential", "model", nn.to_sequential, NOT_MODELS, TypeError),
    *refuse("nn.report", "model", nn.report, NOT_MODELS, TypeError),
    *refuse_call("nn.report", lambda: nn.report(model()), ValueError, "factorised layer"),
    *refuse("nn.report", "repeats", lambda v: nn.report(low(), repeats=v), (0,), ValueError),
    *refuse("nn.distributed", "model", nn.distributed, NOT_MODELS, TypeError),
    *refuse_call("nn.distributed", lambda: nn.distributed(low()), RuntimeError, "model",
                 "init_process_group"),
    *refuse("nn.LowRankOptimizer", "model", nn.LowRankOptimizer, NOT_MODELS, TypeError),
    *refuse("nn.LowRankOptimizer", "base", lambda v: optimizer(base=v), ("SGD", None, int),
            TypeError),
    *refuse("nn.LowRankOptimizer", "method", lambda v: optimizer(method=v), ("serial", None),
            ValueError),
    *refuse("nn.LowRankOptimizer", "truncation", lambda v: optimizer(truncation=v), (0.1, "a"),
            TypeError),
    *refuse("nn.LowRankOptimizer", "budget", lambda v: optimizer(budget=v), (0, 5), ValueError),
    *refuse("nn.LowRankOptimizer", "budget", lambda v: optimizer(budget=v), (0.5,), TypeError),
    *refuse("nn.LowRankOptimizer", "params", lambda v: optimizer(params=v), (3,), TypeError),
    *refuse_call("nn.LowRankOptimizer", lambda: optimizer(params=model().parameters()),
                 ValueError, "params", "not in the model"),
    *refuse_call("nn.LowRankOptimizer", partly, ValueError, "params", "as a whole"),
    *refuse_call("nn.LowRankOptimizer", parted, ValueError, "params", "several groups"),
    *refuse_call("nn.LowRankOptimizer.step", lambda: optimizer(method="augmented").step(),
                 ValueError, "closure"),
    *refuse_call("nn.LowRankOptimizer.add_param_group",
                 lambda: optimizer().add_param_group({"params": []}), ValueError, "param_group"),
    *refuse("nn.GradientField", "layer", nn.GradientField,
            (None, torch.nn.Linear(2, 2), torch.ones(2)), TypeError),
    *refuse("nn.GradientField", "loss", lambda v: nn.GradientField(nn.LowRankLinear(4, 3), v),
            (3, "loss"), TypeError),
    *refuse("nn.GradientField", "Y0", lambda v: flow(v), (tlr.TreeTensor.random(
        tlr.Tree.matrix(), (4, 3), 1, rng=0), torch_tensor((4, 3), torch.float64)), ValueError),
    *refuse("nn.GradientField", "Y0", lambda v: flow(v), (tlr.TreeTensor.random(
        tlr.Tree.matrix(), (3, 4), 1, rng=0), torch_tensor((3, 4), torch.float64)), TypeError),
    *refuse_call("nn.GradientField", lambda: flow(), ValueError, "loss", "function"),
    *refuse("nn.GradientField", "loss", lambda v: flow(loss=lambda: v),
            (1.0, torch.ones(2), torch.ones(())), TypeError),
    *refuse("nn.LowRankLinear", "in_features", lambda v: nn.LowRankLinear(v, 3), (0,),
            ValueError),
    *refuse("nn.LowRankLinear", "dtype", lambda v: nn.LowRankLinear(4, 3, dtype=v),
            (torch.int64, torch.complex64, torch.float16), TypeError),
    *refuse_call("nn.LowRankLinear",
                 lambda: nn.LowRankLinear(4, 3, rank=tlr.Truncation(rtol=0.1)), ValueError,
                 "rank", "from scratch"),
    *refuse("nn.LowRankLinear.from_dense", "layer", nn.LowRankLinear.from_dense,
            (torch.nn.Conv2d(2, 2, 3), None), TypeError),
    *refuse("nn.LowRankEmbedding", "padding_idx", lambda v: nn.LowRankEmbedding(4, 3, v), (4,),
            ValueError),
    *refuse_call("nn.LowRankEmbedding.from_dense",
                 lambda: nn.LowRankEmbedding.from_dense(torch.nn.Embedding(4, 3, max_norm=1.0)),
                 ValueError, "layer", "max_norm"),
    *refuse("nn.TuckerConv2d", "rank", lambda v: nn.TuckerConv2d(4, 4, 3, rank=v), (5,),
            ValueError, "at most"),
    *refuse("nn.TuckerConv2d.from_dense", "layer", nn.TuckerConv2d.from_dense,
            (torch.nn.Linear(2, 2), torch.nn.Conv1d(2, 2, 3)), TypeError),
    *refuse("Truncation", "max_condition", lambda v: tlr.Truncation(max_condition=v),
            (0.5, -1.0, float("inf")), ValueError),
    *refuse("Truncation", "max_condition", lambda v: tlr.Truncation(max_condition=v), ("a",),
            TypeError),
    *refuse("Truncation", "edge_ranks", lambda v: tlr.Truncation(edge_ranks=v), (3, "a"),
            TypeError),
    *refuse("Truncation", "edge_ranks", lambda v: tlr.Truncation(edge_ranks=v),
            ({0: (1, 2, 3)}, [(0, 1)]), ValueError),
    *refuse_call("Truncation", lambda: tlr.Truncation(edge_ranks={0: (3, 2)}), ValueError,
                 "edge_ranks[0]"),
]
