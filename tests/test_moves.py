"""Frames, augmented bases and assembled cores against dense definitions."""

import numpy as np
import pytest
from conftest import gaussian, sizes
from helpers import columns, defect, frame_defects, matricised, tensorised
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlr as tlr
from tensorflowlr.fields.environment import prolong
from tensorflowlr.moves.assemble import assemble_all, missing
from tensorflowlr.moves.augment import augment, new_directions
from tensorflowlr.moves.frame import frame_of

EXACT = 1e-13


def start(tree, rank=2, dtype=complex, seed=0):
    return tlr.TreeTensor.random(tree, sizes(tree), rank, rng=seed, dtype=dtype)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_node_of_a_frame_holds_the_whole_tensor(tree, dtype, rank):
    Y = start(tree, rank, dtype)
    frame = frame_of(Y)
    assert max(frame_defects(frame, Y)) < EXACT
    assert frame.ranks() == Y.ranks
    assert all(c is frame.basis[n] for n, c in enumerate(Y.cores[:-1]))


def test_frames_on_every_backend(backend, tree):
    Y = start(tree)
    mine, plain = frame_of(backend.tensor(Y)), frame_of(Y)
    for node in Y.tree.nodes:
        if plain.centre[node] is None:
            assert mine.centre[node] is None
            continue
        made = prolong(mine, node, mine.centre[node], mine.basis)
        assert np.linalg.norm(backend.dense(made) - Y.to_dense()) < EXACT


def test_complete_nodes_carry_no_centre():
    tree = tlr.Tree(((0, 1), (2, 3)))
    Y = tlr.TreeTensor.random(tree, (2, 2, 5, 5), 4, rng=0)
    frame = frame_of(Y)
    assert [n for n in tree.edges if frame.complete[n]] == [0, 1, 4]
    assert frame.growing == [2, 3, 5]
    assert frame.centre[0] is frame.centre[1] is frame.centre[4] is None


@given(
    rows=st.integers(1, 12), old=st.integers(0, 6), new=st.integers(0, 6),
    weights=st.lists(st.sampled_from([1.0, 1e-3, 1e-8, 1e-12, 0.0]), min_size=6, max_size=6),
    scale=st.sampled_from([1e-9, 1.0, 1e9]), dtype=st.sampled_from([float, complex]),
    seed=st.integers(0, 2**32 - 1),
)
def test_augmented_bases(rows, old, new, weights, scale, dtype, seed):
    old = min(old, rows)
    basis = np.linalg.qr(gaussian((rows, old), dtype, seed))[0]
    directions = np.linalg.qr(gaussian((rows, new), dtype, seed + 1))[0]
    width = directions.shape[1]
    candidate = (
        basis @ gaussian((old, width), dtype, seed + 2)
        + (directions * weights[:width]) @ gaussian((width, width), dtype, seed + 3)
    ) * scale
    grown, coefficients = augment(basis, candidate)
    assert np.array_equal(grown[:, :old], basis)
    assert grown.shape[1] <= min(rows, old + width)
    assert grown.shape[1] == 0 or defect(grown) < EXACT
    size = np.linalg.norm(candidate)
    residual = candidate - grown @ (grown.conj().T @ candidate)
    assert np.linalg.norm(residual) <= 1e-13 * size
    assert np.allclose(grown[:, old:].conj().T @ candidate, coefficients, 0.0, 1e-14 * size)
    if not any(weights[:width]) and old:
        assert grown.shape[1] == old


@pytest.mark.parametrize("weight", [1.0, 1e-4, 1e-8, 1e-12])
def test_weak_directions_come_out_orthonormal(backend, dtype, weight):
    q = np.linalg.qr(gaussian((60, 12), dtype))[0]
    basis, fresh = q[:, :6], q[:, 6:]
    weights = np.array([1.0, 1.0, weight, weight, weight, weight])
    mixing = gaussian((6, 6), dtype, 2)
    candidate = basis @ gaussian((6, 6), dtype, 1) + (fresh * weights) @ mixing
    grown = backend.numpy(augment(backend.array(basis), backend.array(candidate))[0])
    assert grown.shape == (60, 12)
    assert defect(grown) < EXACT
    # round-off of the projection, seen against the weakest direction
    weakest = np.linalg.svd(weights[:, None] * mixing, compute_uv=False)[-1]
    round_off = 4.0 * np.finfo(float).eps * np.linalg.norm(candidate) / weakest
    assert np.linalg.norm(fresh - grown @ (grown.conj().T @ fresh), 2) < round_off


@pytest.mark.parametrize("weak", [1.0, 1e-6, 1e-17, 0.0])
def test_many_directions_are_all_taken_up_but_round_off(backend, dtype, weak):
    q = np.linalg.qr(gaussian((160, 150), dtype))[0]
    basis, fresh = q[:, :50], q[:, 50:]
    weights = np.where(np.arange(100) < 90, 1.0, weak)
    mixing = np.linalg.qr(gaussian((100, 100), dtype, 1))[0]
    candidate = basis @ gaussian((50, 100), dtype, 2) + (fresh * weights) @ mixing
    new = backend.numpy(new_directions(backend.array(basis), backend.array(candidate)))
    count = 100 if weak > 1e-12 else 90
    assert new.shape == (160, count)
    assert defect(np.concatenate([basis, new], axis=1)) < EXACT
    assert np.linalg.norm(fresh[:, :count] - new @ (new.conj().T @ fresh[:, :count])) < 1e-6


