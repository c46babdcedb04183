"""The optimiser against dense optimisers, descent, moments, schedulers, resumption."""

from __future__ import annotations

import copy
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tensorflowlr as tlr  # noqa: E402
from tensorflowlr import nn  # noqa: E402
from tensorflowlr.nn import transport  # noqa: E402
from tensorflowlr.nn.budget import meet  # noqa: E402
from tensorflowlr.truncation import nearest_conditioned  # noqa: E402

functional = torch.nn.functional
BASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}),
    "momentum": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-2}),
    "nesterov": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"lr": 1e-3, "weight_decay": 1e-3}),
    "adamw": (torch.optim.AdamW, {"lr": 1e-3, "amsgrad": True}),
}


def network(dtype=torch.float32):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 8, 3, stride=2, padding=1), torch.nn.Tanh(),
        torch.nn.Conv2d(8, 6, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(24, 5),
    ).to(dtype)


def batch(count=12, dtype=torch.float32, seed=0):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.standard_normal((count, 2, 8, 8))).to(dtype)
    return x, torch.from_numpy(rng.integers(0, 5, count))


def closure_of(model, optimizer, x, t):
    def closure():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), t)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("method", ["parallel", "augmented"])
def test_full_rank_follows_the_dense_optimiser(name, method):
    base, options = BASES[name]
    dense = network()
    model = nn.factorize(copy.deepcopy(dense), rank=1.0)
    x, t = batch()
    theirs = base(dense.parameters(), **options)
    ours = nn.LowRankOptimizer(model, base, method=method, **options)
    for _ in range(100):
        theirs.step(closure_of(dense, theirs, x, t))
        ours.step(closure_of(model, ours, x, t))
    for mine, other in zip(nn.to_dense(model).parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["parallel", "augmented"])
def test_a_step_of_gradient_descent_is_that_of_the_dense_weight_where_ranks_suffice(method):
    # with all inputs in the basis the gradient lies in the augmented bases
    layer = nn.LowRankLinear(4, 30, rank=4, bias=False, dtype=torch.float64)
    assert layer.ranks == (4, 4) and layer.factors[1] is None
    before = layer.weight.detach().clone().requires_grad_()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((7, 4)))
    goal = torch.from_numpy(np.random.default_rng(1).standard_normal((7, 30)))
    (x @ before.T - goal).square().sum().backward()
    optimizer = nn.LowRankOptimizer(layer, lr=0.01, method=method, truncation=tlr.Truncation())

    def closure():
        optimizer.zero_grad()
        loss = (layer(x) - goal).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(layer.weight, before - 0.01 * before.grad, rtol=0, atol=1e-12)


def quadratic(seed, rank=2):
    rng = np.random.default_rng(seed)
    goal = torch.from_numpy(rng.standard_normal((9, rank)) @ rng.standard_normal((rank, 12)))
    layer = torch.nn.Linear(12, 9, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(0.3 * rng.standard_normal((9, 12))))
    return layer, goal


@pytest.mark.parametrize("method", ["parallel", "augmented"])
@pytest.mark.parametrize("rtol", [0.0, 1e-3, 1e-2, 0.1, 0.3])
def test_descent_on_a_quadratic(method, rtol):
    for seed in range(3):
        layer, goal = quadratic(seed)
        layer = nn.factorize(layer, rank=tlr.Truncation(rtol=rtol))
        optimizer = nn.LowRankOptimizer(
            layer, lr=0.02, method=method, truncation=tlr.Truncation(rtol=rtol)
        )

        def closure(layer=layer, goal=goal, optimizer=optimizer):
            optimizer.zero_grad()
            loss = 0.5 * (layer.weight - goal).square().sum() if not layer.galerkin else (
                0.5 * (layer(torch.eye(12, dtype=torch.float64)).T - goal).square().sum())
            loss.backward()
            return loss

        losses, ranks = [], []
        for _ in range(150):
            ranks.append(layer.ranks)
            losses.append(optimizer.step(closure).item())
        assert np.all(np.diff(losses) < 0.0)
        assert losses[-1] < 0.01 * losses[0]
        assert rtol < 0.01 or ranks[-1] == (2, 2)


