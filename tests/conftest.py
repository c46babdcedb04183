"""Backends, dtypes and trees that the tests run over, and random arrays to feed them."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Sequence
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

import tensorflowlr as tlr

settings.register_profile("default", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class Backend:
    """One array library on one device: NumPy arrays in, NumPy arrays out."""

    def __init__(self, name: str, device: Any = None) -> None:
        self.name = name
        self.device = device
        self.array_type = type(self.array(np.zeros(1)))

    def array(self, x: Any) -> Any:
        """`x` as an array of this library, on its device."""
        x = np.asarray(x)
        if self.name == "torch":
            import torch

            return torch.from_numpy(np.array(x))
        if self.name == "cupy":
            import cupy

            return cupy.asarray(x)
        if self.name.startswith("strict"):
            return array_api_strict.asarray(np.array(x)).to_device(self.device)
        return x

    def numpy(self, x: Any) -> np.ndarray:
        """The NumPy copy of an array of this library; refuses any other array."""
        self.check(x)
        if self.name == "torch":
            return x.resolve_conj().numpy()
        if self.name == "cupy":
            return x.get()
        if self.name.startswith("strict"):
            return np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))
        return x

    def check(self, *arrays: Any) -> None:
        """Fail unless all `arrays` are of this library and on its device."""
        for x in arrays:
            assert isinstance(x, self.array_type), f"{type(x)} where {self.name} was expected"
            assert self.device is None or x.device == self.device

    def tensor(self, Y: tlr.TreeTensor) -> tlr.TreeTensor:
        """A NumPy tree tensor's cores on this library, built by the public constructor."""
        return tlr.TreeTensor(Y.tree, [self.array(c) for c in Y.cores])

    def dense(self, Y: tlr.TreeTensor) -> np.ndarray:
        """The dense NumPy array of a tree tensor whose cores all live here."""
        self.check(*Y.cores)
        return self.numpy(Y.to_dense())

    def __repr__(self) -> str:
        return self.name


def backends() -> list[Backend]:
    """All backends that answer on this machine."""
    found = [
        Backend("numpy"),
        Backend("strict", array_api_strict.Device("CPU_DEVICE")),
        Backend("strict-device1", array_api_strict.Device("device1")),
    ]
    if importlib.util.find_spec("torch"):
        found.append(Backend("torch"))
    if importlib.util.find_spec("cupy"):
        import cupy

        try:
            cupy.zeros(1)
        except cupy.cuda.runtime.CUDARuntimeError:
            return found
        found.append(Backend("cupy"))
    return found


BACKENDS = backends()
TREES = {
    "matrix": tlr.Tree.matrix(),
    "balanced": tlr.Tree.balanced(5),
    "train": tlr.Tree.train(5),
    "tucker": tlr.Tree.tucker(3),
    "irregular": tlr.Tree(((3, 1, 0), (2, 4), 5)),
    "leaf": tlr.Tree((0,)),
    "chain": tlr.Tree((((1,), ((0, 2),)),)),
}