def test_round_off_adds_no_directions(dtype):
    basis = np.linalg.qr(gaussian((200, 20), dtype))[0]
    inside = basis @ gaussian((20, 20), dtype, 1)
    noise = 1e-15 * np.linalg.norm(inside) * gaussian((200, 20), dtype, 2) / np.sqrt(4000)
    for candidate in (inside, inside + noise, 0.0 * inside, 1e-200 * inside):
        assert new_directions(basis, candidate).shape == (200, 0)
    square = np.linalg.qr(gaussian((8, 8), dtype))[0]
    assert new_directions(square, gaussian((8, 3), dtype)).shape == (8, 0)


def test_dropped_directions_weigh_at_most_the_drop():
    q = np.linalg.qr(gaussian((30, 10)))[0]
    mixing = np.linalg.qr(gaussian((5, 5), seed=1))[0]
    candidate = (q[:, 5:] * [1.0, 1e-1, 3e-3, 4e-3, 1e-5]) @ mixing
    for drop, found in ((0.0, 5), (1e-4, 4), (3.1e-3, 3), (5.1e-3, 2), (0.2, 1), (2.0, 0)):
        made = new_directions(q[:, :5], candidate, drop)
        assert made.shape[1] == found
        rest = candidate - made @ (made.T @ candidate)
        assert np.linalg.norm(rest) <= max(drop, 1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_augment_refuses_what_is_not_finite(bad):
    basis, candidate = np.eye(6)[:, :2], np.ones((6, 2))
    candidate[3, 1] = bad
    with pytest.raises(FloatingPointError, match="NaN or Inf"):
        augment(basis, candidate)


def assembled_dense(frame, evolved, bases, Y, node):
    """Evolved tensor of a node plus its children's parts in their new directions."""
    shape = Y.shape
    total = prolong(frame, node, evolved[node], frame.basis).to_dense()
    for child in Y.tree.children[node]:
        if frame.complete[child]:
            continue
        modes = Y.tree.leaves_below[child]
        new = columns(Y, bases, child)[:, frame.basis[child].shape[-1]:]
        rows = matricised(assembled_dense(frame, evolved, bases, Y, child), modes)
        total = total + tensorised(new @ (new.conj().T @ rows), modes, shape)
    return total


def evolved_centres(frame, dtype, seed):
    return [
        None if c is None else c + 0.3 * gaussian(c.shape, dtype, seed + n)
        for n, c in enumerate(frame.centre)
    ]


def test_assembled_cores_by_the_dense_definition(tree, dtype):
    Y = start(tree, 2, dtype)
    frame = frame_of(Y)
    evolved = evolved_centres(frame, dtype, 5)
    bases, centres = assemble_all(frame, evolved, 0.0)
    root = centres[-1][..., 0]
    for node in tree.edges:
        old = frame.basis[node]
        corner = bases[node][tuple(slice(0, n) for n in old.shape)]
        assert np.array_equal(corner, old)
        assert bases[node].shape[-1] >= old.shape[-1]
    made = tlr.TreeTensor(tree, [*bases[:-1], root])
    expected = assembled_dense(frame, evolved, bases, Y, tree.root)
    assert np.linalg.norm(made.to_dense() - expected) < 1e-12
    flat = [b.reshape(-1, b.shape[-1]) for b in bases[:-1]]
    assert max(map(defect, flat)) < EXACT


def test_assembled_matrix_blocks(backend, dtype):
    Y = tlr.TreeTensor.random(tlr.Tree.matrix(), (9, 7), 3, rng=0, dtype=dtype)
    mine = frame_of(backend.tensor(Y))
    K, L, S = (
        gaussian(s, dtype, i) for i, s in enumerate([(9, 3), (7, 3), (3, 3, 1)], start=5)
    )
    given = [backend.array(x) for x in (K, L, S)]
    bases, centres = assemble_all(mine, given, 0.0)
    root = centres[-1][..., 0]
    U, V, made = (backend.numpy(x) for x in (*bases[:2], root))
    u, v = U[:, 3:].conj(), V[:, 3:].conj()
    # the surroundings of K are V0 turned by Q, those of L U0 turned likewise
    above_u, above_v = (backend.numpy(mine.outer[i])[..., 0] for i in (0, 1))
    expected = np.zeros((6, 6), dtype=dtype)
    expected[:3, :3] = S[..., 0]
    expected[3:, :3] = (u.T @ K) @ above_u
    expected[:3, 3:] = above_v @ (v.T @ L).T
    assert np.abs(made - expected).max() < EXACT
    assert np.array_equal(made[3:, 3:], np.zeros((3, 3)))
    assert np.linalg.norm(K - U @ (U.conj().T @ K)) < 1e-12


def test_the_missing_blocks_of_a_ternary_node():
    tree = tlr.Tree.tucker(3)
    Y = start(tree)
    frame = frame_of(Y)
    bases, _ = assemble_all(frame, evolved_centres(frame, complex, 3), 0.0)
    x = gaussian(sizes(tree), complex, 9)
    tested = x
    for i in range(3):
        tested = np.moveaxis(np.tensordot(bases[i].conj(), tested, axes=(0, i)), 0, i)
    new = (np.indices(tested.shape) >= 2).sum(axis=0)
    expected = np.linalg.norm(tested[new >= 2])
    found = missing(frame, tree.root, tested[..., None])
    assert abs(found - expected) < EXACT * expected
