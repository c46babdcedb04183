"""Dense models to factorised ones and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import torch

from tensorflowlr.checks import shown
from tensorflowlr.nn.conv import TuckerConv1d, TuckerConv2d, TuckerConv3d
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.linear import LowRankEmbedding, LowRankLinear
from tensorflowlr.nn.ranks import checked_rank, full_ranks
from tensorflowlr.nn.sequential import sequential

KINDS: dict[type, Any] = {
    torch.nn.Linear: LowRankLinear,
    torch.nn.Conv1d: TuckerConv1d,
    torch.nn.Conv2d: TuckerConv2d,
    torch.nn.Conv3d: TuckerConv3d,
    torch.nn.Embedding: LowRankEmbedding,
}
CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
# embeddings are left dense unless they are asked for
USUAL = (torch.nn.Linear, *CONVOLUTIONS)
Model = torch.nn.Module


def factorize(
    model: Model, *, rank: Any = 0.5, include: Any = None, exclude: Any = None,
    spatial: bool = False,
) -> Model:
    """Replace the dense layers of a model by factorised ones, in place.

    `Linear` becomes `LowRankLinear`, `Conv1d`, `Conv2d` and `Conv3d` become `TuckerConv`,
    and `Embedding`, where `include` names it, `LowRankEmbedding`. Depthwise convolutions have
    a single input per group and nothing to factorise: they stay as they are unless `include`
    names them.

    The new parameters are plain ones: any optimiser may train them as they are ("vanilla"
    factors, differentiated by autograd). Give the model to a `LowRankOptimizer` to have
    the integrators do it.

    Parameters
    ----------
    model
        A module; where it is itself a dense layer, the new layer is returned.
    rank
        A share of the full rank (1.0 is exact), an integer (at most the full rank is taken
        in each mode), a tuple per mode, a `Truncation`, or a dictionary from names or patterns
        to any of them, the first that fits.
    include, exclude
        Names of layers (patterns with ``*``), types, or functions of name and layer that say
        which layers to take and to leave.
    spatial
        Whether the axes of the windows of convolutions are factorised as well.

    Returns
    -------
    torch.nn.Module
        The same model.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, an included name is of no layer or of a type that cannot be
        factorised, the dtype is not float32 or float64, or a layer or its weight is shared.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(),
    ...                             torch.nn.Linear(64, 10))
    >>> model = nn.factorize(model, rank=0.25, exclude="2")
    >>> model[0].ranks
    (16, 16)
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a torch.nn.Module, not {shown(model)}")
    ranks = _rank_table(rank)
    chosen = _chosen(model, _selector(include, "include"), _selector(exclude, "exclude"))
    _check_shared(model, [layer for _, layer in chosen])
    fallback = [layer for name, layer in chosen if _rank_of(ranks, name) is not None]
    _check_integers(ranks, chosen, fallback)
    made: dict[str, LowRankLayer] = {}
    for name, layer in chosen:
        wanted = _rank_of(ranks, name)
        if wanted is None:
            continue
        kind = KINDS[type(layer)]
        options = {"spatial": spatial} if isinstance(layer, CONVOLUTIONS) else {}
        try:
            made[name] = kind.from_dense(layer, rank=_capped(wanted, layer), **options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer {name!r}: {error}") from None
    for name, layer in made.items():
        model = _replaced(model, name, layer)
    return model


def to_dense(model: Model) -> Model:
    """Replace the factorised layers of a model by dense ones with the same weights, in place.

    Raises
    ------
    TypeError
        If `model` is no module.
    """
    return _all_replaced(model, lambda layer: layer.to_dense())


def to_sequential(model: Model) -> Model:
    """Replace the factorised layers of a model by plain torch layers, in place.

    A `TuckerConv` becomes a `Sequential` of a pointwise convolution, one with the core and
    another pointwise one; a `LowRankLinear` two `Linear`, an embedding an `Embedding` and a
    `Linear`. Where the factors do not pay the dense layer is made. Nothing of this package is
    needed to run the result, or to export it to ONNX.

    Raises
    ------
    TypeError
        If `model` is no module.
    """
    return _all_replaced(model, sequential)


def _all_replaced(model: Model, make: Callable[[Any], Model]) -> Model:
    if not isinstance(model, Model):
        raise TypeError(f"model must be a torch.nn.Module, not {shown(model)}")
    done: dict[int, Model] = {}
    for name, layer in list(model.named_modules(remove_duplicate=False)):
        if isinstance(layer, LowRankLayer):
            if id(layer) not in done:
                done[id(layer)] = make(layer)
            model = _replaced(model, name, done[id(layer)])
    return model


def _replaced(model: Model, name: str, layer: Model) -> Model:
    if not name:
        return layer
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, layer)
    return model


