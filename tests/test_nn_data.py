"""Readers of labelled images: every format there and back, and what they refuse."""

import gzip
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tensorflowlr.nn.data import Images, load_images  # noqa: E402

RNG = np.random.default_rng(0)
GREY = {"train": RNG.integers(0, 256, (7, 5, 4), np.uint8),
        "test": RNG.integers(0, 256, (3, 5, 4), np.uint8)}
LABELS = {"train": np.array([0, 1, 2, 2, 1, 0, 3], np.uint8), "test": np.array([3, 0, 1], np.uint8)}


def idx(array, code=8):
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def write_idx(folder, *, packed=False, dot="-"):
    for part, start in (("train", "train"), ("test", "t10k")):
        for array, what in ((GREY[part], f"images{dot}idx3"), (LABELS[part], f"labels{dot}idx1")):
            name = f"{start}-{what}-ubyte{'.gz' if packed else ''}"
            content = idx(array)
            (folder / name).write_bytes(gzip.compress(content) if packed else content)
    return folder


def archive(folder, **changed):
    held = {"train_images": GREY["train"], "train_labels": LABELS["train"],
            "test_images": GREY["test"], "test_labels": LABELS["test"]} | changed
    np.savez(folder / "x.npz", **{k: v for k, v in held.items() if v is not None})
    return folder / "x.npz"


def cifar(folder, count=2):
    rows = RNG.integers(0, 10, (count, 1 + 3072), np.uint8)
    for name in ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"):
        (folder / name).write_bytes(rows.tobytes())
    return rows


def same(images):
    assert images.shape == (1, 5, 4) and images.classes == 4
    for part in ("train", "test"):
        assert np.array_equal(getattr(images, f"{part}_images").numpy()[:, 0], GREY[part])
        assert np.array_equal(getattr(images, f"{part}_labels").numpy(), LABELS[part])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files(tmp_path, packed, dot):
    same(load_images(write_idx(tmp_path, packed=packed, dot=dot)))


def test_archive(tmp_path):
    same(load_images(archive(tmp_path)))
    colour = RNG.integers(0, 256, (7, 3, 5, 4), np.uint8)
    made = load_images(archive(tmp_path, train_images=colour, test_images=colour[:3]))
    assert made.shape == (3, 5, 4) and np.array_equal(made.train_images.numpy(), colour)


@pytest.mark.parametrize("above", [False, True])
def test_cifar_batches(tmp_path, above):
    folder = tmp_path / "cifar-10-batches-bin" if above else tmp_path
    folder.mkdir(exist_ok=True)
    rows = cifar(folder)
    made = load_images(tmp_path)
    assert len(made.train_images) == 4 and made.shape == (3, 32, 32)
    # one plane of colour after the other, each row by row
    assert np.array_equal(made.test_images.numpy(), rows[:, 1:].reshape(-1, 3, 32, 32))
    assert np.array_equal(made.train_labels.numpy(), np.tile(rows[:, 0], 2))


def test_digits_are_all_there():
    from sklearn.datasets import load_digits

    made, bunch = load_images(), load_digits()
    assert len(made.train_images) + len(made.test_images) == len(bunch.target)
    values = made.test_images[:, 0].double() * (16.0 / 255.0)
    assert np.array_equal(values.round().numpy(), bunch.images[4::5])
    assert np.array_equal(made.test_labels.numpy(), bunch.target[4::5])
    # no class is missing or rare in either part
    for labels in (made.train_labels, made.test_labels):
        share = torch.bincount(labels, minlength=10) / len(labels)
        assert 0.05 < float(share.min()) and float(share.max()) < 0.15


