"""Single steps against the methods' formulas written out in dense NumPy; backends compared."""

import numpy as np
import pytest
from conftest import gaussian, orthonormality, sizes
from helpers import random_pairs, rk4

import tensorflowlr as tlr

T0, H, SUBSTEPS = 0.2, 0.05, 3
SHAPE = (9, 7)
FLOW = tlr.RungeKutta4(substeps=SUBSTEPS)


class Sylvester:
    """F(t, Y) = A Y + cos(t) Y B + C Y D + t E, without any symmetry."""

    def __init__(self, dtype):
        m, n = SHAPE
        self.A, self.C = (gaussian((m, m), dtype, i) for i in (1, 2))
        self.B, self.D = (gaussian((n, n), dtype, i) for i in (3, 4))
        self.E = gaussian(SHAPE, dtype, 5)
        tree = tlr.Tree.matrix()
        plain = tlr.TreeOperator.from_terms(
            [(1.0, {0: self.A}), (1.0, {0: self.C, 1: self.D.T})], tree, SHAPE)
        turned = tlr.TreeOperator.from_terms([(1.0, {1: self.B.T})], tree, SHAPE)
        self.field = tlr.LinearField([plain, turned], [1.0, np.cos], lambda t: t * self.E)

    def __call__(self, t, y):
        return self.A @ y + np.cos(t) * y @ self.B + self.C @ y @ self.D + t * self.E


def flow(f, x):
    return rk4(f, T0, H, x, SUBSTEPS)


def completed(basis, candidate):
    """New orthonormal columns of [basis, candidate]."""
    rest = candidate - basis @ (basis.conj().T @ candidate)
    rest = rest - basis @ (basis.conj().T @ rest)
    u, s, _ = np.linalg.svd(rest, full_matrices=False)
    u = u[:, s > 1e-12 * np.linalg.norm(candidate)]
    return u[:, : len(basis) - basis.shape[1]]


def factors(y, rank):
    """U, S, W with Y = U S Wᴴ."""
    u, s, wh = np.linalg.svd(y, full_matrices=False)
    return u[:, :rank], np.diag(s[:rank]).astype(y.dtype), wh[:rank].conj().T


def enriched(F, U, S, W):
    """U, S, W in bases that also hold F(t0, Y0)."""
    slope = F(T0, U @ S @ W.conj().T)
    U2 = np.hstack([U, completed(U, slope)])
    W2 = np.hstack([W, completed(W, slope.conj().T)])
    wide = np.zeros((U2.shape[1], W2.shape[1]), dtype=S.dtype)
    wide[: len(S), : len(S)] = S
    return U2, wide, W2


def parallel(F, U, S, W):
    """arXiv 2304.05660, section 3.1: K, L and S steps from t0, blocks put together."""
    K = flow(lambda t, K: F(t, K @ W.conj().T) @ W, U @ S)
    L = flow(lambda t, L: F(t, U @ L.conj().T).conj().T @ U, W @ S.conj().T)
    core = flow(lambda t, S: U.conj().T @ F(t, U @ S @ W.conj().T) @ W, S)
    u, w = completed(U, K), completed(W, L)
    zero = np.zeros((u.shape[1], w.shape[1]))
    blocks = np.block([[core, L.conj().T @ w], [u.conj().T @ K, zero]])
    return np.hstack([U, u]) @ blocks @ np.hstack([W, w]).conj().T


def augmented(F, U, S, W):
    """arXiv 2104.05247, section 3: K and L steps, then the Galerkin step."""
    K = flow(lambda t, K: F(t, K @ W.conj().T) @ W, U @ S)
    L = flow(lambda t, L: F(t, U @ L.conj().T).conj().T @ U, W @ S.conj().T)
    U2, W2 = np.hstack([U, completed(U, K)]), np.hstack([W, completed(W, L)])
    start = U2.conj().T @ U @ S @ W.conj().T @ W2
    core = flow(lambda t, S: U2.conj().T @ F(t, U2 @ S @ W2.conj().T) @ W2, start)
    return U2 @ core @ W2.conj().T


REFERENCES = {"parallel": (tlr.ParallelBUG, parallel), "augmented": (tlr.AugmentedBUG, augmented)}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("cap", [None, 3, 5])
def test_one_step_of_a_matrix_by_the_formulas(backend, dtype, name, order, cap):
    F = Sylvester(dtype)
    rank = 2
    U, S, W = factors(gaussian(SHAPE, dtype, 8), rank)
    Y0 = tlr.LowRankMatrix(*(backend.array(x) for x in (U, S, W.conj())))
    method, reference = REFERENCES[name]
    expected = reference(F, *(enriched(F, U, S, W) if order == 2 else (U, S, W)))
    if cap is not None:
        u, s, wh = np.linalg.svd(expected, full_matrices=False)
        expected = (u[:, :cap] * s[:cap]) @ wh[:cap]
    rule = tlr.Truncation(max_rank=cap)
    last = list(tlr.steps(F.field, Y0, (T0, T0 + H), step=H,
                          method=method(rule, order=order, flow=FLOW)))[-1]
    made = backend.dense(last.y)
    assert np.linalg.norm(made - expected) < 1e-12 * np.linalg.norm(expected)
    assert last.y.max_rank == np.linalg.matrix_rank(expected, 1e-11)
    assert orthonormality(last.y, backend) < 1e-13
    assert type(last.y) is tlr.LowRankMatrix


