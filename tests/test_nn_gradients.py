"""Galerkin gradients against autograd through the dense weight, projected."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tensorflowlr as tlr  # noqa: E402
from tensorflowlr import nn  # noqa: E402
from tensorflowlr.nn.layer import LowRankLayer  # noqa: E402

CONV = {1: (nn.TuckerConv1d, "conv1d"), 2: (nn.TuckerConv2d, "conv2d"),
        3: (nn.TuckerConv3d, "conv3d")}


def decayed(layer: LowRankLayer, smallest: float) -> LowRankLayer:
    """The layer with a core whose singular values, in every channel mode, run to `smallest`."""
    with torch.no_grad():
        core = torch.from_numpy(np.random.default_rng(3).standard_normal(layer.core.shape))
        for axis in (0, 1):
            r = core.shape[axis]
            scale = torch.logspace(0, math.log10(smallest), r, dtype=core.dtype)
            shape = [1] * core.ndim
            shape[axis] = r
            core = core * scale.reshape(shape)
        layer.core.copy_(core)
    layer.galerkin = True
    return layer


def projections(layer: LowRankLayer, slope: torch.Tensor) -> list[torch.Tensor]:
    """What the dense gradient is at every leaf and at the core, by plain matrix algebra."""
    bases = [torch.eye(n, dtype=slope.dtype) if u is None else u.detach()
             for n, u in zip(layer.shape, layer.factors, strict=True)]

    def inside(skip: int) -> torch.Tensor:
        out = slope
        for axis, u in enumerate(bases):
            if axis != skip:
                out = torch.movedim(torch.tensordot(u.T, out, ([1], [axis])), 0, axis)
        return out

    def rows(x: torch.Tensor, axis: int) -> torch.Tensor:
        return torch.movedim(x, axis, 0).reshape(x.shape[axis], -1)

    found = []
    for axis in range(len(bases)):
        q, _ = torch.linalg.qr(rows(layer.core.detach(), axis).T)
        found.append(rows(inside(axis), axis) @ q)
    return [*found, inside(-1)]


def check(layer: LowRankLayer, run, dense) -> None:
    """Forward and backward of the layer against those of its dense weight."""
    x0, weight = run[0], layer.weight.detach().clone().requires_grad_()
    x = x0.clone().requires_grad_(x0.is_floating_point())
    z = x0.clone().requires_grad_(x0.is_floating_point())
    y, expected = layer(x), dense(z, weight)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    cotangent = torch.from_numpy(np.random.default_rng(5).standard_normal(y.shape))
    y.backward(cotangent)
    expected.backward(cotangent)
    slope = weight.grad if not isinstance(layer, nn.LowRankEmbedding) else weight.grad.T
    size = float(slope.norm())
    if x0.is_floating_point():
        torch.testing.assert_close(x.grad, z.grad, rtol=0, atol=1e-10 * float(z.grad.norm()))
    wanted = projections(layer, slope)
    torch.testing.assert_close(layer.core.grad, wanted[-1], rtol=0, atol=1e-10 * size)
    for leaf, target in zip(layer.leaves, wanted, strict=False):
        if leaf.numel():
            # the signs of the surroundings are the frame's own
            target = target * torch.sign((leaf.grad * target).sum(0))
            torch.testing.assert_close(leaf.grad, target, rtol=0, atol=1e-10 * size)


@pytest.mark.parametrize("smallest", [1.0, 1e-6, 1e-12])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2, "bias": False},
        {"groups": 2},
        {"padding": "same", "padding_mode": "circular"},
        {"padding": 1, "padding_mode": "reflect", "groups": 2, "stride": 2},
    ],
    ids=str,
)
def test_convolutions(axes, options, smallest):
    kind, name = CONV[axes]
    window = (3, 2, 3)[:axes]
    inputs = 6 // options.get("groups", 1)
    for rank in ((3, 2), (3, 2, *(2 for _ in window)), (8, 2), (3, inputs), 1.0):
        layer = kind(6, 8, window, rank=rank, dtype=torch.float64, **options)
        decayed(layer, smallest)
        plain = layer.to_dense()

        def dense(z, weight, plain=plain):
            return torch.func.functional_call(plain, {"weight": weight}, (z,))

        x = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 6, 7, 6, 5)[: axes + 2]))
        check(layer, (x,), dense)


def test_wide_factors_take_the_dense_way():
    layer = decayed(nn.TuckerConv2d(6, 8, 3, 2, rank=(7, 5, 3, 2), dtype=torch.float64), 1e-12)
    assert not layer.operation.pays(layer.ranks, layer.factors)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 6, 7, 6)))

    def dense(z, weight):
        return torch.nn.functional.conv2d(z, weight, layer.bias, 2)

    check(layer, (x,), dense)


@pytest.mark.parametrize("smallest", [1.0, 1e-6, 1e-12])
@pytest.mark.parametrize("rank", [3, (2, 2), (5, 5), 1.0])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(rank, bias, smallest):
    layer = decayed(nn.LowRankLinear(7, 9, bias, rank=rank, dtype=torch.float64), smallest)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 4, 7)))
    check(layer, (x,), lambda z, weight: torch.nn.functional.linear(z, weight, layer.bias))


@pytest.mark.parametrize("rank", [3, (5, 5), 1.0])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(rank, padding):
    layer = decayed(
        nn.LowRankEmbedding(11, 5, padding, rank=rank, dtype=torch.float64), 1e-12
    )
    numbers = torch.from_numpy(np.random.default_rng(1).integers(0, 11, (4, 6)))
    check(layer, (numbers,), lambda z, weight: torch.nn.functional.embedding(z, weight, padding))


def test_plain_factors_are_differentiated_by_autograd():
    layer = nn.TuckerConv2d(4, 6, 3, rank=(3, 2, 2, 3), groups=2, dtype=torch.float64)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 4, 5, 5)))
    names = [n for n, p in layer.named_parameters() if p.numel()]
    values = [layer.get_parameter(n).detach().clone().requires_grad_() for n in names]

    def run(*given):
        return torch.func.functional_call(layer, dict(zip(names, given, strict=True)), (x,))

    assert not layer.galerkin
    assert torch.autograd.gradcheck(run, values)


def test_gradients_add_up_over_passes():
    layer = decayed(nn.LowRankLinear(7, 9, rank=3, dtype=torch.float64), 1e-6)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((6, 7)))
    layer(x).square().sum().backward()
    whole = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    for part in (x[:2], x[2:]):
        layer(part).square().sum().backward()
    for p, total in zip(layer.parameters(), whole, strict=True):
        torch.testing.assert_close(p.grad, total)


def test_a_changed_weight_is_noticed():
    layer = decayed(nn.LowRankLinear(7, 9, rank=3, dtype=torch.float64), 1.0)
    x = torch.ones(2, 7, dtype=torch.float64)
    layer(x)
    with torch.no_grad():
        layer.core.mul_(3.0)
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_weights_are_tree_tensors_of_torch():
    layer = nn.TuckerConv2d(4, 6, 3, rank=(3, 2), dtype=torch.float64)
    Y = layer.tensor()
    assert isinstance(Y, tlr.TreeTensor) and Y.cores[0].data_ptr() == layer.factor_0.data_ptr()
    torch.testing.assert_close(Y.to_dense(), layer.weight.detach())


@pytest.fixture
def figure(monkeypatch):
    """The script that measures gradients against central differences."""
    place = Path(__file__).parents[1] / "benchmarks" / "reliability"
    monkeypatch.syspath_prepend(str(place))
    return importlib.import_module("gradients")


# one of each kind at full condition, then with cores of condition 1e12 and of lower rank
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 10, 13, 15, 17])
def test_central_differences_agree_and_tell_wrong_gradients(figure, number):
    _, layer, x = figure.made(number)
    assert figure.largest_gap(layer, x, number) <= 1e-6
    # one entry of one gradient, off by a thousandth of the whole
    for parameter in (layer.core, *layer.leaves, layer.bias):
        if parameter is not None and parameter.numel():
            handle = parameter.register_hook(lambda g: g + 1e-3 * g.norm())
            assert figure.largest_gap(layer, x, number) > 1e-6
            handle.remove()
    # what autograd has in the place of the bases is another gradient
    layer.galerkin = False
    assert figure.largest_gap(layer, x, number) > 1e-3
