"""Other ways to symmetric CP: packages that have one, and methods that no package has.

Each takes an exact or noisy tensor and its rank, and gives a `SymmetricCP` or, of alternating
least squares, whose factors need not be equal, the dense tensor of what it found.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

import tensorflowlr as tlr

Array = NDArray[Any]

STOP = 1e-10


def tensorly_als(T: Array, r: int, rng: np.random.Generator, limit: int) -> Array:
    """Alternating least squares of TensorLy from one normal start."""
    import tensorly
    from tensorly.decomposition import parafac

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = parafac(T, rank=r, n_iter_max=limit, init="random", tol=STOP,
                       random_state=int(rng.integers(1 << 31)))
        return np.asarray(tensorly.cp_to_tensor(made))


def pyttb_als(T: Array, r: int, rng: np.random.Generator, limit: int) -> Array:
    """Alternating least squares of pyttb from one uniform start."""
    import pyttb

    start = pyttb.ktensor([rng.random((n, r)) for n in T.shape])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = pyttb.cp_als(pyttb.tensor(T), r, maxiters=limit, stoptol=STOP, printitn=0,
                            init=start)[0]
        return np.asarray(made.full().data)


def least_squares(T: Array, r: int, rng: np.random.Generator, limit: int = 1000) -> Any:
    """L-BFGS (SciPy) on ‖T - Σ s_i b_i^{⊗m}‖² over the vectors b_i, all signs positive.

    Nothing but the sum and its derivative: T b^{m-1} is m - 1 products with a flattening.
    """
    d, m = T.shape[0], T.ndim

    def residual(flat: Array) -> tuple[float, Array]:
        B = flat.reshape(d, r)
        seen = T.reshape(-1, d) @ B
        for _ in range(m - 2):
            seen = np.einsum("jir,ir->jr", seen.reshape(-1, d, r), B)
        gram = B.T @ B
        value = float(np.sum(T**2) - 2.0 * np.sum(seen * B) + np.sum(gram**m))
        return value / m, 2.0 * (B @ gram ** (m - 1) - seen)

    start = rng.standard_normal((d, r)) / np.sqrt(d)
    made = scipy.optimize.minimize(
        residual, start.ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": limit, "maxfun": 2 * limit, "maxcor": 20, "ftol": 0.0, "gtol": 1e-12},
    )
    return tlr.SymmetricCP(np.ones(r), made.x.reshape(d, r), m)


def eigenvectors(T: Array, r: int, rng: np.random.Generator) -> tlr.SymmetricCP:
    """Order 3, r ≤ d: eigenvectors of a pencil of two random slices (Harshman 1972)."""
    d = T.shape[0]
    x, y = rng.standard_normal((2, d))
    basis = np.linalg.svd(T.reshape(d, -1), full_matrices=False)[0][:, :r]
    core = np.einsum("ijk,ia,jb->abk", T, basis, basis, optimize=True)
    vectors = scipy.linalg.eig(core @ x, core @ y)[1]
    # (core y)⁻¹ (core x) has the eigenvectors (Aᵀ)⁻¹
    A = basis @ np.linalg.inv(np.real(vectors)).T
    return _weighted(T, A)


def foobi(T: Array, r: int, rng: np.random.Generator) -> tlr.SymmetricCP:
    """Order 4: fourth-order blind identification (De Lathauwer, Castaing, Cardoso 2007).

    The range of the flattening is spanned by the rank-one matrices a_i a_iᵀ; those are its
    combinations H w for which the bilinear 2 × 2 minors vanish. Their kernel, r dimensions of
    symmetric r × r matrices, is simultaneously diagonal; two random elements of it tell the
    combinations. Costs grow with r² numbers of about d⁴/8 each.
    """
    d = T.shape[0]
    values, vectors = np.linalg.eigh(T.reshape(d * d, d * d))
    first = np.argsort(-np.abs(values))[:r]
    H = vectors[:, first].T.reshape(r, d, d)
    pairs = np.array(list(itertools.combinations(range(d), 2)))
    i, j = pairs[:, 0], pairs[:, 1]
    which = [(s, t) for s in range(r) for t in range(s, r)]
    columns = np.empty((len(which), len(pairs) ** 2))
    for c, (s, t) in enumerate(which):
        minors = _minors(H[s], H[t], i, j)
        columns[c] = (minors if s == t else minors + _minors(H[t], H[s], i, j)).ravel()
    kernel = np.linalg.eigh(columns @ columns.T)[1][:, :r]
    W = np.zeros((r, r, r))
    for c, (s, t) in enumerate(which):
        W[:, s, t] = W[:, t, s] = kernel[c]
    x, y = rng.standard_normal((2, r))
    pencil = scipy.linalg.eig(np.tensordot(x, W, 1), np.tensordot(y, W, 1))[1]
    # W_k = Q Λ_k Qᵀ, so that the columns of Q are those of the inverse transpose
    combined = np.tensordot(np.linalg.inv(np.real(pencil)), H, 1)
    A = np.empty((d, r))
    for k, matrix in enumerate(combined):
        sizes, sides = np.linalg.eigh(0.5 * (matrix + matrix.T))
        A[:, k] = sides[:, np.argmax(np.abs(sizes))]
    return _weighted(T, A)


def _minors(P: Array, Q: Array, i: Array, j: Array) -> Array:
    """P_ik Q_jl - P_jk Q_il - P_il Q_jk + P_jl Q_ik for pairs i < j and k < l."""
    return (P[np.ix_(i, i)] * Q[np.ix_(j, j)] - P[np.ix_(j, i)] * Q[np.ix_(i, j)]
            - P[np.ix_(i, j)] * Q[np.ix_(j, i)] + P[np.ix_(j, j)] * Q[np.ix_(i, i)])


def _weighted(T: Array, A: Array) -> tlr.SymmetricCP:
    """The weights that fit given vectors best."""
    d, m = T.shape[0], T.ndim
    A = A / np.linalg.norm(A, axis=0)
    seen = T.reshape(-1, d) @ A
    for _ in range(m - 1):
        seen = np.einsum("jir,ir->jr", seen.reshape(-1, d, A.shape[1]), A)
    weights = np.linalg.lstsq((A.T @ A) ** m, seen.reshape(-1), rcond=None)[0]
    return tlr.SymmetricCP(weights, A, m)