@pytest.mark.parametrize("atol", [0.3, 0.03, 1e-3])
@pytest.mark.parametrize("name", REFERENCES)
def test_truncation_keeps_the_tail_within_the_tolerance(dtype, name, atol):
    F = Sylvester(dtype)
    U, S, W = factors(gaussian(SHAPE, dtype, 8), 3)
    method, reference = REFERENCES[name]
    expected = reference(F, U, S, W)
    s = np.linalg.svd(expected, compute_uv=False)
    rank = next(r for r in range(len(s) + 1) if np.linalg.norm(s[r:]) <= atol)
    sol = tlr.integrate(F.field, tlr.LowRankMatrix(U, S, W.conj()), (T0, T0 + H), step=H,
                        method=method(tlr.Truncation(atol=atol), flow=FLOW))
    # directions that weigh a tenth of the tolerance may be left out before the truncation
    assert np.linalg.norm(sol.final.to_dense() - expected) <= 1.1 * atol
    assert sol.final.max_rank <= rank + 1
    assert sol.stats["discarded"] <= atol


def tucker_parallel(F, core, factors):
    """The parallel step of a Tucker tensor: all flows, then old and single-new blocks."""
    def spread(c, bases):
        for i, basis in enumerate(bases):
            c = np.moveaxis(np.tensordot(basis, c, axes=(1, i)), 0, i)
        return c

    def tested(y, bases):
        return spread(y, [b.conj().T for b in bases])

    total = spread(flow(lambda t, c: tested(F(t, spread(c, factors)), factors), core), factors)
    for i, U in enumerate(factors):
        rows = np.moveaxis(core, i, 0).reshape(core.shape[i], -1)
        q, r = np.linalg.qr(rows.T)
        others = [f for j, f in enumerate(factors) if j != i]
        shape = (q.shape[1], *(f.shape[1] for f in others))
        # orthonormal surroundings of mode i, the mode first
        above = spread(np.moveaxis(q.T.reshape(shape), 0, 0), [np.eye(shape[0]), *others])
        above = above.reshape(shape[0], -1)

        def whole(K, above=above, others=others, i=i):
            x = (K @ above).reshape(len(K), *(len(f) for f in others))
            return np.moveaxis(x, 0, i)

        def slope(t, K, above=above, whole=whole, i=i):
            y = np.moveaxis(F(t, whole(K)), i, 0).reshape(len(K), -1)
            return y @ above.conj().T

        K = flow(slope, U @ r.T)
        u = completed(U, K)
        total = total + whole(u @ (u.conj().T @ K))
    return total


def test_one_parallel_step_of_a_tucker_tensor(dtype):
    shape, tree = (6, 5, 4), tlr.Tree.tucker(3)
    terms = random_pairs(shape)
    if dtype is float:
        terms = [(c, {i: m.real for i, m in f.items()}) for c, f in terms]
    H_ = tlr.TreeOperator.from_terms(terms, tree, shape)
    dense = H_.to_dense()
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=dtype)
    expected = tucker_parallel(
        lambda t, y: (dense @ y.reshape(-1)).reshape(shape), Y.cores[-1], Y.cores[:3])
    last = list(tlr.steps(H_, Y, (T0, T0 + H), step=H,
                          method=tlr.ParallelBUG(tlr.Truncation(), flow=FLOW)))[-1]
    assert np.linalg.norm(last.y.to_dense() - expected) < 1e-13
    assert last.y.ranks == {0: 4, 1: 4, 2: 4}


METHODS = {
    "parallel": lambda rule: tlr.ParallelBUG(rule),
    "parallel2": lambda rule: tlr.ParallelBUG(rule, order=2, flow=tlr.Exponential()),
    "tangent": lambda rule: tlr.ParallelBUG(rule, order=2, enrich="tangent"),
    "rejecting": lambda rule: tlr.ParallelBUG(rule, reject=10.0),
    "augmented": lambda rule: tlr.AugmentedBUG(rule, flow=tlr.Krylov()),
    "augmented2": lambda rule: tlr.AugmentedBUG(rule, order=2),
}


@pytest.mark.parametrize("name", METHODS)
def test_backends_agree(backend, tree, dtype, name):
    shape = tuple(min(n, 3) for n in sizes(tree))
    terms = [(0.5 * c, f) for c, f in random_pairs(shape)]
    if dtype is float:
        terms = [(c, {i: m.real for i, m in f.items()}) for c, f in terms]
    F = tlr.LinearField(tlr.TreeOperator.from_terms(terms, tree, shape))
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=dtype)
    method = METHODS[name](tlr.Truncation(atol=1e-6))
    runs = [
        tlr.integrate(F, Y0, (0.0, 0.15), step=0.05, method=method)
        for Y0 in (Y, backend.tensor(Y))
    ]
    expected, made = runs[0].final, runs[1].final
    assert made.ranks == expected.ranks
    gap = np.linalg.norm(backend.dense(made) - expected.to_dense())
    assert gap < 1e-12 * expected.norm()
    for key in ("steps", "rejected", "evaluations", "rank_capped"):
        assert runs[0].stats[key] == runs[1].stats[key]


@pytest.mark.parametrize("name", METHODS)
def test_single_precision_runs_in_single_precision(name):
    tree, shape = tlr.Tree.balanced(4), (4,) * 4
    H_ = tlr.TreeOperator.from_terms(random_pairs(shape), tree, shape)
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=complex)
    rule = tlr.Truncation(rtol=1e-4)
    run = {"span": (0.0, 0.2), "step": 0.1, "method": METHODS[name](rule)}
    F = tlr.LinearField(H_, coefficient=-1j)
    double = tlr.integrate(F, Y, **run).final
    single = tlr.integrate(F, Y.astype(np.complex64), **run).final
    assert single.dtype == np.complex64
    assert np.linalg.norm(single.to_dense() - double.to_dense()) < 5e-4
