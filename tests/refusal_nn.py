"""Bad calls of the doors for factorised networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from refusal_cases import refuse, refuse_call, refuse_file

import tensorflowlr as tlr
from tensorflowlr import nn
from tensorflowlr.nn import data

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


def images(**changed: Any) -> Any:
    held = {
        "train_images": torch.zeros(2, 1, 3, 3, dtype=torch.uint8),
        "train_labels": torch.tensor([0, 1]),
        "test_images": torch.zeros(2, 1, 3, 3, dtype=torch.uint8),
        "test_labels": torch.tensor([1, 0]),
    }
    return data.Images("some", **{**held, **changed})


def read(name: str, content: bytes) -> Any:
    def call(folder: Path) -> Any:
        folder.joinpath(name).write_bytes(content)
        return data.load_images(folder if name.endswith(("ubyte", "bin")) else folder / name)

    return call


def torch_tensor(shape: tuple[int, ...], dtype: Any) -> tlr.TreeTensor:
    return tlr.TreeTensor.from_dense(torch.ones(shape, dtype=dtype), tlr.Tree.matrix())


def flow(start: Any = None, loss: Any = None) -> Any:
    layer = nn.LowRankLinear(4, 3, rank=2)
    return tlr.integrate(
        nn.GradientField(layer, loss), layer.tensor() if start is None else start, (0.0, 1.0),
        step=1.0, method=tlr.ParallelBUG(tlr.Truncation()),
    )


CASES = [
    *refuse("nn.data.load_images", "path", data.load_images, (3, 1.5, [], True), TypeError),
    *refuse_file("nn.data.load_images", "neither the IDX files", data.load_images,
                 FileNotFoundError, "CIFAR-10"),
    *refuse_file("nn.data.load_images", "x.npz", lambda f: data.load_images(f / "x.npz"), OSError),
    *refuse_file("nn.data.load_images", "x.npz", read("x.npz", b"none"), ValueError,
                 "no readable archive"),
    *refuse_file("nn.data.load_images", "train-images", read("train-images-idx3-ubyte", b"\0"),
                 ValueError, "ends after 1 of 16 bytes"),
    *refuse_file("nn.data.load_images", "data_batch_1.bin", read("test_batch.bin", b"\0"),
                 FileNotFoundError, "lacks"),
    *refuse("nn.data.Images", "train_images", lambda v: images(train_images=v),
            (torch.zeros(2, 1, 3, 3), torch.zeros(2, 3, 3, dtype=torch.uint8)), ValueError),
    *refuse("nn.data.Images", "test_images", lambda v: images(test_images=v),
            (torch.zeros(0, 1, 3, 3, dtype=torch.uint8),), ValueError),
    *refuse("nn.data.Images", "train_labels", lambda v: images(train_labels=v),
            (torch.tensor([0]), torch.tensor([0.0, 1.0])), ValueError),
    *refuse_call("nn.data.Images", lambda: images(test_labels=torch.tensor([0, 5])), ValueError,
                 "test_labels", "train_labels"),
    *refuse_call("nn.data.Images", lambda: images(train_labels=torch.tensor([0, -1])), ValueError,
                 "train_labels", "negative"),
    *refuse("nn.LowRankLayer", "dtype", lambda v: nn.LowRankLayer((3, 4), True, None, v),
            (torch.int64, torch.complex64, "a"), TypeError),
    *refuse("nn.TuckerConv1d", "rank", lambda v: nn.TuckerConv1d(4, 4, 3, rank=v), (5, 0, 1.5),
            ValueError),
    *refuse("nn.TuckerConv1d", "rank", lambda v: nn.TuckerConv1d(4, 4, 3, rank=v), (None, "a"),
            TypeError),
    *refuse("nn.TuckerConv3d", "rank", lambda v: nn.TuckerConv3d(4, 4, 3, rank=v), (5, -1),
            ValueError),
    *refuse("nn.TuckerConv3d", "dtype", lambda v: nn.TuckerConv3d(4, 4, 3, dtype=v),
            (torch.int64, torch.bfloat16), TypeError),
    *refuse("nn.TuckerConv3d.from_dense", "layer", nn.TuckerConv3d.from_dense,
            (torch.nn.Linear(2, 2), None), TypeError),
    *refuse("nn.LowRankLinear.forward", "x", nn.LowRankLinear(4, 3).forward,
            (torch.ones(3, 6), torch.ones(6, 2)), ValueError, "4"),
    *refuse("nn.LowRankEmbedding.forward", "x", nn.LowRankEmbedding(4, 3).forward,
            (torch.ones(3), torch.ones(2, dtype=torch.bool)), TypeError, "integers"),
    *refuse("nn.TuckerConv2d.forward", "x", nn.TuckerConv2d(4, 3, 1).forward,
            (torch.ones(4, 5), torch.ones(1, 3, 5, 5)), ValueError, "4 channels"),
    *refuse_call("nn.LowRankOptimizer.load_state_dict",
                 lambda: optimizer().load_state_dict({"state": {}, "param_groups": []}),
                 ValueError, "state dict", "parameter groups"),
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
