"""The ways to train a network that are compared, under one set of settings."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import Conv2d, Linear, Module

import tensorflowlr as tlr
from paper_repro import training_networks as networks
from paper_repro.training_loop import History, Training, accuracy, attacked
from tensorflowlr import nn
from tensorflowlr.nn.data import Images, load_images

INTEGRATORS = ("augmented", "parallel")
# factors that plain autograd trains
FACTORS = ("vanilla", "tensorly-torch")
Ranks = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Setting:
    """One training.

    Attributes
    ----------
    method
        "dense", one of `INTEGRATORS` or one of `FACTORS`.
    rtol
        Relative tolerance of the integrators' truncation; None keeps the ranks.
    share, ranks
        The ranks at the start: a share of the full ones (an integer is the rank itself), or by
        layer.
    adapting
        For how many epochs the ranks adapt; then they are held. None for all.
    condition
        The largest condition number of a layer's core, at a rank that is kept, or None.
    decades
        Over how many powers of ten the singular values at the start fall, or None for those
        of the dense start.
    warm_up
        For how many epochs the learning rate rises. Otherwise it falls from epoch to epoch, by
        a cosine.
    """

    method: str = "dense"
    network: str = "lenet"
    rtol: float | None = None
    share: float | int = 0.5
    ranks: Any = None
    adapting: int | None = None
    condition: float | None = None
    decades: float | None = None
    learning_rate: float = 0.05
    warm_up: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    epochs: int = 20
    batch: int = 128
    seed: int = 0

    def rate(self, step: int, batches: int) -> float:
        """The share of the learning rate at a step, of which an epoch has `batches`."""
        rise = min((step + 1) / (self.warm_up * batches), 1.0) if self.warm_up else 1.0
        return rise * 0.5 * (1.0 + math.cos(math.pi * (step // batches) / self.epochs))

    def with_ranks(self, method: str, ranks: Ranks) -> Setting:
        """The same at given ranks that are kept."""
        return replace(self, method=method, rtol=None, adapting=None,
                       ranks={name: list(r) for name, r in ranks.items()})

    @property
    def slug(self) -> str:
        """A short name for files, another one for other settings."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.method}-{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass
class Outcome:
    """What came of a training.

    Attributes
    ----------
    ranks
        The last ranks by layer.
    compression, total
        Percent of the weights saved in the factorised layers, and in the whole network.
    attacked
        Accuracy in percent by strength of the attack.
    model
        The trained network, where it was asked for.
    """

    setting: Setting
    history: History
    ranks: dict[str, list[int]]
    compression: float
    total: float
    attacked: dict[float, float] = field(default_factory=dict)
    model: Module | None = None

    @property
    def accuracy(self) -> float:
        """Percent of the images for testing, after the last epoch."""
        return self.history.accuracy


@functools.lru_cache(maxsize=1)
def images_of(path: Path | None) -> Images:
    """The images, read once per process."""
    return load_images(path)


def solve(
    setting: Setting,
    data: Path | None = None,
    folder: Path | None = None,
    strengths: Sequence[float] = (),
    keep: bool = False,
) -> Outcome:
    """Train with one setting, on one thread; in `folder` it is kept and gone on with."""
    torch.set_num_threads(1)
    training = prepare(setting, images_of(data))
    history = training.run(None if folder is None else folder / f"{setting.slug}.pt")
    made = outcome(setting, training.model, history, training.images, strengths)
    return replace(made, model=training.model) if keep else made


def outcome(
    setting: Setting, model: Module, history: History, images: Images,
    strengths: Sequence[float] = (),
) -> Outcome:
    """What came of a training that has ended."""
    dense = networks.build(setting.network, images, setting.seed)
    under = {strength: accuracy(
        model, attacked(model, images.test_images, images.test_labels, strength),
        images.test_labels) for strength in strengths}
    return Outcome(setting, history, ranks_of(model), saved(model, dense),
                   100.0 - 100.0 * _count(model) / _count(dense), under)


def prepare(setting: Setting, images: Images) -> Training:
    """The network and its optimiser, ready to be trained."""
    dense = networks.build(setting.network, images, setting.seed)
    model, optimiser = _made(setting, dense)
    reference = networks.build(setting.network, images, setting.seed)

    def measure(model: Module) -> dict[str, Any]:
        row: dict[str, Any] = {"compression": saved(model, reference), "ranks": ranks_of(model)}
        if setting.method in INTEGRATORS:
            row["condition"] = max(condition_numbers(model).values())
        return row

    def begin(epoch: int) -> None:
        if setting.adapting is not None and epoch >= setting.adapting:
            optimiser.truncation = None  # type: ignore[attr-defined]

    training = Training(model, optimiser, images, setting.epochs, setting.batch, setting.seed,
                        measure=None if setting.method == "dense" else measure, begin=begin,
                        settings=asdict(setting))
    training.scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: setting.rate(step, training.batches)
    )
    return training


