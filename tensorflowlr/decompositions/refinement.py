"""All components together, to the least-squares fit: Gauss–Newton on the normal equations."""

from __future__ import annotations

import dataclasses

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, epsilon, namespace, norm
from tensorflowlr.decompositions.fit import Fit, corrected
from tensorflowlr.decompositions.flattening import Flattening, LowRankFlattening
from tensorflowlr.tensors.multisets import contracted, powers

# steps of the outer and the inner iteration
STEPS, INNER = 60, 200
# relative gains of the residual below which nothing is left to gain
GAIN = 1e-8


def refined(M: Flattening, fit: Fit, order: int) -> tuple[Fit, int]:
    """The least-squares fit next to some components, and how many steps led there.

    Levenberg–Marquardt steps on the vectors b_i = |w_i|^{1/m} a_i; the normal equations are
    known by products with the Gram matrix of the vectors, and solved by conjugate gradients.
    """
    whole, M = M, _affordable(M, fit)
    xp, total = namespace(fit.factors), M.norm()
    sizes = xp.abs(fit.weights)
    signs = fit.weights / xp.where(sizes > 0.0, sizes, sizes + 1.0)
    B = fit.factors * sizes ** (1.0 / order)
    slope, error = _slope(M, B, signs, order)
    damping, steps = 1e-3, 0
    while steps < STEPS:
        steps += 1
        move = _solve(B, signs, slope, order, damping)
        new_slope, new_error = _slope(M, B + move, signs, order)
        if not new_error < error:
            damping *= 10.0
            if damping > 1e6:
                break
            continue
        gain = (error - new_error) / error
        B, slope, error, damping = B + move, new_slope, new_error, max(0.1 * damping, 1e-12)
        if gain < GAIN or error <= epsilon(B) * total:
            break
    lengths = xp.linalg.vector_norm(B, axis=0)
    lengths = xp.where(lengths > 0.0, lengths, lengths + 1.0)
    A, w = B / lengths, signs * xp.astype(lengths, signs.dtype) ** order
    w, residual = corrected(whole, A, w, order)
    if not residual < fit.residual:
        return fit, 0
    return dataclasses.replace(fit, weights=w, factors=A, residual=residual), steps


def _affordable(M: Flattening, fit: Fit) -> Flattening:
    """The flattening, or its leading part where every product is a pass over data."""
    if M.dense() is not None:
        return M
    space = fit.space
    values = namespace(space.left).sum(space.inverse, axis=0)
    right = space.left if space.right is None else space.right
    return LowRankFlattening(space.left, 1.0 / values, right, M.symmetric)


def _slope(M: Flattening, B: Array, signs: Array, order: int) -> tuple[Array, float]:
    """Minus the gradient over m, s_i conj(…)(T - Σ s_j b_j^m) b_i^{m-1}, and the residual."""
    left = (order + 1) // 2
    rows, columns = powers(B, left), powers(B, order - left)
    whole = M.dense()
    if whole is not None:
        rest = whole - (rows * signs) @ columns.mT
        products, error = rest @ conj(columns), norm(rest)
    else:
        seen = M.apply(conj(columns))
        products = seen - (rows * signs) @ (columns.mT @ conj(columns))
        xp = namespace(B)
        gram = (adjoint(B) @ B) ** order
        cross = xp.sum(conj(signs) * xp.sum(conj(rows) * seen, axis=0))
        squared = M.norm() ** 2 - 2.0 * _real(cross) + _real(
            xp.sum(conj(signs) * (gram @ signs)))
        error = max(squared, 0.0) ** 0.5
    return conj(signs) * contracted(products, conj(B), left), error


def _real(value: Array) -> float:
    return float(namespace(value).real(value)) if arrays.is_complex(value) else float(value)


def _normal(B: Array, signs: Array, order: int) -> tuple[Array, Array]:
    """The Gram matrices of the normal equations."""
    gram = adjoint(B) @ B
    both = conj(signs)[:, None] * signs[None, :]
    return both * gram ** (order - 1), (order - 1) * both * gram ** (order - 2)


def _solve(B: Array, signs: Array, slope: Array, order: int, damping: float) -> Array:
    """Conjugate gradients for JᴴJ move = slope, both over m, with Jacobi's preconditioner."""
    xp = namespace(B)
    first, second = _normal(B, signs, order)
    lengths = xp.linalg.vector_norm(B, axis=0) ** (2 * order - 2)
    scale = lengths * (1.0 + damping)

    def product(X: Array) -> Array:
        whole = X @ first.mT + B @ (second * (adjoint(B) @ X)).mT
        return whole + damping * lengths * X

    x, r = 0.0 * B, slope
    z = r / scale
    p, rho = z, _real(xp.sum(conj(r) * z))
    target = 1e-6 * norm(r)
    for _ in range(INNER):
        if norm(r) <= target or rho <= 0.0:
            break
        q = product(p)
        alpha = rho / _real(xp.sum(conj(p) * q))
        x, r = x + alpha * p, r - alpha * q
        z = r / scale
        old, rho = rho, _real(xp.sum(conj(r) * z))
        p = z + (rho / old) * p
    return x
