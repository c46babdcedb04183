"""Enriched frames: Y0 first, the range of F(Y0) within the tolerance, nothing beyond."""

import numpy as np
import pytest
from conftest import orthonormality, sizes
from helpers import columns, frame_defects, matricised, random_pairs

import tensorflowlr as tlr
from tensorflowlr.arrays import to_numpy
from tensorflowlr.moves.enrich import orthonormal_derivative, range_frame, tangent_frame
from tensorflowlr.moves.frame import complete_nodes

EXACT = 1e-13


def start(tree, rank=2, dtype=complex, seed=0):
    return tlr.TreeTensor.random(tree, sizes(tree), rank, rng=seed, dtype=dtype)


def enriched(Y, derivative, tolerance):
    complete = complete_nodes(Y.tree, Y.cores)
    made = orthonormal_derivative(Y, derivative, complete)
    return range_frame(Y, made, complete, tolerance)


def applied(Y, seed=0):
    """H Y for random pair interactions, with the dense matrix's own result."""
    H = tlr.TreeOperator.from_terms(random_pairs(Y.shape, seed), Y.tree, Y.shape)
    return H @ Y, (H.to_dense() @ Y.to_dense().reshape(-1)).reshape(Y.shape)


@pytest.mark.parametrize("tolerance", [0.0, 1e-3, 0.3])
def test_enriched_bases_hold_the_range_of_the_derivative(tree, tolerance):
    Y = start(tree)
    FY, dense = applied(Y)
    frame = enriched(Y, FY, tolerance)
    for node in tree.edges:
        old = Y.cores[node]
        corner = frame.basis[node][tuple(slice(0, n) for n in old.shape)]
        assert np.array_equal(corner, old)
        if not tree.is_leaf(node):
            assert np.count_nonzero(frame.basis[node][..., : old.shape[-1]]) <= old.size
        basis = columns(Y, frame.basis, node)
        rows = matricised(dense, tree.leaves_below[node])
        left = np.linalg.norm(rows - basis @ (basis.conj().T @ rows))
        assert left <= max(tolerance, 1e-12)
    assert max(frame_defects(frame, Y)) < EXACT


def test_surroundings_hold_the_rows_of_the_start_and_its_derivative_alone(tree):
    Y = start(tree)
    FY, dense = applied(Y)
    frame = enriched(Y, FY, 0.0)
    for node in tree.edges:
        if frame.centre[node] is not None:
            modes = tree.leaves_below[node]
            rows = np.vstack([matricised(x, modes) for x in (Y.to_dense(), dense)])
            rank = np.linalg.matrix_rank(rows, 1e-11 * np.linalg.norm(rows))
            assert frame.centre[node].shape[-1] == rank


def test_enrichment_leaves_out_what_the_tolerance_allows():
    tree = tlr.Tree.balanced(4)
    Y = tlr.TreeTensor.random(tree, (6,) * 4, 2, rng=0, dtype=complex)
    FY, _ = applied(Y)
    full, cut = (sum(enriched(Y, FY, tol).ranks().values()) for tol in (0.0, 0.3))
    assert sum(Y.ranks.values()) < cut < full


def test_tangent_enrichment_of_a_matrix():
    Y = tlr.TreeTensor.random(tlr.Tree.matrix(), (12, 11), 2, rng=0, dtype=complex)
    H = tlr.TreeOperator.from_terms(random_pairs(Y.shape), Y.tree, Y.shape)
    F = tlr.LinearField(H)

    def slopes(frame, nodes):
        seen = F.environment(frame)
        return {node: seen.local(node)(0.0, frame.centre[node]) for node in nodes}

    frame = tangent_frame(Y, slopes, 0.0)
    FY = (H.to_dense() @ Y.to_dense().reshape(-1)).reshape(Y.shape)
    U, V = Y.cores[:2]
    for basis, old, slope in ((frame.basis[0], U, FY @ V.conj()), (frame.basis[1], V,
                                                                   FY.T @ U.conj())):
        assert basis.shape[1] == 4
        assert np.array_equal(basis[:, :2], old)
        assert np.linalg.norm(slope - basis @ (basis.conj().T @ slope)) < 1e-12
    assert max(frame_defects(frame, Y)) < EXACT


def test_enriched_frames_on_every_backend(backend):
    tree = tlr.Tree(((3, 1, 0), (2, 4), 5))
    Y = start(tree)
    FY, _ = applied(Y)
    frame = enriched(backend.tensor(Y), backend.tensor(FY), 1e-6)
    expected = enriched(Y, FY, 1e-6)
    assert frame.ranks() == expected.ranks()
    cores = [c for c in frame.basis[:-1]]
    made = tlr.TreeTensor.trusted(tree, [*cores, frame.centre[-1][..., 0]])
    assert orthonormality(made, backend) < EXACT
    assert np.linalg.norm(to_numpy(made.to_dense()) - Y.to_dense()) < EXACT