def _made(setting: Setting, dense: Module) -> tuple[Module, torch.optim.Optimizer]:
    plain = {"lr": setting.learning_rate, "momentum": setting.momentum,
             "weight_decay": setting.weight_decay}
    if setting.method == "dense":
        return dense, torch.optim.SGD(dense.parameters(), **plain)
    if setting.method == "tensorly-torch":
        model = tensorly_torch(dense, setting.ranks)
        return model, torch.optim.SGD(model.parameters(), **plain)
    model = factorised(dense, setting.share if setting.ranks is None else setting.ranks)
    if setting.decades is not None:
        spread_values(model, setting.decades)
    if setting.method == "vanilla":
        return model, torch.optim.SGD(model.parameters(), **plain)
    if setting.method not in INTEGRATORS:
        raise ValueError(f"method must be dense or one of {(*INTEGRATORS, *FACTORS)}, "
                         f"not {setting.method!r}")
    optimiser = nn.LowRankOptimizer(
        model, base=torch.optim.SGD, method=setting.method, truncation=_truncation(setting),
        **plain,
    )
    return model, optimiser


def factorised(dense: Module, rank: Any) -> Module:
    """The network with low-rank layers between its ends; `rank` is a share or by layer."""
    names = layers_of(dense)
    given = {name: tuple(r) for name, r in rank.items()} if isinstance(rank, Mapping) else rank
    return nn.factorize(dense, rank=given, include=names)


def low_rank_layers(model: Module) -> dict[str, Any]:
    """The low-rank layers by name."""
    return {n: layer for n, layer in model.named_modules() if isinstance(layer, nn.LowRankLayer)}


def ranks_of(model: Module) -> dict[str, list[int]]:
    """The ranks of the low-rank layers, outputs first."""
    return {name: list(layer.ranks) for name, layer in low_rank_layers(model).items()}


@torch.no_grad()
def condition_numbers(model: Module) -> dict[str, float]:
    """Largest over smallest singular value of every core, outputs against all else."""
    made = {}
    for name, layer in low_rank_layers(model).items():
        values = torch.linalg.svdvals(layer.core.flatten(1))
        made[name] = float(values[0] / values[-1])
    return made


@torch.no_grad()
def spread_values(model: Module, decades: float) -> None:
    """Let the singular values of every core fall over some powers of ten; its norm stays."""
    for layer in low_rank_layers(model).values():
        core = layer.core
        length = torch.linalg.vector_norm(core)
        falls = [10.0 ** -torch.linspace(0.0, decades, n).to(core) for n in core.shape[:2]]
        if core.ndim == 2:
            made = torch.diag(falls[0])
        else:
            rest = [1] * (core.ndim - 2)
            rows, columns = falls[0].reshape(-1, 1, *rest), falls[1].reshape(1, -1, *rest)
            made = core * torch.minimum(rows, columns)
        core.copy_(made * (length / torch.linalg.vector_norm(made)))


def _truncation(setting: Setting) -> tlr.Truncation | None:
    if setting.condition is not None:
        rank = int(setting.share)
        return tlr.Truncation(min_rank=rank, max_rank=rank, max_condition=setting.condition)
    return None if setting.rtol is None else tlr.Truncation(rtol=setting.rtol)


def tensorly_torch_missing() -> str | None:
    """Why the baseline of tensorly-torch cannot be had; None where it can."""
    if importlib.util.find_spec("tltorch") is None:
        return "tensorly-torch is not installed"
    try:
        import tltorch  # noqa: F401
    except Exception as error:
        return f"tensorly-torch cannot be imported: {error}"
    return None


def tensorly_torch(dense: Module, ranks: Ranks) -> Module:
    """The network with the factorised layers of tensorly-torch, from the same weights."""
    import tltorch

    for name, rank in ranks.items():
        layer = dense.get_submodule(name)
        if isinstance(layer, Conv2d):
            made = tltorch.FactorizedConv.from_conv(
                layer, rank=tuple(rank), factorization="tucker", implementation="factorized"
            )
        else:
            made = tltorch.FactorizedLinear.from_linear(
                layer, auto_tensorize=False, in_tensorized_features=(layer.in_features,),
                out_tensorized_features=(layer.out_features,), rank=(rank[0], rank[0]),
                factorization="tucker", implementation="factorized",
            )
        dense.set_submodule(name, made)
    return dense


def layers_of(dense: Module) -> list[str]:
    """The layers that are factorised: convolutions and linear ones but the first and the last."""
    ends = networks.ends(dense)
    return [name for name, layer in dense.named_modules()
            if isinstance(layer, (Conv2d, Linear)) and name not in ends]


def saved(model: Module, dense: Module) -> float:
    """Percent of the weights that the factors save where the dense network has a whole layer.

    Only parameters that the layers really hold are counted; biases are left out.
    """
    names = layers_of(dense)
    whole = sum(_weights(dense.get_submodule(name)) for name in names)
    return 100.0 - 100.0 * sum(_weights(model.get_submodule(name)) for name in names) / whole


def _weights(layer: Module) -> int:
    return sum(p.numel() for name, p in layer.named_parameters() if name.split(".")[-1] != "bias")


def _count(model: Module) -> int:
    return sum(p.numel() for p in model.parameters())
