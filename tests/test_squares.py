"""Factorisations by Gram matrices against QR and SVD, and where they must decline."""

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st

from tensorflowlr import arrays
from tensorflowlr.moves.augment import new_directions
from tensorflowlr.tensors import squares

EXACT = 2e-14


def with_values(rows, values, dtype, seed=0):
    """A matrix of given singular values."""
    u = np.linalg.qr(gaussian((rows, len(values)), dtype, seed))[0]
    v = np.linalg.qr(gaussian((len(values), len(values)), dtype, seed + 1))[0]
    return (u * values) @ v.conj().T


def defect(q):
    return np.abs(q.conj().T @ q - np.eye(q.shape[1])).max()


@pytest.mark.parametrize("ratio", [1.0, 1e-3, 1e-6])
def test_orthonormal_columns_and_weights_give_the_argument_back(backend, dtype, ratio):
    x = 1e5 * with_values(60, np.geomspace(1.0, ratio, 12), dtype)
    found = squares.orthonormal(backend.array(x))
    assert found is not None
    q, weights = (backend.numpy(a) for a in found)
    assert defect(q) < EXACT
    assert np.linalg.norm(q @ weights - x) < 1e-14 * np.linalg.norm(x)


@pytest.mark.parametrize("spoil", [1e-12, 0.0])
def test_nearly_dependent_columns_are_declined(backend, dtype, spoil):
    x = with_values(60, np.array([1.0, 0.5, spoil]), dtype)
    assert squares.orthonormal(backend.array(x)) is None


@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e200, np.nan])
def test_squares_out_of_range_are_declined(backend, scale):
    x = backend.array(scale * gaussian((30, 4)))
    with arrays.quiet():
        assert squares.orthonormal(x) is None
        assert squares.leading_span(x, 2, arrays.norm(x)) is None


@given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 10**6), st.booleans())
def test_complement_completes_a_basis_to_a_square(rank, more, seed, complex_numbers):
    kind = complex if complex_numbers else float
    basis = np.linalg.qr(gaussian((rank + more, rank), kind, seed))[0]
    found = squares.complement(basis)
    if found is not None:
        assert found.shape == (rank + more, more)
        assert defect(np.concatenate([basis, found], axis=1)) < EXACT


@pytest.mark.parametrize("signs", [1.0, -1.0])
def test_complement_of_axes(backend, signs):
    basis = signs * np.eye(7, 4)
    found = backend.numpy(squares.complement(backend.array(basis)))
    np.testing.assert_allclose(np.abs(found), np.eye(7)[:, 4:], atol=1e-15)


@pytest.mark.parametrize("small", [0.15, 1e-2, 1e-6, 0.0])
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_leading_span_is_that_of_the_singular_vectors(backend, dtype, small, scale):
    first = with_values(80, np.linspace(1.0, 2.0, 9), dtype)
    x = scale * np.concatenate([first, small * gaussian((80, 5), dtype, 3) / np.sqrt(80)], axis=1)
    size = float(np.linalg.norm(x))
    found = squares.leading_span(backend.array(x), 9, size)
    assert found is not None
    basis, rest = backend.numpy(found[0]), found[1]
    s = np.linalg.svd(x, compute_uv=False)
    assert defect(basis) < EXACT
    outside = np.linalg.norm(x - x @ basis.conj() @ basis.T)
    assert outside < np.linalg.norm(s[9:]) + 2e-15 * size
    np.testing.assert_allclose(rest * size**2, np.sum(s[9:] ** 2), atol=1e-13 * size**2)


def test_leading_span_is_declined_where_columns_are_alike_or_unresolved(backend, dtype):
    alike = gaussian((80, 14), dtype)
    assert squares.leading_span(backend.array(alike), 9, float(np.linalg.norm(alike))) is None
    weak = with_values(80, np.geomspace(1.0, 1e-7, 9), dtype)
    x = np.concatenate([weak, 1e-9 * gaussian((80, 5), dtype)], axis=1)
    assert squares.leading_span(backend.array(x), 9, float(np.linalg.norm(x))) is None


@pytest.mark.parametrize("weak", [1.0, 1e-17])
@pytest.mark.parametrize("count", [3, 80])
def test_candidates_that_fill_a_basis_give_its_complement(backend, dtype, weak, count):
    q = np.linalg.qr(gaussian((160, 160), dtype))[0]
    basis, fresh = q[:, :80], q[:, 80:]
    weights = np.where(np.arange(80) < count, 1.0, 0.0)
    weights[count - 1] = weak
    mixing = np.linalg.qr(gaussian((90, 80), dtype, 1))[0].conj().T
    candidate = basis @ gaussian((80, 90), dtype, 2) + (fresh * weights) @ mixing
    new = backend.numpy(new_directions(backend.array(basis), backend.array(candidate)))
    strong = fresh[:, weights > 1e-12]
    # a few directions at round-off are not told apart from the others, many are
    tells = backend.name in ("numpy", "torch")
    assert new.shape[1] == (80 if count == 80 and tells else strong.shape[1])
    assert defect(np.concatenate([basis, new], axis=1)) < EXACT
    assert np.linalg.norm(strong - new @ (new.conj().T @ strong)) < 1e-12