def test_small_steps_turn_bases_in_single_precision():
    rng = np.random.default_rng(0)
    start, wanted = (torch.from_numpy(rng.standard_normal((48, 8)) @ rng.standard_normal((8, 48)))
                     for _ in range(2))

    def trained(dtype):
        dense = torch.nn.Linear(48, 48, bias=False).to(torch.float64)
        dense.weight.data = start
        layer = nn.LowRankLinear.from_dense(dense, rank=8).to(dtype)
        optimizer = nn.LowRankOptimizer(layer, torch.optim.SGD, lr=5e-6)
        for _ in range(40):
            optimizer.zero_grad()
            (0.5 * (layer(torch.eye(48, dtype=dtype)).T - wanted).square().sum()).backward()
            optimizer.step()
        return layer.weight.detach().to(torch.float64)

    double, single = trained(torch.float64), trained(torch.float32)
    assert (single - double).norm() < 0.05 * (double - start).norm()


@pytest.mark.parametrize("method", ["parallel", "augmented"])
def test_descent_of_a_network_at_every_tolerance(method):
    x, t = batch(dtype=torch.float64)
    for rtol in (0.0, 0.01, 0.1):
        rule = tlr.Truncation(rtol=rtol)
        model = nn.factorize(network(torch.float64), rank=rule)
        optimizer = nn.LowRankOptimizer(model, lr=0.02, method=method, truncation=rule)
        closure = closure_of(model, optimizer, x, t)
        losses = [float(optimizer.step(closure).detach()) for _ in range(40)]
        assert np.all(np.diff(losses) < 0.0), (rtol, losses)


def test_momentum_is_the_dense_one_where_one_mode_is_whole():
    dense = torch.nn.Linear(4, 30, bias=False, dtype=torch.float64)
    layer = nn.LowRankLinear.from_dense(dense, rank=4)
    assert layer.ranks == (4, 4)
    theirs = torch.optim.SGD(dense.parameters(), lr=0.005, momentum=0.9)
    ours = nn.LowRankOptimizer(layer, lr=0.005, momentum=0.9, truncation=tlr.Truncation())
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((7, 4)))
    goal = torch.from_numpy(np.random.default_rng(1).standard_normal((7, 30)))
    for _ in range(30):
        for model, optimizer in ((dense, theirs), (layer, ours)):
            optimizer.zero_grad()
            (model(x) - goal).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(layer.weight, dense.weight, rtol=0, atol=1e-10)


def test_moments_are_the_projections_of_one_tensor():
    def bases(seed):
        layer = nn.TuckerConv2d(6, 8, 3, rank=(3, 4, 2, 3), dtype=torch.float64)
        torch.manual_seed(seed)
        return layer.reset((3, 4, 2, 3), 1).frame

    old, new = bases(1), bases(2)
    rng = np.random.default_rng(0)
    centres = [None if c is None else c.clone() for c in old.centre]
    moments = [None if c is None else torch.from_numpy(rng.standard_normal(c.shape))
               for c in centres]
    moments[-1] = moments[-1][..., 0]

    def expand(core, factors):
        for axis, u in enumerate(factors):
            core = torch.movedim(torch.tensordot(u, core, ([1], [axis])), 0, axis)
        return core

    total = expand(moments[-1], old.basis[:-1])
    for leaf in old.growing:
        u, m = old.basis[leaf], moments[leaf]
        factors = [*old.basis[:-1]]
        factors[leaf] = m - u @ (u.T @ m)
        total = total + expand(old.outer[leaf][..., 0], factors)
    found = transport.seen(moments, old, new)
    adjoints = [u.T for u in new.basis[:-1]]
    torch.testing.assert_close(found[-1], expand(total, adjoints))
    for leaf in new.growing:
        beside = [*adjoints]
        beside[leaf] = torch.eye(total.shape[leaf], dtype=total.dtype)
        rows = torch.movedim(expand(total, beside), leaf, 0).flatten(1)
        q = torch.movedim(new.outer[leaf][..., 0], leaf, 0).flatten(1)
        torch.testing.assert_close(found[leaf], rows @ q.T)


def test_second_moments_stay_positive_and_constants_stay_constant():
    layer = nn.TuckerConv2d(6, 8, 3, rank=(3, 4), dtype=torch.float64)
    frame = layer.frame
    torch.manual_seed(3)
    new = layer.reset((5, 2), 1).frame
    moments = [torch.full_like(c, 2.0) if c is not None else None for c in frame.centre]
    moments[-1] = moments[-1][..., 0]
    for moment in transport.spread(moments, frame, frame, new):
        if moment is not None:
            torch.testing.assert_close(moment, torch.full_like(moment, 2.0))


