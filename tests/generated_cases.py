"""Generated cases: random trees, shapes, ranks, dtypes, libraries and what is done with them.

Case n is drawn from the seed n alone and compared with dense arrays. Kinds of cases take turns.
`python tests/generated_cases.py 17 4023` runs single ones.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from conftest import BACKENDS, Backend, decaying_tensor, dense_terms, orthonormality
from helpers import matricised
from test_measures import contracted, table, value

import tensorflowlr as tlr
from tensorflowlr import measures

SEED = 2412_00858
SINGLE = {float: np.float32, complex: np.complex64}


@dataclass
class World:
    """What a case draws from, and where its tensors live."""

    rng: np.random.Generator
    backend: Backend
    tree: tlr.Tree
    shape: tuple[int, ...]
    dtype: type

    @property
    def size(self) -> int:
        """The number of entries of the dense tensor."""
        return int(np.prod(self.shape))

    def pick(self, *options: Any) -> Any:
        """One of several things."""
        return options[self.rng.integers(len(options))]

    def power(self, low: float, high: float) -> float:
        """A power of ten."""
        return float(10.0 ** self.rng.uniform(low, high))

    def gaussian(self, *shape: int) -> np.ndarray:
        """Standard normal numbers of the case's dtype."""
        x = self.rng.standard_normal(shape)
        return x if self.dtype is float else x + 1j * self.rng.standard_normal(shape)

    def tensor(self, rank: int | None = None, scale: float = 1.0) -> tlr.TreeTensor:
        """A NumPy tensor of a norm, with some decay of its singular values."""
        rank = int(self.rng.integers(1, 5)) if rank is None else rank
        seed = int(self.rng.integers(2**32))
        decay = self.pick(1.0, 0.7, 0.1, 1e-3)
        return decaying_tensor(self.tree, self.shape, rank, decay, scale, self.dtype, seed)

    def matrix(self, n: int, symmetric: bool = False) -> Any:
        """A dense, diagonal or sparse matrix of one mode."""
        made = self.gaussian(n, n)
        if symmetric:
            made = made + made.conj().T
        kind = self.rng.integers(4)
        if kind == 0:
            return np.diag(made).copy()
        if kind == 1:
            mask = self.rng.random((n, n)) < 0.4
            return scipy.sparse.csr_array(made * (mask | mask.T))
        return made

    def terms(self, symmetric: bool = False) -> list[tuple[Any, dict[int, Any]]]:
        """Products of matrices of one to three modes, and sometimes the identity."""
        made: list[tuple[Any, dict[int, Any]]] = []
        for _ in range(self.rng.integers(1, 7)):
            count = min(int(self.rng.integers(0, 4)), self.tree.modes)
            modes = self.rng.choice(self.tree.modes, count, replace=False).tolist()
            factors = {m: self.matrix(self.shape[m], symmetric) for m in modes}
            made.append((float(self.rng.standard_normal()), factors))
        return made

    def some_modes(self) -> list[int]:
        """At least one mode, in any order."""
        count = int(self.rng.integers(1, self.tree.modes + 1))
        return self.rng.permutation(self.tree.modes)[:count].tolist()


def random_tree(rng: np.random.Generator, modes: int) -> tlr.Tree:
    """Any tree: modes in any order, any number of children, unary nodes included."""
    def grow(part: list[int]) -> Any:
        if len(part) == 1:
            return (part[0],) if rng.random() < 0.15 else part[0]
        cuts = rng.choice(np.arange(1, len(part)), rng.integers(1, len(part)), replace=False)
        edges = [0, *sorted(cuts.tolist()), len(part)]
        return tuple(grow(part[a:b]) for a, b in itertools.pairwise(edges))

    spec = grow(rng.permutation(modes).tolist())
    return tlr.Tree(spec if isinstance(spec, tuple) else (spec,))


def world(number: int, largest: int = 2000) -> World:
    """The world of a case, its dense tensor of `largest` entries at most."""
    rng = np.random.default_rng([SEED, number])
    tree = random_tree(rng, int(rng.integers(1, 6)))
    shape = rng.integers(1, 7, tree.modes)
    while np.prod(shape) > largest:
        shape = np.maximum(shape - 1, 1)
    backend = BACKENDS[rng.integers(len(BACKENDS))]
    dtype = float if rng.random() < 0.5 else complex
    return World(rng, backend, tree, tuple(shape.tolist()), dtype)


