"""The training experiments in miniature: methods, counts, tables, verdicts, stop and resume."""

import copy
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paper_repro import (  # noqa: E402
    cifar10,
    condlr,
    lenet_mnist,
    report,
    small_singular_values_training,
    training_methods,
    training_networks,
    training_runs,
)
from paper_repro.training_loop import pixels  # noqa: E402
from paper_repro.training_methods import INTEGRATORS, Setting  # noqa: E402

ROWS = 256


@pytest.fixture(autouse=True)
def tensorly_for_others():
    """tensorly-torch changes TensorLy's backend for the whole process when it is loaded."""
    import tensorly

    if "tltorch" in sys.modules:
        tensorly.set_backend("pytorch")
    yield
    tensorly.set_backend("numpy")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """An archive of a few digits."""
    digits = training_methods.load_images()
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, train_images=digits.train_images[:ROWS].numpy(),
             train_labels=digits.train_labels[:ROWS].numpy(),
             test_images=digits.test_images[:100].numpy(),
             test_labels=digits.test_labels[:100].numpy())
    return path


@pytest.fixture(autouse=True)
def serially(monkeypatch):
    """Jobs run in this process."""
    monkeypatch.setattr(training_runs, "spread", lambda function, jobs, progress: [
        function(*job) for job in jobs])


def flat(model, images):
    return model(pixels(images.test_images)).detach()


@pytest.mark.parametrize("method", [*INTEGRATORS, "vanilla", "tensorly-torch"])
def test_every_method_starts_from_the_same_function_at_full_rank(few, method):
    images = training_methods.images_of(few)
    dense = training_networks.build("lenet", images, 0)
    if method == "tensorly-torch" and training_methods.tensorly_torch_missing():
        pytest.skip(training_methods.tensorly_torch_missing())
    full = {name: [*layer.weight.shape] for name in training_methods.layers_of(dense)
            for layer in [dense.get_submodule(name)]}
    full = {name: [min(s[0], s[1] * 9), min(s[1], s[0] * 9), 3, 3] if len(s) == 4
            else [min(s)] * 2 for name, s in full.items()}
    setting = Setting().with_ranks(method, full)
    training = training_methods.prepare(setting, images)
    difference = flat(training.model, images) - flat(dense, images)
    assert float(difference.abs().max()) < 1e-4
    losses = [training.step() for _ in range(8)]
    assert losses[-1] < losses[0]


def test_weights_are_counted_by_hand(few):
    images = training_methods.images_of(few)
    dense = training_networks.build("lenet", images, 0)
    names = training_methods.layers_of(dense)
    # the middle convolution, 50 × 20 × 3 × 3, and the linear layer, 500 × 200
    ranks = dict(zip(names, ([10, 5, 3, 3], [7, 7]), strict=True))
    model = training_methods.factorised(copy.deepcopy(dense), ranks)
    kept = 10 * 5 * 9 + 50 * 10 + 20 * 5 + 7 * 7 + 500 * 7 + 200 * 7
    whole = 50 * 20 * 9 + 500 * 200
    assert training_methods.saved(model, dense) == pytest.approx(100.0 - 100.0 * kept / whole)
    assert training_methods.ranks_of(model) == ranks
    assert training_methods.saved(dense, dense) == 0.0


@pytest.mark.parametrize("decades", [0.0, 3.0, 6.0])
def test_values_at_the_start_fall_as_told(few, decades):
    setting = Setting(method="parallel", share=0.25, decades=decades)
    model = training_methods.prepare(setting, training_methods.images_of(few)).model
    for name, layer in training_methods.low_rank_layers(model).items():
        values = torch.linalg.svdvals(layer.core.detach().double().flatten(1))
        found = float(torch.log10(values[0] / values[-1]))
        # cores of convolutions have values of their own besides
        assert found == pytest.approx(decades, abs=0.1 if layer.core.ndim == 2 else 1.0), name


def test_conditions_are_bounded_in_every_epoch(few):
    made = training_methods.solve(
        Setting(method="augmented", share=6, condition=1.5, epochs=2), few, strengths=[0.0, 0.1])
    assert all(row["condition"] <= 1.5 * 1.001 for row in made.history.epochs)
    assert made.attacked[0.0] == pytest.approx(made.accuracy)
    assert made.attacked[0.1] <= made.attacked[0.0]
    assert set(map(tuple, made.ranks.values())) == {(6, 6, 3, 3), (6, 6)}


def test_settings_differ_in_their_files():
    slugs = {Setting(seed=s, method=m, rtol=r).slug for s in (0, 1) for m in ("dense", "parallel")
             for r in (None, 0.1)}
    assert len(slugs) == 8 and Setting().slug == Setting().slug


