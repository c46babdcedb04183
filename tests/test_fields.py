"""Right-hand sides seen from a node against dense restrictions, and the three kinds compared."""

import numpy as np
import pytest
import scipy.sparse
from conftest import dense_terms, gaussian, sizes
from helpers import columns, matricised, random_pairs

import tensorflowlr as tlr
from tensorflowlr.fields.environment import prolong, restrict
from tensorflowlr.moves.assemble import assemble_all
from tensorflowlr.moves.frame import complete_nodes, frame_of

TIME = 0.3


def rough_terms(shape, dtype, seed=0):
    """Dense, diagonal and sparse matrices without any symmetry, on one, two and all modes."""
    d = len(shape)

    def pick(i, k):
        n = shape[i]
        if k % 3 == 0:
            return gaussian((n, n), dtype, seed + 10 * i + k)
        if k % 3 == 1:
            return gaussian((n,), dtype, seed + 10 * i + k)
        mask = np.random.default_rng(seed).random((n, n)) < 0.5
        return scipy.sparse.csr_array(gaussian((n, n), dtype, seed + 10 * i + k) * mask)

    terms = [(0.3, {i: pick(i, i)}) for i in range(d)]
    terms += [(0.2, {i: pick(i, i + j), j: pick(j, j)}) for j in range(d) for i in range(j)]
    terms.append((0.1, {i: pick(i, i + 2) for i in range(d)}))
    return [(c * (1.0 + 0.5j) if dtype is complex else c, f) for c, f in terms]


class Problem:
    """F(t, y) = (c0 H0 + c1(t) H1) y + s(t), dense and as a field on a tree."""

    def __init__(self, tree, dtype, source=None):
        self.shape = (3, 2, 3, 2, 2, 3)[: tree.modes]
        unit = 1j if dtype is complex else 1.0
        self.coefficients = (0.7 * unit, lambda t: np.cos(3.0 * t) * unit + t)
        terms = [rough_terms(self.shape, dtype, seed) for seed in (0, 50)]
        self.dense = [dense_terms(t, self.shape) for t in terms]
        operators = [tlr.TreeOperator.from_terms(t, tree, self.shape) for t in terms]
        self.start = tlr.TreeTensor.random(tree, self.shape, 2, rng=0, dtype=dtype)
        constant = gaussian(self.shape, dtype, 7)
        self.sources = {
            None: None,
            "dense": constant,
            "tree": tlr.TreeTensor.from_dense(constant, tree),
            "dense(t)": lambda t: np.exp(t) * constant,
            "tree(t)": lambda t: tlr.TreeTensor.from_dense(np.exp(t) * constant, tree),
        }
        self.scale = (lambda t: 0.0) if source is None else (
            np.exp if source.endswith("(t)") else lambda t: 1.0)
        self.constant = constant
        self.field = tlr.LinearField(operators, self.coefficients, self.sources[source])
        self.dtype = dtype

    def __call__(self, t, y):
        c = self.coefficients[0], self.coefficients[1](t)
        flat = sum(ci * (H @ y.reshape(-1)) for ci, H in zip(c, self.dense, strict=True))
        value = flat.reshape(self.shape) + self.scale(t) * self.constant
        return value if self.dtype is complex else value.real


def prolongation(frame, node, shape, below):
    """The matrix that turns a node's centre into the whole tensor, column by column."""
    size = int(np.prod(shape))
    found = []
    for k in range(size):
        unit = np.zeros(size, dtype=complex)
        unit[k] = 1.0
        found.append(prolong(frame, node, unit.reshape(shape), below).to_dense().reshape(-1))
    return np.array(found).T


SOURCES = [None, "dense", "tree", "dense(t)", "tree(t)"]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_local_fields_are_dense_restrictions(tree, dtype, source):
    problem = Problem(tree, dtype, source)
    frame = frame_of(problem.start)
    environment = problem.field.environment(frame)
    for node in tree.nodes:
        if frame.centre[node] is None:
            continue
        x = gaussian(frame.centre[node].shape, dtype, 3)
        P = prolongation(frame, node, x.shape, frame.basis)
        assert np.abs(P.conj().T @ P - np.eye(P.shape[1])).max() < 1e-13
        whole = (P @ x.reshape(-1)).reshape(problem.shape)
        whole = whole if dtype is complex else whole.real
        expected = (P.conj().T @ problem(TIME, whole).reshape(-1)).reshape(x.shape)
        local = environment.local(node)
        size = np.linalg.norm(expected)
        assert np.linalg.norm(local(TIME, x) - expected) < 1e-12 * size
        alone = local.linear(TIME)(x) + local(TIME, 0.0 * x)
        assert np.linalg.norm(alone - expected) < 1e-12 * size
        for made in (tlr.DenseField(problem), tlr.FactoredField(problem.field.evaluate)):
            found = made.environment(frame).local(node)(TIME, x)
            assert np.linalg.norm(found - expected) < 1e-12 * size