@pytest.fixture(params=BACKENDS, ids=repr, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every array library that is there."""
    return request.param


@pytest.fixture(params=[float, complex], ids=["real", "complex"], scope="session")
def dtype(request: pytest.FixtureRequest) -> type:
    """Real and complex double precision."""
    return request.param


@pytest.fixture(params=TREES.values(), ids=TREES.keys(), scope="session")
def tree(request: pytest.FixtureRequest) -> tlr.Tree:
    """The named trees, an irregular one, a single leaf and a chain of unary nodes."""
    return request.param


def sizes(tree: tlr.Tree) -> tuple[int, ...]:
    """Mode sizes for a tree, all different at first."""
    return (4, 3, 5, 2, 3, 4)[: tree.modes] if tree.modes <= 6 else (2,) * tree.modes


def gaussian(shape: Sequence[int], dtype: Any = float, seed: int = 0) -> np.ndarray:
    """Standard normal entries, read-only so that no operation may write to them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(tuple(shape))
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(tuple(shape))
    x = np.asarray(x)
    x.flags.writeable = False
    return x


def decaying(
    shape: Sequence[int], decay: float, dtype: Any = float, seed: int = 0
) -> np.ndarray:
    """A dense array of norm one whose singular values in every mode decay geometrically."""
    x = gaussian(shape, dtype, seed)
    for axis, n in enumerate(shape):
        q = np.linalg.qr(gaussian((n, n), dtype, seed + axis + 1))[0]
        x = np.moveaxis(np.tensordot(q * decay ** np.arange(n), x, (1, axis)), 0, axis)
    x = x / np.linalg.norm(x)
    x.flags.writeable = False
    return x


def decaying_tensor(
    tree: tlr.Tree,
    shape: Sequence[int],
    rank: int,
    decay: float,
    scale: float = 1.0,
    dtype: Any = float,
    seed: int = 0,
) -> tlr.TreeTensor:
    """A NumPy tree tensor of norm `scale`, singular values decaying at every edge."""
    Y = tlr.TreeTensor.random(tree, shape, rank, rng=seed, dtype=dtype)
    cores = [
        c if node == tree.root else c * decay ** np.arange(c.shape[-1])
        for node, c in enumerate(Y.cores)
    ]
    rest, root = cores[:-1], cores[-1]
    length = tlr.TreeTensor(tree, cores).norm()
    cores = [*rest, root * (scale / length)]
    for core in cores:
        core.flags.writeable = False
    return tlr.TreeTensor(tree, cores)


def orthonormality(Y: tlr.TreeTensor, backend: Backend) -> float:
    """The largest entry of UᴴU - I over all cores but the root's."""
    worst = 0.0
    for core in Y.cores[:-1]:
        u = backend.numpy(core).reshape(-1, core.shape[-1])
        worst = max(worst, float(np.abs(u.conj().T @ u - np.eye(u.shape[1])).max()))
    return worst


def embedded(matrix: Any, mode: int, shape: Sequence[int]) -> np.ndarray:
    """A matrix (dense, diagonal or sparse) of one mode as an operator on all modes."""
    full = np.ones((1, 1))
    for i, n in enumerate(shape):
        full = np.kron(full, plain(matrix) if i == mode else np.eye(n))
    return full


def plain(matrix: Any) -> np.ndarray:
    """The dense matrix of a dense, diagonal or SciPy sparse one."""
    if hasattr(matrix, "toarray"):
        return matrix.toarray()
    return np.diag(matrix) if matrix.ndim == 1 else matrix


def dense_terms(terms: Sequence[tuple[Any, dict[int, Any]]], shape: Sequence[int]) -> np.ndarray:
    """Σ c · ⊗ matrices as one dense matrix, by Kronecker products alone."""
    total = np.zeros((int(np.prod(shape)),) * 2, dtype=complex)
    for coefficient, factors in terms:
        product = np.ones((1, 1))
        for i, n in enumerate(shape):
            product = np.kron(product, plain(factors[i]) if i in factors else np.eye(n))
        total += coefficient * product
    return total


@st.composite
def trees(draw: st.DrawFn, max_modes: int = 5) -> tlr.Tree:
    """Any tree: modes in any order, any number of children, unary nodes included."""
    modes = draw(st.permutations(range(draw(st.integers(1, max_modes)))))

    def grow(part: list[int]) -> Any:
        if len(part) == 1:
            leaf = part[0]
            return (leaf,) if draw(st.integers(0, 5)) == 0 else leaf
        cuts = draw(st.sets(st.integers(1, len(part) - 1), min_size=1))
        edges = [0, *sorted(cuts), len(part)]
        return tuple(grow(part[a:b]) for a, b in itertools.pairwise(edges))

    spec = grow(list(modes))
    return tlr.Tree(spec if isinstance(spec, tuple) else (spec,))


@st.composite
def tree_tensors(draw: st.DrawFn, max_modes: int = 5) -> tlr.TreeTensor:
    """NumPy tree tensors of any tree, size, rank, dtype, scale and spectrum."""
    tree = draw(trees(max_modes))
    shape = draw(st.tuples(*[st.integers(1, 6)] * tree.modes))
    return decaying_tensor(
        tree,
        shape,
        rank=draw(st.integers(1, 5)),
        decay=draw(st.sampled_from([1.0, 0.7, 0.1, 1e-3])),
        scale=10.0 ** draw(st.integers(-6, 6)),
        dtype=draw(st.sampled_from([float, complex])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