@pytest.mark.parametrize("name", ["momentum", "adamw"])
def test_a_resumed_run_goes_on_bit_for_bit(name, tmp_path):
    base, options = BASES[name]
    x, t = batch()

    def start():
        model = nn.factorize(network(), rank=0.5)
        rule = tlr.Truncation(rtol=0.05)
        optimizer = nn.LowRankOptimizer(model, base, truncation=rule, **options)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)

    def steps(model, optimizer, scheduler, count):
        losses = []
        for _ in range(count):
            losses.append(optimizer.step(closure_of(model, optimizer, x, t)).item())
            scheduler.step()
        return losses

    run = start()
    steps(*run, 7)
    torch.save([part.state_dict() for part in run], tmp_path / "run.pt")
    expected = steps(*run, 10)
    resumed = start()
    for part, state in zip(resumed, torch.load(tmp_path / "run.pt"), strict=True):
        part.load_state_dict(state)
    assert resumed[0][0].ranks is not None
    assert steps(*resumed, 10) == expected


def test_state_takes_no_more_room_than_the_factors():
    model = nn.factorize(network(), rank=0.5)
    optimizer = nn.LowRankOptimizer(model, lr=0.01, momentum=0.9,
                                    truncation=tlr.Truncation(rtol=0.2))
    x, t = batch()
    for _ in range(5):
        optimizer.step(closure_of(model, optimizer, x, t))
    for layer in optimizer.layers:
        for p in (layer.core, *layer.leaves):
            held = optimizer.state.get(p, {}).get("momentum_buffer")
            assert (held is None) == (p.numel() == 0)
            assert held is None or held.shape == p.shape