def test_restriction_is_the_adjoint_of_prolongation(tree, dtype):
    shape = sizes(tree)
    Y = tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=dtype)
    Z = tlr.TreeTensor.random(tree, shape, 3, rng=1, dtype=dtype)
    frame = frame_of(Y)
    for node in tree.nodes:
        if frame.centre[node] is not None:
            P = prolongation(frame, node, frame.centre[node].shape, frame.basis)
            expected = P.conj().T @ Z.to_dense().reshape(-1)
            found = restrict(frame, node, Z, frame.basis).reshape(-1)
            assert np.linalg.norm(found - expected) < 1e-13


def grown(frame, dtype):
    """Augmented bases of a frame, from random directions."""
    evolved = [
        None if c is None else gaussian(c.shape, dtype, n) for n, c in enumerate(frame.centre)
    ]
    return assemble_all(frame, evolved, 0.0)[0]


def test_updated_bases_are_seen(tree, dtype):
    problem = Problem(tree, dtype, "tree")
    frame = frame_of(problem.start)
    bases = grown(frame, dtype)
    fields = (problem.field, tlr.DenseField(problem))
    environments = [F.environment(frame) for F in fields]
    for node in tree.nodes:
        if frame.centre[node] is not None and not tree.is_leaf(node):
            below = [bases[c].shape[-1] for c in tree.children[node]]
            x = gaussian((*below, frame.centre[node].shape[-1]), dtype, 3)
            P = prolongation(frame, node, x.shape, bases)
            whole = (P @ x.reshape(-1)).reshape(problem.shape)
            whole = whole if dtype is complex else whole.real
            expected = P.conj().T @ problem(TIME, whole).reshape(-1)
            for environment in environments:
                found = environment.local(node)(TIME, x).reshape(-1)
                assert np.linalg.norm(found - expected) < 1e-12 * np.linalg.norm(expected)
        if node != tree.root:
            for environment in environments:
                environment.update(node, bases[node])


def test_stacked_nodes_see_what_they_see_alone(backend, dtype):
    tree = tlr.Tree.balanced(8)
    shape = (3,) * 8
    terms = random_pairs(shape)
    if dtype is float:
        terms = [(c, {i: m.real for i, m in f.items()}) for c, f in terms]
    H = tlr.TreeOperator.from_terms(terms, tree, shape)
    Y = backend.tensor(tlr.TreeTensor.random(tree, shape, 2, rng=0, dtype=dtype))
    frame = frame_of(Y)
    F = tlr.LinearField([H, H], [lambda t: t, 2.0])
    environment = F.environment(frame)
    wanted = [n for n in tree.nodes if frame.centre[n] is not None]
    groups = environment.groups(wanted)
    assert sorted(n for nodes, _ in groups for n in nodes) == wanted
    assert max(len(nodes) for nodes, _ in groups) >= 2
    for nodes, local in groups:
        centres = [gaussian(frame.centre[n].shape, dtype, n) for n in nodes]
        alone = [
            backend.numpy(environment.local(n)(TIME, backend.array(x)))
            for n, x in zip(nodes, centres, strict=True)
        ]
        given = np.stack(centres) if len(nodes) > 1 else centres[0]
        together = backend.numpy(local(TIME, backend.array(given)))
        expected = np.stack(alone) if len(nodes) > 1 else alone[0]
        assert np.linalg.norm(together - expected) < 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize("source", [None, "tree(t)"], ids=str)