def close(found: Any, expected: Any, bound: float) -> None:
    """Fail unless the shapes are equal and the 2-norm of the difference is within `bound`."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"shape {found.shape}, not {expected.shape}"
    gap = np.linalg.norm((found - expected).reshape(-1))
    assert gap <= bound, f"{gap:.3e} apart, more than {bound:.3e}"


def arithmetic(w: World) -> None:
    """Sums, products, overlaps, entries and changes of gauge and dtype."""
    single, scale = w.rng.random() < 0.2, w.power(-6, 6)
    eps = 3e-7 if single else 5e-16
    hosts = [w.tensor(scale=scale), w.tensor(scale=scale * w.power(-2, 2))]
    if single:
        hosts = [Y.astype(SINGLE[w.dtype]) for Y in hosts]
    x, z = (Y.to_dense().astype(complex) for Y in hosts)
    Y, Z = (w.backend.tensor(h) for h in hosts)
    a, b = np.linalg.norm(x), np.linalg.norm(z)
    slack, dense = 100.0 * eps, w.backend.dense
    factor = float(w.rng.standard_normal()) * (1.0 if w.dtype is float else 1.0 - 0.5j)
    close(dense(Y + Z), x + z, slack * (a + b))
    close(dense(Y - Z), x - z, slack * (a + b))
    close(dense(factor * Y), factor * x, slack * abs(factor) * a)
    close(dense(-Y / 3), -x / 3, slack * a)
    close(dense(Y * Z), x * z, slack * a * b)
    close(dense(Y.conj()), x.conj(), slack * a)
    close(Y.norm(), a, slack * a)
    close(tlr.inner(Y, Z), np.vdot(x, z), slack * a * b)
    straight = Y.orthogonalize()
    close(dense(straight), x, slack * a)
    assert orthonormality(straight, w.backend) <= slack
    indices = np.stack([w.rng.integers(-n, n, 5) for n in w.shape], axis=1)
    close(w.backend.numpy(Y.entries(indices)), x[tuple(indices.T)], slack * a)
    assert (Y.shape, Y.ndim, Y.tree) == (w.shape, w.tree.modes, w.tree)
    # with the default rule only round-off goes, and ranks fit every matricisation
    again = tlr.TreeTensor.from_dense(w.backend.array(hosts[0].to_dense()), w.tree)
    close(dense(again), x, slack * a)
    for node, rank in again.ranks.items():
        below = w.tree.leaves_below[node]
        inside = int(np.prod([w.shape[m] for m in below]))
        assert 1 <= rank <= min(inside, w.size // inside) or rank == 1


def rounding(w: World) -> None:
    """Tolerances kept, caps kept, orthonormal cores, ranks no larger than singular values ask."""
    scale, tolerance = w.power(-6, 6), w.power(-12, -0.5)
    host = w.tensor(int(w.rng.integers(1, 7)), scale)
    x = host.to_dense()
    absolute = w.rng.random() < 0.5
    rule = tlr.Truncation(atol=tolerance * scale) if absolute else tlr.Truncation(rtol=tolerance)
    Y = w.backend.tensor(host)
    limit = (tolerance + 2e-14) * scale
    for made in (Y.round(rule), tlr.TreeTensor.from_dense(w.backend.array(x), w.tree, rule)):
        close(w.backend.dense(made), x, limit)
        assert orthonormality(made, w.backend) <= 1e-13
    rounded = Y.round(rule)
    share = max(0.98 * tolerance / np.sqrt(w.tree.rounding_edges) - 3e-15, 0.0) * scale
    cap = int(w.rng.integers(1, 4))
    tails = 0.0
    for node, rank in rounded.ranks.items():
        s = np.linalg.svd(matricised(x, w.tree.leaves_below[node]), compute_uv=False)
        assert rank <= max(int(np.sum(np.cumsum((s**2)[::-1])[::-1] > share**2)), 1)
        tails += float(np.sum(s[cap:] ** 2))
    capped = Y.round(tlr.Truncation(max_rank=cap))
    assert capped.max_rank <= cap
    close(w.backend.dense(capped), x, np.sqrt(tails) + 1e-13 * scale)


def operators(w: World) -> None:
    """Compiled sums of products against Kronecker products."""
    symmetric = w.rng.random() < 0.5
    terms = w.terms(symmetric)
    if symmetric:
        terms = [(c, {m: embed_real(f) for m, f in factors.items()}) for c, factors in terms]
    H, dense = tlr.TreeOperator.from_terms(terms, w.tree, w.shape), dense_terms(terms, w.shape)
    # products are compressed in units of their own sizes: they bound the error together
    weight = sum(
        abs(c) * np.prod([spectral(f) * len_of(f) ** 0.5 for f in factors.values()])
        for c, factors in terms
    ) + 1e-300
    side = np.sqrt(w.size)
    close(H.to_dense(), dense, 1e-10 * weight * side)
    host = w.tensor()
    host = host if w.dtype is float and not H.is_complex else host.astype(complex)
    x = host.to_dense()
    applied = (dense @ x.reshape(-1)).reshape(w.shape)
    Y = w.backend.tensor(host)
    close(w.backend.dense(H @ Y), applied, 1e-10 * weight)
    close(H.expectation(Y), np.vdot(x, applied), 1e-10 * weight)
    close(H.norm(), np.linalg.norm(dense) / side, 1e-10 * weight)
    close((2.5 * H).to_dense(), 2.5 * dense, 1e-9 * weight * side)
    if np.linalg.norm(dense) > 1e-3 * weight * side:
        defect = np.linalg.norm(dense - dense.conj().T) / np.linalg.norm(dense)
        assert H.is_hermitian == (defect < 1e-7)


def embed_real(factor: Any) -> Any:
    """A Hermitian factor whose diagonal, where that is all, is real."""
    return factor.real.copy() if getattr(factor, "ndim", 2) == 1 else factor


def len_of(factor: Any) -> int:
    """The number of rows."""
    return int(factor.shape[0])


def spectral(factor: Any) -> float:
    """The spectral norm of a dense, diagonal or sparse matrix."""
    if getattr(factor, "ndim", 2) == 1:
        return float(np.abs(factor).max())
    dense = factor.toarray() if scipy.sparse.issparse(factor) else factor
    return float(np.linalg.norm(dense, 2))


def moments(w: World) -> None:
    """Contractions, means, variances, marginals and reduced densities."""
    scale = w.power(-2, 2)
    host = w.tensor(scale=scale)
    Y, x, modes = w.backend.tensor(host), host.to_dense(), w.some_modes()
    vectors = {m: w.gaussian(w.shape[m]) for m in modes}
    size = scale * float(np.prod([np.linalg.norm(v) for v in vectors.values()]))
    found = measures.contract_modes(Y, {m: w.backend.array(v) for m, v in vectors.items()})
    close(on_host(w, found), contracted(x, vectors), 1e-13 * size)
    chances = {m: w.rng.dirichlet(np.ones(w.shape[m])) for m in modes}
    first, second = contracted(x, chances), contracted(np.abs(x) ** 2, chances)
    close(on_host(w, measures.mean(Y, chances)), first, 1e-13 * scale)
    spread = on_host(w, measures.variance(Y, chances))
    close(spread, second - np.abs(first) ** 2, 1e-12 * scale**2)
    assert spread.min() >= 0.0
    rows = matricised(x, modes)
    sizes = [w.shape[m] for m in modes]
    chance = w.backend.numpy(measures.marginal(Y, modes))
    close(chance, np.sum(np.abs(rows) ** 2, axis=1).reshape(sizes), 1e-12 * scale**2)
    density = w.backend.numpy(measures.reduced_density(Y, modes))
    close(density, rows @ rows.conj().T, 1e-12 * scale**2)


def entanglement(w: World) -> None:
    """Singular values, entropies, expectations of single modes and of pairs."""
    scale = w.power(-3, 3)
    host = w.tensor(scale=scale)
    Y, x = w.backend.tensor(host), host.to_dense()
    order = w.pick(0.5, 1.0, 2.0, float("inf"))
    entropies = measures.entropies(Y, order=order)
    for node, found in measures.singular_values(Y).items():
        s = np.linalg.svd(matricised(x, w.tree.leaves_below[node]), compute_uv=False)
        close(found, s[: len(found)], 1e-13 * scale)
        assert np.linalg.norm(s[len(found):]) <= 1e-13 * scale
        close(entropies[node], entropy(s[: len(found)], order), 1e-6 if order < 1 else 1e-10)
    matrices = {m: w.gaussian(n, n) for m, n in enumerate(w.shape)}
    placed = {m: w.backend.array(a) for m, a in matrices.items()}
    size = scale**2 * max(np.linalg.norm(a) for a in matrices.values()) ** 2
    single = measures.local_expectations(Y, placed)
    expected = [value(x, (m, a)) for m, a in matrices.items()]
    close(as_numpy(w, single), expected, 1e-12 * size)
    if w.tree.modes > 1:
        pairs = measures.correlations(Y, placed, placed)
        close(as_numpy(w, pairs), table(x, matrices, matrices), 1e-11 * size)


def entropy(s: np.ndarray, order: float) -> float:
    """Von Neumann's or Rényi's, from singular values."""
    p = s**2 / np.sum(s**2)
    if order == 1.0:
        return float(-np.sum(p * np.log(p)))
    if order == float("inf"):
        return float(-np.log(p.max()))
    return float(np.log(np.sum(p**order)) / (1.0 - order))


def on_host(w: World, found: Any) -> np.ndarray:
    """A number, array or tensor of the case's library as NumPy."""
    return w.backend.dense(found) if isinstance(found, tlr.TreeTensor) else as_numpy(w, found)


def as_numpy(w: World, found: Any) -> np.ndarray:
    """A number, a NumPy array, or an array of the case's library, as NumPy."""
    if isinstance(found, (int, float, complex, np.ndarray)):
        return np.asarray(found)
    return w.backend.numpy(found)


def kinds() -> list[Callable[[World], None]]:
    """All kinds of cases, in the order in which they take turns."""
    from generated_runs import files, moving_runs, runs

    return [arithmetic, runs, rounding, moving_runs, operators, runs, moments, runs,
            entanglement, files]


# dense exponentials are taken of the runs
LARGEST = {"runs": 96, "moving_runs": 96, "files": 96, "operators": 128}


def run_case(number: int) -> str:
    """Run one case; its kind."""
    found = kinds()
    kind = found[number % len(found)]
    kind(world(number, LARGEST.get(kind.__name__, 2000)))
    return kind.__name__


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(argument, run_case(int(argument)))