def test_a_graph_that_lives_on_does_no_harm():
    model = nn.factorize(network(), rank=0.5)
    optimizer = nn.LowRankOptimizer(model, lr=0.05, truncation=tlr.Truncation(rtol=0.8))
    x, t = batch()
    kept, seen = [], {model[2].ranks}
    for _ in range(4):
        loss = functional.cross_entropy(model(x), t)
        kept.append(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.add(model[2].ranks)
    assert len(seen) > 1


def test_budget_and_held_ranks():
    x, t = batch()
    model = nn.factorize(network(), rank=0.75)
    before = nn.report(model).parameters
    optimizer = nn.LowRankOptimizer(model, lr=0.05, momentum=0.9, truncation=tlr.Truncation(),
                                    budget=before // 2)
    for _ in range(3):
        optimizer.step(closure_of(model, optimizer, x, t))
        assert nn.report(model).parameters <= before // 2
    model = nn.factorize(network(), rank=0.5)
    held = nn.LowRankOptimizer(model, lr=0.05)
    ranks, weight = [layer.ranks for layer in held.layers], model[0].weight.detach().clone()
    held.step(closure_of(model, held, x, t))
    assert [layer.ranks for layer in held.layers] == ranks
    assert (model[0].weight - weight).norm() > 0.0


def test_a_budget_keeps_the_most_for_its_parameters():
    torch.manual_seed(0)
    sizes, falls = [(12, 9), (30, 20)], [0.7, 0.9]
    layers, values = [], []
    for (m, n), fall in zip(sizes, falls, strict=True):
        u, v = (torch.linalg.qr(torch.randn(k, n)).Q for k in (m, n))
        s = fall ** torch.arange(n)
        dense = torch.nn.Linear(n, m)
        dense.weight.data = u * s @ v.T
        layers.append(nn.LowRankLinear.from_dense(dense, rank=n - 1))
        values.append((s[: n - 1].square() / s[: n - 1].square().sum()).numpy())
    model = torch.nn.Sequential(*layers)
    limit = nn.report(model).parameters // 3

    def lost(ranks):
        return sum(v[r:].sum() for v, r in zip(values, ranks, strict=True))

    def count(ranks):
        return sum(r * (m + n + r) for (m, n), r in zip(sizes, ranks, strict=True))

    best = min(
        lost(r) for r in itertools.product(range(1, 9), range(1, 20)) if count(r) <= limit
    )
    meet(layers, limit, {})
    found = [layer.ranks[0] for layer in layers]
    assert count(found) == nn.report(model).parameters <= limit
    # a price finds the best of all where it spends the whole budget, else within one rank
    assert lost(found) <= best + max(v[r - 1] for v, r in zip(values, found, strict=True))
    assert count(found) > limit - max(m + n + 2 * r for (m, n), r in zip(sizes, found, strict=True))


def test_condition_numbers_stay_bounded():
    x, t = batch()
    model = nn.factorize(network(), rank=0.5)
    rule = tlr.Truncation(max_condition=2.0, max_rank=4)
    optimizer = nn.LowRankOptimizer(model, lr=0.1, truncation=rule)
    for _ in range(5):
        optimizer.step(closure_of(model, optimizer, x, t))
        assert all(row.condition <= 2.0 * (1 + 1e-5) for row in nn.report(model))


@pytest.mark.parametrize("condition", [1.0, 1.5, 3.0, 50.0])
def test_the_nearest_values_of_a_condition(condition):
    for seed in range(5):
        values = np.sort(np.random.default_rng(seed).exponential(size=6))[::-1]
        nearest = np.array(nearest_conditioned(values.tolist(), condition))
        assert nearest.max() <= condition * nearest.min() * (1 + 1e-12)
        floors = np.linspace(values.min() / 2, values.max(), 20001)[:, None]
        tried = np.clip(values, floors, condition * floors)
        best = ((tried - values) ** 2).sum(1).min()
        assert ((nearest - values) ** 2).sum() <= best + 1e-9


def test_autocast_and_clipping():
    model = nn.factorize(network(), rank=0.5)
    optimizer = nn.LowRankOptimizer(model, lr=0.05, truncation=tlr.Truncation(rtol=0.05))
    x, t = batch()
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            y = model(x)
            loss = functional.cross_entropy(y.float(), t)
        assert y.dtype == torch.bfloat16
        loss.backward()
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


class Noted(torch.nn.Dropout):
    """A dropout that remembers which entries it took out."""

    def forward(self, x):
        y = super().forward(torch.ones_like(x))
        self.masks = [*getattr(self, "masks", []), y.detach()]
        return x * y


@pytest.mark.parametrize("method", ["parallel", "augmented"])
def test_a_step_draws_once_and_moves_running_statistics_once(method):
    torch.manual_seed(0)
    dropout, norm = Noted(0.5), torch.nn.BatchNorm1d(16)
    model = nn.factorize(torch.nn.Sequential(
        torch.nn.Linear(8, 16), norm, torch.nn.Tanh(), dropout, torch.nn.Linear(16, 5)), rank=3)
    optimizer = nn.LowRankOptimizer(model, lr=0.05, method=method)
    x, t = torch.randn(12, 8), torch.randint(0, 5, (12,))
    once = copy.deepcopy(model)
    torch.manual_seed(7)
    once(x)
    after = torch.get_rng_state()
    torch.manual_seed(7)
    optimizer.step(closure_of(model, optimizer, x, t))
    assert len(dropout.masks) == (2 if method == "augmented" else 1)
    for mask in dropout.masks:
        torch.testing.assert_close(mask, once[3].masks[0], rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), after)
    assert norm.num_batches_tracked == 1
    for name, value in norm.named_buffers():
        torch.testing.assert_close(value, dict(once[1].named_buffers())[name], rtol=0, atol=0)
    torch.manual_seed(8)
    optimizer.step(closure_of(model, optimizer, x, t))
    assert not torch.equal(dropout.masks[-1], dropout.masks[0])


@pytest.mark.parametrize("method", ["parallel", "augmented"])
def test_descent_of_lenet_on_a_full_batch_at_every_tolerance(method):
    pytest.importorskip("sklearn")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from paper_repro import training_networks
    from tensorflowlr.nn.data import load_images

    digits = load_images()
    x, t = digits.train_images[:200].double() / 255.0, digits.train_labels[:200]
    for rtol in (None, 0.0, 0.03, 0.1):
        rule = None if rtol is None else tlr.Truncation(rtol=rtol)
        model = training_networks.build("lenet", digits, 0).double()
        ends = training_networks.ends(model)
        model = nn.factorize(model, rank=0.3 if rtol is None else rule, exclude=ends)
        optimizer = nn.LowRankOptimizer(model, lr=0.05, method=method, truncation=rule)
        closure = closure_of(model, optimizer, x, t)
        before = [layer.ranks for layer in optimizer.layers]
        losses = [float(optimizer.step(closure).detach()) for _ in range(5)]
        # theory allows a rise by the gradient's norm times what is cut; none is seen, since the
        # start has been truncated by the same rule
        assert np.all(np.diff(losses) < 0.0), (rtol, losses)
        if rtol is None:
            assert [layer.ranks for layer in optimizer.layers] == before
