"""Spin chains, their dense solutions and fitted orders, for the integrators' tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from conftest import dense_terms

import tensorflowlr as tlr
from tensorflowlr.fields.environment import prolong
from tensorflowlr.moves.frame import Frame

SX = np.array([[0.0, 1.0], [1.0, 0.0]])
SY = np.array([[0.0, -1j], [1j, 0.0]])
SZ = np.diag([1.0, -1.0])
UP = np.array([1.0, 0.0])

Terms = list[tuple[Any, dict[int, Any]]]


def ising(length: int, coupling: float = 1.0, field: float = 1.0) -> Terms:
    """-J Σ sz sz - g Σ sx on an open chain."""
    terms: Terms = [(-field, {i: SX}) for i in range(length)]
    return terms + [(-coupling, {i: SZ, i + 1: SZ}) for i in range(length - 1)]


def long_range_ising(length: int) -> Terms:
    """Σ sx + Σ n + 2 Σ n n / |i - j|, n the projector on up."""
    n = np.diag(UP)
    terms: Terms = [(1.0, {i: SX}) for i in range(length)] + [(1.0, {i: n}) for i in range(length)]
    pairs = [(i, j) for j in range(length) for i in range(j)]
    return terms + [(2.0 / (j - i), {i: n, j: n}) for i, j in pairs]


def xxz(length: int, seed: int = 0) -> Terms:
    """Σ (sx sx + sy sy + sz sz / 2) + random fields along z and x."""
    rng = np.random.default_rng(seed)
    terms: Terms = [(float(rng.uniform(-1, 1)), {i: SZ}) for i in range(length)]
    terms += [(float(rng.uniform(-1, 1)), {i: SX}) for i in range(length)]
    for i in range(length - 1):
        terms += [(c, {i: m, i + 1: m}) for c, m in ((1.0, SX), (1.0, SY), (0.5, SZ))]
    return terms


def ups(tree: tlr.Tree) -> tlr.TreeTensor:
    """The product state with every spin up, complex."""
    return tlr.TreeTensor.product([UP.astype(complex)] * tree.modes, tree)


def random_product(tree: tlr.Tree, shape: Sequence[int], seed: int = 0) -> tlr.TreeTensor:
    """A complex product of random unit vectors."""
    rng = np.random.default_rng(seed)
    vectors = [rng.standard_normal(n) + 1j * rng.standard_normal(n) for n in shape]
    return tlr.TreeTensor.product([v / np.linalg.norm(v) for v in vectors], tree)


def linear(terms: Terms, tree: tlr.Tree, shape: Sequence[int] | None = None, c: Any = -1j) -> Any:
    """The field c H."""
    shape = (2,) * tree.modes if shape is None else shape
    return tlr.LinearField(tlr.TreeOperator.from_terms(terms, tree, shape), coefficient=c)


def exact(terms: Terms, y0: np.ndarray, t: float, c: complex = -1j) -> np.ndarray:
    """exp(t c H) y0 for Hermitian H, by diagonalisation."""
    values, vectors = np.linalg.eigh(dense_terms(terms, y0.shape))
    return (vectors * np.exp(t * c * values)) @ (vectors.conj().T @ y0.reshape(-1))


def errors(
    method: Any, F: Any, Y0: tlr.TreeTensor, t: float, steps: Sequence[float], reference: np.ndarray
) -> np.ndarray:
    """The 2-norms of the errors at t for several steps."""
    found = []
    for h in steps:
        final = tlr.integrate(F, Y0, (0.0, t), step=h, method=method).final
        found.append(np.linalg.norm(final.to_dense().reshape(-1) - reference.reshape(-1)))
    return np.array(found)


def slope(steps: Sequence[float], found: np.ndarray) -> float:
    """The fitted order: regression of log error on log step."""
    return float(np.polyfit(np.log(steps), np.log(found), 1)[0])


def halvings(h: float, count: int = 5) -> list[float]:
    """h, h/2, … : `count` steps."""
    return [h / 2**k for k in range(count)]


Right = Callable[[float, np.ndarray], np.ndarray]


def rk4(f: Right, t: float, h: float, x: np.ndarray, substeps: int = 1) -> np.ndarray:
    """The classical Runge–Kutta method, written out again."""
    h = h / substeps
    for _ in range(substeps):
        k1 = f(t, x)
        k2 = f(t + h / 2, x + h / 2 * k1)
        k3 = f(t + h / 2, x + h / 2 * k2)
        k4 = f(t + h, x + h * k3)
        x, t = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + h
    return x


def hermitian(rng: np.random.Generator, n: int) -> np.ndarray:
    """A random complex Hermitian matrix of spectral norm one."""
    a = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    a = a + a.conj().T
    return a / np.linalg.norm(a, 2)


def random_pairs(shape: Sequence[int], seed: int = 0) -> Terms:
    """Random Hermitian terms of one mode and of neighbouring modes."""
    rng = np.random.default_rng(seed)
    terms: Terms = [(1.0, {i: hermitian(rng, n)}) for i, n in enumerate(shape)]
    for i in range(len(shape) - 1):
        pair = {i: hermitian(rng, shape[i]), i + 1: hermitian(rng, shape[i + 1])}
        terms.append((1.0, pair))
    return terms


def columns(Y: tlr.TreeTensor, cores: Sequence[np.ndarray], node: int) -> np.ndarray:
    """The dense basis of a node: (product of the mode sizes below, rank), modes in tree order."""
    if Y.tree.is_leaf(node):
        return cores[node]
    core = cores[node]
    for child in Y.tree.children[node]:
        below = columns(Y, cores, child)
        # the first rank axis goes, the child's modes come last
        core = np.tensordot(core, below, axes=(0, 1))
    return np.moveaxis(core, 0, -1).reshape(-1, core.shape[0])


def matricised(x: np.ndarray, modes: Sequence[int]) -> np.ndarray:
    """A dense tensor with `modes`, in that order, in the rows and all others in the columns."""
    rest = [i for i in range(x.ndim) if i not in modes]
    return x.transpose(*modes, *rest).reshape(int(np.prod([x.shape[m] for m in modes])), -1)


def tensorised(rows: np.ndarray, modes: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """Undo `matricised`."""
    order = [*modes, *(i for i in range(len(shape)) if i not in modes)]
    return rows.reshape([shape[m] for m in order]).transpose(np.argsort(order))


def defect(matrix: np.ndarray) -> float:
    """The largest entry of UᴴU - I."""
    return float(np.abs(matrix.conj().T @ matrix - np.eye(matrix.shape[1])).max(initial=0.0))


def frame_defects(frame: Frame, Y: tlr.TreeTensor) -> list[float]:
    """Largest deviation from orthonormality, and from Y0 put together at any node."""
    dense = Y.to_dense()
    worst = [0.0, 0.0]
    for node in Y.tree.nodes:
        if frame.centre[node] is None:
            assert frame.complete[node]
            continue
        made = prolong(frame, node, frame.centre[node], frame.basis).to_dense()
        worst[1] = max(worst[1], np.linalg.norm(made - dense))
        if node == Y.tree.root:
            continue
        axis = Y.tree.position[node]
        outer = np.moveaxis(frame.outer[node], axis, -1)
        worst[0] = max(worst[0], defect(outer.reshape(-1, outer.shape[-1])),
                       defect(frame.basis[node].reshape(-1, frame.basis[node].shape[-1])))
    return worst
