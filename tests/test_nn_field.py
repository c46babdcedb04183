"""The gradient flow of a layer as a field: the optimiser's step is an integrator's step."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tensorflowlr as tlr  # noqa: E402
from tensorflowlr import arrays, nn  # noqa: E402

METHODS = {"parallel": tlr.ParallelBUG, "augmented": tlr.AugmentedBUG}
LAYERS = {
    "linear": (lambda: nn.LowRankLinear(7, 9, rank=3, dtype=torch.float64), (6, 7)),
    "one mode whole": (lambda: nn.LowRankLinear(3, 9, rank=3, dtype=torch.float64), (6, 3)),
    "convolution": (lambda: nn.TuckerConv2d(6, 8, 3, rank=(3, 2), dtype=torch.float64),
                    (4, 6, 7, 6)),
    "window": (lambda: nn.TuckerConv2d(6, 8, 3, rank=(3, 2, 2, 2), spatial=True,
                                       dtype=torch.float64), (4, 6, 7, 6)),
}


def euler(local, t0, t1, start):
    return start + (t1 - t0) * local(t0, start)


def numbers(shape, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def problem(name, smallest=1.0):
    """A layer, singular values down to `smallest`, and its loss."""
    torch.manual_seed(0)
    make, size = LAYERS[name]
    layer, x = make(), numbers(size)
    with torch.no_grad():
        fall = torch.logspace(0.0, np.log10(smallest), layer.core.shape[0], dtype=torch.float64)
        layer.core.mul_(fall.reshape(-1, *[1] * (layer.core.ndim - 1)))
    return layer, lambda: torch.tanh(layer(x)).square().mean() + layer(x).sum() / 50.0




@pytest.mark.parametrize("smallest", [1.0, 1e-8])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_step_of_plain_descent_is_one_of_the_integrator(name, method, smallest):
    rule = tlr.Truncation(rtol=1e-3)
    layer, loss = problem(name, smallest)
    optimizer = nn.LowRankOptimizer(layer, lr=0.3, method=method, truncation=rule)
    # the optimiser moves the core in place
    start = layer.tensor()
    start = start.trusted(start.tree, (*start.cores[:-1], start.cores[-1].clone()),
                          orthonormal=True)
    integrator = METHODS[method](layer.rule(rule), flow=euler)
    expected = tlr.integrate(nn.GradientField(layer, loss), start, (0.0, 0.3), step=0.3,
                             method=integrator).final
    before = layer.weight.detach().clone()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    assert float((layer.weight.detach() - before).norm()) > 1e-3
    assert layer.ranks == tuple(expected.cores[-1].shape)
    torch.testing.assert_close(layer.weight.detach(), expected.to_dense(), rtol=0, atol=1e-12)


def test_gradients_of_a_backward_pass_are_a_step_without_a_loss():
    layer, loss = problem("convolution")
    layer.galerkin = True
    loss().backward()
    method = tlr.ParallelBUG(layer.rule(tlr.Truncation(rtol=1e-2)), flow=euler)
    found = [tlr.integrate(field, layer.tensor(), (0, 0.1), step=0.1, method=method).final
             for field in (nn.GradientField(layer), nn.GradientField(layer, loss))]
    torch.testing.assert_close(*(Y.to_dense() for Y in found), rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="loss: without one"):
        tlr.integrate(nn.GradientField(layer), found[0], (0, 0.1), step=0.1, method=method)


def test_one_pass_serves_all_flows_of_a_parallel_step():
    layer, loss = problem("window")
    calls = []

    def counted():
        calls.append(1)
        return loss()

    method = tlr.ParallelBUG(layer.rule(tlr.Truncation()), flow=euler)
    tlr.integrate(nn.GradientField(layer, counted), layer.tensor(), (0, 0.1), step=0.1,
                  method=method)
    assert len(calls) == 1


@pytest.mark.parametrize("name", LAYERS)
def test_the_field_is_the_gradient_of_the_dense_weight(name):
    layer, _ = problem(name)
    goal = numbers(layer.shape, 3)
    x = torch.eye(layer.shape[1], dtype=torch.float64)
    if len(layer.shape) == 4:
        # each input channel's impulse: the output is the window, turned around
        x = torch.zeros(layer.shape[1], layer.shape[1], 5, 5, dtype=torch.float64)
        for i in range(layer.shape[1]):
            x[i, i, 2, 2] = 1.0
    bias = layer.bias.detach().reshape(-1, *[1] * (len(layer.shape) - 2))

    def loss():
        y = torch.movedim(layer(x) - bias, 0, 1).flip(list(range(2, len(layer.shape))))
        return 0.5 * (y - goal).square().sum()

    field = nn.GradientField(layer, loss)
    Y = layer.tensor()
    kept = [p.detach().clone() for p in layer.parameters()]
    expected = goal - Y.to_dense()
    torch.testing.assert_close(field.evaluate(0.0, Y).to_dense(), expected, rtol=0, atol=1e-12)
    # the solution of that flow is known: exponential decay towards the goal
    whole = tlr.TreeTensor.from_dense(Y.to_dense(), Y.tree)
    for method in (tlr.AugmentedBUG(tlr.Truncation(atol=1e-10), order=2),
                   tlr.ParallelBUG(tlr.Truncation(atol=1e-10), order=2)):
        end = tlr.integrate(field, whole, (0, 1), step=0.1, method=method).final.to_dense()
        exact = goal - np.exp(-1.0) * expected
        assert float((end - exact).norm()) < 1e-6 * float(expected.norm())
    for p, q in zip(layer.parameters(), kept, strict=True):
        assert torch.equal(p, q) and p.grad is None and not layer.galerkin


def test_a_factorisation_that_lapack_gives_up_is_tried_transposed(monkeypatch):
    matrix, failed = numbers((5, 3)), []
    library = arrays.namespace(matrix).linalg
    find = library.svd

    def fragile(matrix, *args, **options):
        if not failed:
            failed.append(matrix)
            raise torch.linalg.LinAlgError("failed to converge")
        return find(matrix, *args, **options)

    monkeypatch.setattr(library, "svd", fragile)
    u, s, vh = arrays.svd(matrix)
    assert len(failed) == 1 and u.shape == (5, 3)
    torch.testing.assert_close((u * s) @ vh, matrix, rtol=0, atol=1e-13)
    failed.clear()
    with pytest.raises(torch.linalg.LinAlgError):
        arrays.svd(matrix * float("nan"))