@pytest.mark.parametrize(("name", "change", "words"), [
    ("train-images-idx3-ubyte", lambda b: b[:-1], "ends after 139 of 140 bytes"),
    ("train-images-idx3-ubyte", lambda b: b + b"\0", "more bytes than the (7, 5, 4)"),
    ("train-images-idx3-ubyte", lambda b: b[:9], "ends after 9 of 16 bytes"),
    ("t10k-labels-idx1-ubyte", lambda b: b"\1" + b[1:], "0x01000801, not 0x00000801"),
    ("t10k-labels-idx1-ubyte", lambda b: b[:4] + b"\0\0\0\0", "claims the shape (0,)"),
    ("train-images-idx3-ubyte", lambda b: b[:4] + b"\xff" * 12, "claims the shape"),
    ("t10k-labels-idx1-ubyte", lambda b: idx(LABELS["test"][:2]), "must be 3 integers"),
    ("t10k-labels-idx1-ubyte", lambda b: idx(np.array([0, 1, 9], np.uint8)),
     "must be among the train_labels"),
    ("t10k-images-idx3-ubyte", lambda b: idx(GREY["test"][:, :4]), "shape of train_images"),
])
def test_damaged_idx_files_are_refused(tmp_path, name, change, words):
    path = write_idx(tmp_path) / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError) as caught:
        load_images(tmp_path)
    assert words in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(("changed", "words"), [
    ({"test_labels": None}, "lacks test_labels"),
    ({"train_images": GREY["train"].astype(float)}, "must be bytes (uint8), not of dtype float64"),
    ({"train_labels": LABELS["train"] * 0.5}, "must be integers, not of dtype float64"),
    ({"train_labels": np.array([None] * 7)}, "train_labels: no readable array"),
    ({"train_images": GREY["train"][0]}, "must be bytes of shape (count, channels, height, width)"),
    ({"train_labels": LABELS["train"].astype(int) - 1}, "must not be negative"),
])
def test_archives_that_do_not_fit_are_refused(tmp_path, changed, words):
    with pytest.raises(ValueError) as caught:
        load_images(archive(tmp_path, **changed))
    assert words in str(caught.value) and "x.npz" in str(caught.value)


def test_nothing_in_a_file_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()] * 7, object)
    with pytest.raises(ValueError, match="train_labels"):
        load_images(archive(tmp_path, train_labels=trap))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps(Trap()))
    for place in (folder, tmp_path):
        with pytest.raises(ValueError, match="pickled version of CIFAR-10"):
            load_images(place)
    assert not (tmp_path / "sprung").exists()


def test_other_places_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither the IDX files"):
        load_images(tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        load_images(tmp_path / "nowhere.npz")
    with pytest.raises(TypeError, match="path must be the name of a file, not 3"):
        load_images(3)
    (tmp_path / "x.npz").write_text("no archive")
    with pytest.raises(ValueError, match="no readable archive"):
        load_images(tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("train_images.npy", b"no array")
    with pytest.raises(ValueError, match="train_images: no readable array"):
        load_images(tmp_path / "x.npz")
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        load_images(tmp_path)


@pytest.mark.parametrize("name", ["data_batch_2.bin", "test_batch.bin"])
@pytest.mark.parametrize(("content", "words"), [
    (b"", "0 bytes are no multiple of 3073"),
    (b"\0" * 3072, "3072 bytes are no multiple"),
    (b"\x0a" + b"\0" * 3072, "a label 10"),
])
def test_damaged_cifar_batches_are_refused(tmp_path, name, content, words):
    cifar(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        load_images(tmp_path)
    assert words in str(caught.value) and name in str(caught.value)


@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    path = write_idx(folder, packed=True) / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        made = load_images(folder)
    except (ValueError, OSError) as error:
        assert str(folder) in str(error)
    else:
        assert np.array_equal(made.train_images.numpy()[:, 0], GREY["train"])


def test_images_of_other_kinds_are_refused():
    images, labels = torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="test_labels must be 2 integers"):
        Images("x", images, labels, images, labels.to(torch.int32))
    with pytest.raises(ValueError, match="train_images must be bytes"):
        Images("x", images.float(), labels, images, labels)
