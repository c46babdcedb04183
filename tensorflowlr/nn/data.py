"""Labelled images: files of MNIST, Fashion-MNIST and CIFAR-10, NumPy archives, small digits.

Nothing is downloaded and nothing in a file is ever run.
"""

from __future__ import annotations

import gzip
import math
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from tensorflowlr import arrays
from tensorflowlr.checks import checked_path
from tensorflowlr.io import read_array

# IDX marks unsigned bytes by 8, then counts the axes
IDX_IMAGES, IDX_LABELS = 0x00000803, 0x00000801
IDX_NAMES = {"train": "train", "test": "t10k"}
CIFAR_SHAPE = (3, 32, 32)
CIFAR_CLASSES = 10
ARCHIVE_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
# no set that this module reads comes near; a header or an archive that claims more is wrong
MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Images:
    """Images with labels, apart for training and for testing.

    Attributes
    ----------
    name
        What they are and where they come from.
    train_images, test_images
        Bytes, shape (count, channels, height, width).
    train_labels, test_labels
        Integers from 0, shape (count,).

    Raises
    ------
    ValueError
        If shapes, dtypes, counts or labels do not fit together.
    """

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.ndim != 4 or images.dtype != torch.uint8 or 0 in images.shape:
                raise ValueError(
                    f"{self.name}: {part}_images must be bytes of shape (count, channels, height, "
                    f"width), not {images.dtype} of shape {tuple(images.shape)}"
                )
            if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
                raise ValueError(
                    f"{self.name}: {part}_labels must be {len(images)} integers, as many as "
                    f"{part}_images, not {labels.dtype} of shape {tuple(labels.shape)}"
                )
            if int(labels.min()) < 0:
                raise ValueError(f"{self.name}: {part}_labels must not be negative")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"{self.name}: test_images must have the shape of train_images, "
                f"{self.shape}, not {tuple(self.test_images.shape[1:])}"
            )
        if int(self.test_labels.max()) >= self.classes:
            raise ValueError(f"{self.name}: test_labels must be among the train_labels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.train_labels.max()) + 1

    def __str__(self) -> str:
        return (f"{self.name}: {len(self.train_images)} images for training, "
                f"{len(self.test_images)} for testing, {' × '.join(map(str, self.shape))}, "
                f"{self.classes} classes")


def load_images(path: str | os.PathLike[str] | None = None) -> Images:
    """Read a set of labelled images.

    Parameters
    ----------
    path
        - a folder with the four IDX files of MNIST or Fashion-MNIST, plain or ``.gz``;
        - a folder with the binary version of CIFAR-10 (``data_batch_1.bin`` … and
          ``test_batch.bin``), or the folder above it;
        - a ``.npz`` file of NumPy with train_images, train_labels, test_images, test_labels,
          bytes of shape (count, height, width) or (count, channels, height, width);
        - None for the 8 × 8 digits of scikit-learn, every fifth of which is for testing, their
          values 0 … 16 spread over 0 … 255.

    Returns
    -------
    Images

    Raises
    ------
    ValueError
        If a file is damaged or none of those.
    OSError
        If one is missing or cannot be opened.
    ImportError
        If the digits are asked for and scikit-learn is not installed.

    Examples
    --------
    >>> from tensorflowlr.nn.data import load_images
    >>> print(load_images())
    scikit-learn digits: 1438 images for training, 359 for testing, 1 × 8 × 8, 10 classes
    """
    if path is None:
        return _digits()
    path = checked_path(path)
    if not path.is_dir():
        return _archive(path)
    for folder in (path, path / "cifar-10-batches-bin"):
        if (folder / "test_batch.bin").exists():
            return _cifar(folder)
    if any(path.glob("t10k-images*")) or any(path.glob("train-images*")):
        return _idx(path)
    if any(folder.joinpath("test_batch").exists() for folder in (
            path, path / "cifar-10-batches-py")):
        raise ValueError(
            f"{path}: holds the pickled version of CIFAR-10, which is not read since it could "
            "run anything; the binary version is"
        )
    raise FileNotFoundError(
        f"{path}: holds neither the IDX files of MNIST (train-images-idx3-ubyte …) nor the "
        "binary files of CIFAR-10 (data_batch_1.bin …)"
    )


def _digits() -> Images:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "the small digits come with scikit-learn: pip install scikit-learn, or give a path"
        ) from None
    bunch = load_digits()
    levels = torch.from_numpy(bunch.images).unsqueeze(1)
    images = (levels * (255.0 / 16.0)).round().to(torch.uint8)
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    test = torch.arange(len(labels)) % 5 == 4
    return Images("scikit-learn digits", images[~test], labels[~test], images[test], labels[test])