@pytest.mark.parametrize("method", INTEGRATORS)
def test_a_stopped_low_rank_training_goes_on_bit_for_bit(few, tmp_path, method):
    setting = Setting(method=method, rtol=0.2, epochs=3, batch=32)
    images = training_methods.images_of(few)
    whole = training_methods.prepare(setting, images).run()
    part = training_methods.prepare(setting, images)
    for _ in range(11):
        part.step()
    part.save(tmp_path / "run.pt")
    later = training_methods.prepare(setting, images)
    assert later.run(tmp_path / "run.pt").losses == whole.losses
    # ranks had changed when it was stopped
    assert whole.epochs[0]["ranks"] != whole.epochs[-1]["ranks"]


def good_figure(path):
    return path.read_bytes().startswith(b"\x89PNG")


def lines(folder):
    return (folder / "verdicts.txt").read_text().splitlines()


def test_lenet_in_miniature(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lenet_mnist, "plan", lambda count, full: lenet_mnist.Plan(
        2, 1, (0,), (0.1, 0.3), 0.3, 1.0))
    lenet_mnist.run(tmp_path, data=few)
    text = capsys.readouterr().out
    assert "256 images for training" in text and "--data" not in text
    for method in ("dense", "augmented", "parallel", "vanilla", "truncated afterwards"):
        assert method in (tmp_path / "compression.md").read_text()
    assert good_figure(tmp_path / "compression.png") and good_figure(tmp_path / "epochs.png")
    assert len(lines(tmp_path)) >= 7 and not (tmp_path / "runs").exists()


def test_small_values_in_miniature(few, tmp_path, monkeypatch):
    monkeypatch.setattr(small_singular_values_training, "plan", lambda count, full:
                        small_singular_values_training.Plan(2, (0,), (0.0, 8.0), 0.0))
    small_singular_values_training.run(tmp_path, data=few)
    assert good_figure(tmp_path / "losses.png") and len(lines(tmp_path)) == 8


def test_condlr_in_miniature(few, tmp_path, monkeypatch):
    monkeypatch.setattr(condlr, "plan", lambda count, full: condlr.Plan(2, (0,), (1.5,)))
    condlr.run(tmp_path, data=few)
    assert good_figure(tmp_path / "attacks.png") and len(lines(tmp_path)) == 6
    assert lines(tmp_path)[0].startswith("PASS  condition ≤ 1.5: largest")


def test_verdicts_of_lenet_follow_the_numbers(few):
    one = training_methods.solve(Setting(epochs=1), few)
    good = replace(one, compression=95.0)
    verdicts = report.Verdicts()
    lenet_mnist.judge(verdicts, lenet_mnist.Plan(1, 1, (0,), (0.1,), 0.1, 0.5), [one], {
        name: [good] for name in (*INTEGRATORS, "vanilla")})
    assert verdicts.failed == 0
    worse = copy.deepcopy(good)
    worse.history.epochs[-1]["accuracy"] -= 1.0
    lenet_mnist.judge(verdicts, lenet_mnist.Plan(1, 1, (0,), (0.1,), 0.1, 0.5), [one], {
        "augmented": [worse], "parallel": [one], "vanilla": [good]})
    # too far below, too little saved, below the plain factors
    assert verdicts.failed == 3


def narrow(shape, classes):
    return training_networks.vgg(shape, classes, (8, 16))


def test_networks_stop_and_go_on(few, tmp_path, monkeypatch):
    todo = cifar10.Plan(("vgg",), 1, 0.1, 0.05, 100.0)
    monkeypatch.setattr(cifar10, "plan", lambda count, full: todo)
    monkeypatch.setitem(training_networks.NETWORKS, "vgg", narrow)
    code = (
        "from pathlib import Path; from paper_repro import cifar10, training_networks as networks;"
        "wide = networks.vgg;"
        "networks.NETWORKS['vgg'] = lambda shape, classes: wide(shape, classes, (8, 16));"
        "cifar10.plan = lambda count, full: cifar10.Plan(('vgg',), 400, 0.1, 0.05, 100.0);"
        f"cifar10.run(Path({str(tmp_path / 'out')!r}), data=Path({str(few)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("vgg, dense") and "steps of" not in line:
                break
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    (kept,) = (tmp_path / "out" / "runs").iterdir()
    state = torch.load(kept, weights_only=True)
    assert 0 < len(state["history"]["losses"]) < 800
    # a shorter one to its end, in another place
    assert cifar10.run(tmp_path / "short", data=few) in (0, 1)
    assert good_figure(tmp_path / "short" / "vgg.png")
    assert not (tmp_path / "short" / "runs").exists()
