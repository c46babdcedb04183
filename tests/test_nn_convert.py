"""Conversion to factorised layers and back, export, compilation, several processes."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tensorflowlr as tlr  # noqa: E402
from tensorflowlr import nn  # noqa: E402


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 6, 3, dilation=2, padding="same", padding_mode="circular"),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(96, 20), torch.nn.Linear(20, 5),
    )


X = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 4, 8, 8))).float()


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1}, {"dilation": 2, "bias": False}, {"groups": 2},
    {"groups": 4}, {"padding": "same", "dilation": 2},
    {"padding": "same", "padding_mode": "circular"},
    {"padding": 1, "padding_mode": "replicate", "stride": 2}], ids=str)
def test_every_argument_survives_the_conversion(axes, options):
    kind = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)[axes - 1]
    dense = kind(4, 8, (3, 2, 3)[:axes], **options).double()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 4, 7, 6, 5)[: axes + 2]))
    model = torch.nn.Sequential(dense)
    exact = nn.factorize(copy.deepcopy(model), rank=1.0, include="0")
    torch.testing.assert_close(exact(x), model(x))
    torch.testing.assert_close(exact(x[0]), model(x[0]))
    low = nn.factorize(copy.deepcopy(model), rank=(3, 1), include="0")
    assert not isinstance(low[0], kind)
    for back in (nn.to_dense, nn.to_sequential):
        torch.testing.assert_close(back(copy.deepcopy(low))(x), low(x))


def test_a_tolerance_bounds_the_error_of_the_weight():
    dense = network()
    model = nn.factorize(copy.deepcopy(dense), rank=tlr.Truncation(rtol=0.2))
    for new, old in zip(nn.to_dense(model), dense, strict=True):
        if hasattr(old, "weight"):
            error = (new.weight - old.weight).norm() / old.weight.norm()
            assert 0.0 < error <= 0.2


def test_selection_and_dictionaries_of_ranks():
    model = nn.factorize(network(), rank={"0": 0.5, "5": 4}, exclude=torch.nn.Conv1d)
    assert [type(m).__name__ for m in model][::5] == ["TuckerConv2d", "LowRankLinear"]
    assert type(model[6]) is torch.nn.Linear and model[5].ranks == (4, 4)
    model = nn.factorize(network(), rank=3, include=lambda name, layer: name == "6")
    assert model[6].ranks == (3, 3) and type(model[5]) is torch.nn.Linear
    report = nn.report(model, X)
    assert "LowRankLinear" in str(report) and report.layers[0].share > 0.0
    assert report.parameters == sum(p.numel() for p in model[6].parameters()) - 5


def test_state_dicts_load_across_ranks():
    low, high = nn.factorize(network(), rank=0.25), nn.factorize(network(), rank=1.0)
    expected = low(X)
    high.load_state_dict(low.state_dict())
    torch.testing.assert_close(high(X), expected)
    assert high[2].ranks == low[2].ranks
    broken = low.state_dict() | {"2.core": torch.zeros(9, 9, 9, 9)}
    with pytest.raises(RuntimeError, match="size mismatch"):
        high.load_state_dict(broken)


def test_embedding_keeps_its_padding_row():
    dense = torch.nn.Embedding(12, 6, padding_idx=3)
    model = nn.factorize(torch.nn.Sequential(dense), rank=3, include="0")
    x = torch.tensor([[0, 3, 5], [3, 2, 11]])
    optimizer = nn.LowRankOptimizer(model, lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (model(x) - 1.0).square().sum().backward()
        optimizer.step()
    assert model(torch.tensor([3])).abs().max() < 1e-6
    torch.testing.assert_close(nn.to_sequential(copy.deepcopy(model))(x), model(x))


def test_onnx_runs_what_torch_runs(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = nn.to_sequential(nn.factorize(network(), rank=0.25, exclude="2")).eval()
    path = tmp_path / "model.onnx"
    code = (
        "import sys, torch; model = torch.load(sys.argv[1], weights_only=False);"
        "x = torch.load(sys.argv[2]);"
        "torch.onnx.export(model, (x,), sys.argv[3], dynamo=True, verbose=False)"
    )
    # exported alone: the exporter's own warnings are none of ours
    torch.save(model, tmp_path / "model.pt")
    torch.save(X, tmp_path / "x.pt")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, tmp_path / "model.pt",
                    tmp_path / "x.pt", path], check=True, capture_output=True, timeout=120)
    session = onnxruntime.InferenceSession(str(path))
    found = session.run(None, {session.get_inputs()[0].name: X.numpy()})[0]
    np.testing.assert_allclose(found, model(X).detach().numpy(), atol=1e-5)


COMPILED = """
import copy, torch, tensorflowlr as tlr
from tensorflowlr import nn
torch.manual_seed(0)
model = nn.factorize(torch.nn.Sequential(torch.nn.Conv2d(4, 8, 3), torch.nn.Flatten(),
                                         torch.nn.Linear(128, 5)), rank=0.5)
x, losses = torch.randn(6, 4, 6, 6), []
for compiled in (False, True):
    own = copy.deepcopy(model)
    optimizer = nn.LowRankOptimizer(own, lr=0.01, truncation=tlr.Truncation(rtol=0.1))
    run = torch.compile(own, backend="aot_eager") if compiled else own
    losses.append([])
    for _ in range(5):
        optimizer.zero_grad()
        loss = run(x).square().sum()
        loss.backward()
        optimizer.step()
        losses[-1].append(loss.item())
assert max(abs(a - b) for a, b in zip(*losses)) < 1e-4 * losses[0][0], losses
"""

PROCESSES = """
import os, sys, torch, torch.distributed as dist, tensorflowlr as tlr
from tensorflowlr import nn
torch.set_num_threads(1)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(rank)
dense = torch.nn.Sequential(torch.nn.Conv2d(2, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
                            torch.nn.Flatten(), torch.nn.Linear(128, 5))
model = nn.distributed(nn.factorize(dense, rank=0.5))
optimizer = nn.LowRankOptimizer(model, lr=0.05, momentum=0.9,
                                truncation=tlr.Truncation(rtol=0.6))
x = torch.randn(6, 2, 6, 6)
start = [layer.ranks for layer in optimizer.layers]
for _ in range(8):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
mine = [p.detach() for p in model.parameters()]
sizes = [None, None]
dist.all_gather_object(sizes, [tuple(p.shape) for p in mine])
assert sizes[0] == sizes[1], sizes
assert [layer.ranks for layer in optimizer.layers] != start
for p in mine:
    q = p.clone()
    dist.broadcast(q, src=0)
    assert torch.equal(p, q)
dist.barrier()
# all holds: gloo's threads sometimes abort the process while Python takes it down
os._exit(0)
"""


def test_compiled_models_train_alike():
    subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILED], check=True, timeout=120)


def test_two_processes_keep_the_same_ranks_and_weights(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen([sys.executable, "-c", PROCESSES, str(rank), str(tmp_path / "meet")],
                         env=environment, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