def _idx(folder: Path) -> Images:
    found: dict[str, torch.Tensor] = {}
    for part, start in IDX_NAMES.items():
        found[f"{part}_images"] = _read(
            _idx_file(folder, f"{start}-images", "idx3-ubyte"), _idx_images).unsqueeze(1)
        found[f"{part}_labels"] = _read(
            _idx_file(folder, f"{start}-labels", "idx1-ubyte"), _idx_labels).to(torch.int64)
    return Images(str(folder), **found)


def _idx_file(folder: Path, start: str, end: str) -> Path:
    names = [f"{start}{dot}{end}{packed}" for dot in "-." for packed in ("", ".gz")]
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{folder}: lacks {names[0]} (plain or .gz)")


def _idx_images(stream: IO[bytes]) -> torch.Tensor:
    return _idx_array(stream, IDX_IMAGES, "images")


def _idx_labels(stream: IO[bytes]) -> torch.Tensor:
    return _idx_array(stream, IDX_LABELS, "labels")


def _idx_array(stream: IO[bytes], magic: int, what: str) -> torch.Tensor:
    axes = magic & 0xFF
    head = arrays.host.frombuffer(_exactly(stream, 4 * (1 + axes)), dtype=">u4").tolist()
    if head[0] != magic:
        raise ValueError(
            f"no IDX file of {what}: it starts with {head[0]:#010x}, not {magic:#010x}"
        )
    made = _bytes(stream, head[1:])
    if stream.read(1):
        raise ValueError(f"more bytes than the {tuple(head[1:])} that its head claims")
    return made


def _cifar(folder: Path) -> Images:
    names = sorted(folder.glob("data_batch_*.bin"))
    if not names:
        raise FileNotFoundError(f"{folder}: lacks data_batch_1.bin")
    batches = [_read(name, _cifar_batch) for name in [*names, folder / "test_batch.bin"]]
    images = [batch[:, 1:].reshape(-1, *CIFAR_SHAPE) for batch in batches]
    labels = [batch[:, 0].to(torch.int64) for batch in batches]
    return Images(str(folder), torch.cat(images[:-1]), torch.cat(labels[:-1]),
                  images[-1], labels[-1])


def _cifar_batch(stream: IO[bytes]) -> torch.Tensor:
    row = 1 + math.prod(CIFAR_SHAPE)
    content = stream.read()
    if not content or len(content) % row:
        raise ValueError(f"{len(content)} bytes are no multiple of {row}, a label and an image")
    rows = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, row)
    if int(rows[:, 0].max()) >= CIFAR_CLASSES:
        raise ValueError(f"a label {int(rows[:, 0].max())}; labels go to {CIFAR_CLASSES - 1}")
    return rows


def _archive(path: Path) -> Images:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                for key in ARCHIVE_KEYS:
                    found[key] = _member(archive, key, Path(folder))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
                ValueError) as error:
            raise ValueError(f"{path}: no readable archive of images: {error}") from None
    for key in ("train_images", "test_images"):
        if found[key].ndim == 3:
            found[key] = found[key].unsqueeze(1)
    return Images(str(path), **found)


def _member(archive: zipfile.ZipFile, key: str, folder: Path) -> torch.Tensor:
    try:
        info = archive.getinfo(f"{key}.npy")
    except KeyError:
        raise ValueError(f"it lacks {key}") from None
    if info.file_size > MOST_BYTES:
        raise ValueError(f"{key} claims {info.file_size} bytes")
    file = folder / f"{key}.npy"
    with archive.open(info) as source, open(file, "wb") as target:
        shutil.copyfileobj(source, target)
    try:
        array: Any = read_array(file)
    except ValueError as error:
        # without the temporary name
        raise ValueError(f"{key}: {str(error).removeprefix(f'{file}: ')}") from None
    if key.endswith("labels"):
        if array.dtype.kind not in "iu":
            raise ValueError(f"{key} must be integers, not of dtype {array.dtype}")
        return torch.from_numpy(array.astype("int64"))
    if array.dtype != "uint8":
        raise ValueError(f"{key} must be bytes (uint8), not of dtype {array.dtype}")
    return torch.from_numpy(array)


def _read(path: Path, reader: Callable[[IO[bytes]], torch.Tensor]) -> torch.Tensor:
    """What `reader` makes of a file, plain or packed; its complaints with the file's name."""
    try:
        opened: Any = gzip.open(path) if path.suffix == ".gz" else open(path, "rb")
        with opened as stream:
            return reader(stream)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: {error}") from None


def _bytes(stream: IO[bytes], shape: list[int]) -> torch.Tensor:
    count = math.prod(shape)
    if not 0 < count < MOST_BYTES:
        raise ValueError(f"its head claims the shape {tuple(shape)}")
    content = bytearray(_exactly(stream, count))
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise ValueError(f"it ends after {len(content)} of {count} bytes")
    return content
