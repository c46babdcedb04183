"""The training loop: what a step does, stop and resume bit for bit, and the attack."""

import os
import signal
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paper_repro import training_methods, training_networks  # noqa: E402
from paper_repro.training_loop import Training, accuracy, attacked, pixels  # noqa: E402
from tensorflowlr.nn.data import Images, load_images  # noqa: E402


@pytest.fixture(scope="module")
def digits():
    made = load_images()
    return Images("digits", made.train_images[:200], made.train_labels[:200],
                  made.test_images[:100], made.test_labels[:100])


def training(images, epochs=3, seed=0, **options):
    model = training_networks.build("lenet", images, seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    rates = training_methods.Setting(epochs=epochs)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rates.rate(step, 4))
    return Training(model, optimiser, images, epochs, batch=64, seed=seed, scheduler=scheduler,
                    settings={"seed": seed}, **options)


def test_losses_are_those_of_a_loop_by_hand(digits):
    made = training(digits, epochs=2)
    by_hand = training_networks.build("lenet", digits, 0)
    generator = torch.Generator().manual_seed(0)
    momentum = {name: torch.zeros_like(p) for name, p in by_hand.named_parameters()}
    losses = []
    for rate in (0.05, 0.025):
        order = torch.randperm(200, generator=generator)
        for part in order.split(64):
            x = digits.train_images[part].float() / 255.0
            loss = torch.nn.functional.cross_entropy(by_hand(x), digits.train_labels[part])
            by_hand.zero_grad()
            loss.backward()
            with torch.no_grad():
                for name, p in by_hand.named_parameters():
                    momentum[name] = 0.9 * momentum[name] + p.grad
                    p -= rate * momentum[name]
            losses.append(float(loss.detach()))
    history = made.run()
    assert history.losses == pytest.approx(losses, rel=1e-5) and len(losses) == 8
    assert history.epochs[1]["loss"] == pytest.approx(sum(losses[4:]) / 4, rel=1e-5)
    right = (by_hand(pixels(digits.test_images)).argmax(1) == digits.test_labels).float().mean()
    assert history.accuracy == pytest.approx(100.0 * float(right))


def test_the_rate_rises_and_falls():
    setting = training_methods.Setting(epochs=2, warm_up=1)
    assert [setting.rate(step, 4) for step in range(8)] == pytest.approx([
        0.25, 0.5, 0.75, 1.0, 0.5, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_a_stopped_training_goes_on_bit_for_bit(digits, tmp_path, stop):
    whole = training(digits).run()
    part = training(digits)
    for _ in range(stop):
        part.step()
    part.save(tmp_path / "run.pt")
    later = training(digits)
    history = later.run(tmp_path / "run.pt")
    assert history.losses == whole.losses and history.epochs == whole.epochs
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    # what has ended is returned as it is
    assert training(digits).run(tmp_path / "run.pt").losses == whole.losses


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_between_two_steps_with_everything_written(digits, tmp_path, number):
    made = training(digits)
    step, handler = made.step, signal.getsignal(number)

    def interrupted():
        loss = step()
        if len(made.history.losses) == 5:
            os.kill(os.getpid(), number)
        return loss

    made.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        made.run(tmp_path / "run.pt")
    assert signal.getsignal(number) is handler
    later = training(digits)
    later.load(tmp_path / "run.pt")
    assert len(later.history.losses) == 5 and (later.epoch, later.done) == (1, 1)
    assert later.run().losses == training(digits).run().losses


def test_checkpoints_that_do_not_fit_are_refused(digits, tmp_path):
    path = tmp_path / "run.pt"
    made = training(digits)
    made.save(path)
    with pytest.raises(ValueError, match="other settings \\(seed\\)"):
        training(digits, seed=1).load(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="no checkpoint of a training"):
        made.load(path)
    torch.save({"format": "another"}, path)
    with pytest.raises(ValueError, match="format is 'another'"):
        made.load(path)
    torch.save(made.model, path)
    with pytest.raises(ValueError, match="no checkpoint of a training"):
        made.load(path)


def test_a_loss_that_is_not_finite_ends_the_training(digits):
    made = training(digits)
    for group in made.optimiser.param_groups:
        group["lr"] = 1e30
    history = made.run()
    assert history.diverged and made.finished and len(history.losses) < 6


def test_the_attack_moves_every_pixel_uphill(digits):
    made = training(digits, epochs=4)
    made.run()
    model, labels = made.model, digits.test_labels
    x = attacked(model, digits.test_images, labels, 0.1)
    plain = pixels(digits.test_images)
    assert float((x - plain).abs().max()) <= 0.1 + 1e-6
    assert 0.0 <= float(x.min()) and float(x.max()) <= 1.0
    assert torch.equal(attacked(model, digits.test_images, labels, 0.0), plain)
    assert accuracy(model, x, labels) < accuracy(model, digits.test_images, labels)
    # the sign is that of a difference quotient, pixel by pixel
    image, label = plain[:1].double(), labels[:1]
    model = model.double()
    moved = attacked(model, image, label, 1e-3) - image
    inside = ((image > 0.01) & (image < 0.99))[0, 0].nonzero()
    assert len(inside) > 10
    for row, column in inside[::3].tolist():
        step = torch.zeros_like(image)
        step[0, 0, row, column] = 1e-5
        with torch.no_grad():
            up, down = (torch.nn.functional.cross_entropy(model(image + s * step), label)
                        for s in (1.0, -1.0))
        assert float(moved[0, 0, row, column]) * float(up - down) > 0.0


@pytest.mark.parametrize("name", training_networks.NETWORKS)
def test_networks_fit_their_images_and_their_seed(name, digits):
    colour = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(8)
    images = Images("colour", colour, labels, colour, labels)
    for given in (digits, images):
        model = training_networks.build(name, given, 3)
        assert model(pixels(given.test_images[:4])).shape == (4, given.classes)
        first, last = training_networks.ends(model)
        assert model.get_submodule(first).weight.shape[1] == given.shape[0]
        assert model.get_submodule(last).out_features == given.classes
        state = torch.random.get_rng_state()
        again = training_networks.build(name, given, 3)
        assert torch.equal(torch.random.get_rng_state(), state)
        for p, q in zip(model.parameters(), again.parameters(), strict=True):
            assert torch.equal(p, q)


def test_lenet_has_the_published_number_of_weights():
    grey = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    labels = torch.tensor([0, 9])
    model = training_networks.build("lenet", Images("x", grey, labels, grey, labels), 0)
    # 430 500 weights and the biases
    assert sum(p.numel() for p in model.parameters() if p.ndim > 1) == 430_500