@pytest.mark.parametrize(
    "method",
    [tlr.ParallelBUG, lambda r: tlr.ParallelBUG(r, order=2), tlr.AugmentedBUG,
     lambda r: tlr.AugmentedBUG(r, order=2), lambda r: tlr.ParallelBUG(r, reject=10.0),
     lambda r: tlr.ParallelBUG(r, order=2, enrich="tangent")],
    ids=["parallel", "parallel2", "augmented", "augmented2", "rejecting", "tangent"],
)
def test_three_fields_take_the_same_steps(tree, dtype, source, method):
    problem = Problem(tree, dtype, source)
    dense = tlr.DenseField(problem)
    factored = tlr.FactoredField(problem.field.evaluate)
    runs = [
        tlr.integrate(F, problem.start, (0.1, 0.15), step=0.05,
                      method=method(tlr.Truncation(rtol=1e-4)))
        for F in (problem.field, dense, factored)
    ]
    size = runs[0].final.norm()
    for other in runs[1:]:
        gap = np.linalg.norm(other.final.to_dense() - runs[0].final.to_dense())
        assert gap < 1e-11 * size
        assert other.final.ranks == runs[0].final.ranks
        assert other.stats["rejected"] == runs[0].stats["rejected"]


def test_evaluation_is_the_dense_right_hand_side(tree, dtype):
    for source in SOURCES:
        problem = Problem(tree, dtype, source)
        expected = problem(TIME, problem.start.to_dense())
        found = problem.field.evaluate(TIME, problem.start).to_dense()
        assert np.linalg.norm(found - expected) < 1e-12 * np.linalg.norm(expected)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_orthonormal_derivatives(backend, tree, dtype, rank):
    problem = Problem(tree, dtype, "tree")
    plain = tlr.TreeTensor.random(tree, problem.shape, rank, rng=0, dtype=dtype)
    Y, first = backend.tensor(plain).orthogonalize(), problem.field.operators[0]
    complete = complete_nodes(tree, Y.cores)
    alone = tlr.LinearField(first, coefficient=lambda t: 2.0 * t)
    slope = (2.0 * TIME * problem.dense[0] @ plain.to_dense().reshape(-1)).reshape(problem.shape)
    cases = [(alone, slope), (tlr.FactoredField(alone.evaluate), slope)]
    if backend.name == "numpy":
        cases.append((problem.field, problem(TIME, plain.to_dense())))
    for F, expected in cases:
        made = F.orthonormal(TIME, Y, complete)
        found = backend.numpy(tlr.TreeTensor.trusted(tree, made).to_dense())
        assert np.linalg.norm(found - expected) < 1e-12 * np.linalg.norm(expected)
        for node in tree.edges:
            columns_ = backend.numpy(made[node])
            columns_ = columns_.reshape(-1, columns_.shape[-1])
            assert np.abs(columns_.conj().T @ columns_ - np.eye(columns_.shape[1])).max() < 1e-13
            if complete[node]:
                assert np.array_equal(backend.numpy(made[node]), backend.numpy(Y.cores[node]))


def test_real_starts_become_complex_where_the_field_is():
    tree = tlr.Tree.matrix()
    Y = tlr.TreeTensor.random(tree, (4, 5), 2, rng=0)
    real = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((4, 4))})], tree, (4, 5))
    twisted = tlr.TreeOperator.from_terms([(1j, {0: gaussian((4, 4))})], tree, (4, 5))
    source = gaussian((4, 5), complex)
    method = tlr.ParallelBUG(tlr.Truncation())
    cases = [(real, float), (tlr.LinearField(real, coefficient=-1j), complex), (twisted, complex),
             (tlr.LinearField(real, source=source), complex),
             (tlr.LinearField(real, coefficient=lambda t: 1j * t), complex),
             (tlr.LinearField(real, source=lambda t: t * source), complex),
             (tlr.DenseField(lambda t, y: 1j * y), complex),
             (tlr.FactoredField(lambda t, Y: 1j * Y), complex)]
    for F, kind in cases:
        final = tlr.integrate(F, Y, (0.0, 0.1), step=0.1, method=method).final
        assert final.dtype == np.dtype(kind)
        assert Y.dtype == np.dtype(float)


def test_basis_columns_of_the_helper_match_the_dense_tensor():
    tree = tlr.Tree(((3, 1, 0), (2, 4), 5))
    Y = tlr.TreeTensor.random(tree, sizes(tree), 3, rng=0, dtype=complex)
    for node in tree.edges:
        basis = columns(Y, Y.cores, node)
        rows = matricised(Y.to_dense(), tree.leaves_below[node])
        assert np.linalg.norm(rows - basis @ (basis.conj().T @ rows)) < 1e-13