def _rank_table(rank: Any) -> dict[str, Any]:
    if isinstance(rank, dict):
        for name in rank:
            if not isinstance(name, str):
                raise TypeError(f"rank: a key must be the name of layers, not {shown(name)}")
        return {name: checked_rank(value) for name, value in rank.items()}
    return {"*": checked_rank(rank)}


def _rank_of(table: dict[str, Any], name: str) -> Any:
    return next((value for key, value in table.items() if fnmatchcase(name, key)), None)


def _capped(rank: Any, layer: Any) -> Any:
    if isinstance(rank, int):
        return min(rank, max(full_ranks(layer.weight.shape)[:2]))
    return rank


def _check_integers(table: dict[str, Any], chosen: Any, fallback: list[Any]) -> None:
    if not fallback and chosen:
        raise ValueError(f"rank: no name among {shown(list(table))} is of a layer to factorise")
    for key, rank in table.items():
        own = [layer for name, layer in chosen if _rank_of(table, name) is rank]
        largest = max((max(full_ranks(layer.weight.shape)[:2]) for layer in own), default=0)
        if isinstance(rank, int) and own and rank > largest:
            raise ValueError(f"rank must be at most {largest}, the largest of the layers that "
                             f"{key!r} names, not {rank}")


Selector = Callable[[str, Model], bool] | None


def _selector(given: Any, what: str) -> tuple[Selector, list[str]]:
    """A function of name and layer, and the names that must be found."""
    if given is None:
        return None, []
    entries = [given] if isinstance(given, (str, type)) or callable(given) else given
    if not isinstance(entries, Iterable):
        raise TypeError(f"{what} must be names, types or a function, not {shown(given)}")
    entries = list(entries)
    for entry in entries:
        if not (isinstance(entry, str) or callable(entry)):
            raise TypeError(f"{what} must be names, types or a function, not {shown(given)}")

    def selects(name: str, layer: Model) -> bool:
        return any(
            fnmatchcase(name, e) if isinstance(e, str)
            else isinstance(layer, e) if isinstance(e, type) else bool(e(name, layer))
            for e in entries
        )

    return selects, [e for e in entries if isinstance(e, str)]


def _chosen(
    model: Model, include: tuple[Selector, list[str]], exclude: tuple[Selector, list[str]]
) -> list[tuple[str, Any]]:
    modules = list(model.named_modules(remove_duplicate=False))
    for (_, names), what in ((include, "include"), (exclude, "exclude")):
        for pattern in names:
            if not any(fnmatchcase(name, pattern) for name, _ in modules):
                raise ValueError(f"{what}: no layer of the model is called {pattern!r}")
    for pattern in include[1]:
        named = [(n, m) for n, m in modules if fnmatchcase(n, pattern)]
        if len(named) == 1 and type(named[0][1]) not in KINDS:
            raise TypeError(
                f"include: {pattern!r} is a {type(named[0][1]).__name__}, which cannot be "
                f"factorised; there are {', '.join(k.__name__ for k in KINDS)}"
            )
    wanted, unwanted = include[0], exclude[0]
    chosen = [
        (name, layer) for name, layer in modules
        if type(layer) in KINDS and not (unwanted and unwanted(name, layer))
        and (wanted(name, layer) if wanted else _usual(layer))
    ]
    if not chosen:
        raise ValueError("model: no layer to factorise; there are "
                         f"{', '.join(sorted({type(m).__name__ for _, m in modules}))}")
    return chosen


def _usual(layer: Any) -> bool:
    depthwise = isinstance(layer, CONVOLUTIONS) and layer.groups > 1 and layer.weight.shape[1] == 1
    return type(layer) in USUAL and not depthwise


def _check_shared(model: Model, chosen: list[Any]) -> None:
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for layer in chosen:
        shared = names[id(layer.weight)]
        if len(shared) > 1:
            raise ValueError(
                f"model: the weight {' = '.join(shared)} is shared, and factors would part it; "
                "exclude its layers"
            )
        if not layer.weight.dtype.is_floating_point:
            raise TypeError(f"model: the weight {shared[0]} is of dtype {layer.weight.dtype}")
