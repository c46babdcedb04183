"""All components of a tensor symmetric in groups together, to the least-squares fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, epsilon, namespace, norm
from tensorflowlr.decompositions.fit import corrected_terms
from tensorflowlr.decompositions.flattening import DenseFlattening
from tensorflowlr.decompositions.groups import Side
from tensorflowlr.decompositions.refinement import GAIN, INNER, STEPS

Vectors = list[Array]


def refined_groups(
    M: DenseFlattening, weights: Array, factors: Sequence[Array], left: Side, right: Side,
    residual: float,
) -> tuple[Array, tuple[Array, ...], float, int]:
    """Weights, vectors, the relative residual of the fit next to some components, and steps.

    Levenberg–Marquardt steps on the vectors b_{g,i} = |w_i|^{1/m} a_{g,i}, as `refined` takes
    them for symmetric tensors.
    """
    xp, total = namespace(weights), M.norm()
    model = _Model(M, weights, left, right)
    sizes = xp.abs(weights) ** (1.0 / sum(model.orders))
    B = [factor * sizes for factor in factors]
    slope, error = model.slope(B)
    damping, steps = 1e-3, 0
    while steps < STEPS:
        steps += 1
        move = model.solve(B, slope, damping)
        there = [b + m for b, m in zip(B, move, strict=True)]
        new_slope, new_error = model.slope(there)
        if not new_error < error:
            damping *= 10.0
            if damping > 1e6:
                break
            continue
        gain = (error - new_error) / error
        B, slope, error, damping = there, new_slope, new_error, max(0.1 * damping, 1e-12)
        if gain < GAIN or error <= epsilon(weights) * total:
            break
    made, w = [], model.signs
    for b, order in zip(B, model.orders, strict=True):
        lengths = xp.linalg.vector_norm(b, axis=0)
        lengths = xp.where(lengths > 0.0, lengths, lengths + 1.0)
        made.append(b / lengths)
        w = w * xp.astype(lengths, w.dtype) ** order
    w, after = corrected_terms(M, left.powers([made[g] for g in left.groups]),
                               right.powers([made[g] for g in right.groups]),
                               model.reduced(model.grams(made)), w)
    if not after < residual:
        return weights, tuple(factors), residual, 0
    return w, tuple(made), after, steps


class _Model:
    """Derivatives of ‖M - Σ s_i ⊗_g b_{g,i}^{⊗m_g}‖² / 2 by the vectors."""

    def __init__(self, M: DenseFlattening, weights: Array, left: Side, right: Side) -> None:
        xp = namespace(weights)
        self.M, self.left, self.right = M.matrix, left, right
        sizes = xp.abs(weights)
        self.signs = weights / xp.where(sizes > 0.0, sizes, sizes + 1.0)
        count = max(*left.groups, *right.groups) + 1
        self.orders = [0] * count
        for side in (left, right):
            for g, n in zip(side.groups, side.orders, strict=True):
                self.orders[g] += n

    def slope(self, B: Vectors) -> tuple[Vectors, float]:
        """Minus the gradient by the vectors of each group, and the norm of the residual."""
        X, Y = ([B[g] for g in side.groups] for side in (self.left, self.right))
        rows, columns = self.left.powers(X), self.right.powers(Y)
        rest = self.M - (rows * self.signs) @ columns.mT
        made: dict[int, Array] = {}
        for side, vectors, products in (
            (self.right, Y, rest.mT @ conj(rows)), (self.left, X, rest @ conj(columns)),
        ):
            conjugated = [conj(x) for x in vectors]
            for place, g in enumerate(side.groups):
                made[g] = self.orders[g] * conj(self.signs) * side.contracted(
                    products, conjugated, place)
        return [made[g] for g in sorted(made)], norm(rest)

    def grams(self, B: Vectors) -> Vectors:
        """The Gram matrix of every group."""
        return [adjoint(b) @ b for b in B]

    def reduced(self, grams: Vectors, *without: int) -> Array:
        """The product of all Gram matrices to their orders, some of them once less."""
        made: Any = 1.0
        for g, gram in enumerate(grams):
            power = self.orders[g] - without.count(g)
            if power:
                made = made * gram**power
        return made if not isinstance(made, float) else 0.0 * grams[0] + 1.0

    def solve(self, B: Vectors, slope: Vectors, damping: float) -> Vectors:
        """Conjugate gradients for JᴴJ move = slope, with Jacobi's preconditioner."""
        xp, grams = namespace(B[0]), self.grams(B)
        both = conj(self.signs)[:, None] * self.signs[None, :]
        groups = range(len(B))
        once = [both * self.reduced(grams, g) for g in groups]
        twice = {(g, h): both * self.reduced(grams, g, h) for g in groups for h in groups
                 if g != h or self.orders[g] > 1}
        lengths = [xp.sum(b * conj(b), axis=0) for b in B]
        scale = []
        for g in groups:
            weight: Any = self.orders[g]
            for h in groups:
                weight = weight * lengths[h] ** (self.orders[h] - (g == h))
            scale.append(weight)

        def product(X: Vectors) -> Vectors:
            inner = [adjoint(B[h]) @ X[h] for h in groups]
            made = []
            for g in groups:
                shared: Any = 0.0 * once[g]
                for h in groups:
                    if (g, h) in twice:
                        shared = shared + (self.orders[h] - (g == h)) * twice[g, h] * inner[h]
                made.append(self.orders[g] * (X[g] @ once[g].mT + B[g] @ shared.mT)
                            + damping * scale[g] * X[g])
            return made

        return conjugate_gradients(product, slope, [s * (1.0 + damping) for s in scale])


def conjugate_gradients(product: Any, right: Vectors, scale: Vectors) -> Vectors:
    """Solve a positive definite system for a list of arrays, preconditioned by a diagonal."""
    x, r = [0.0 * b for b in right], list(right)
    z = [a / s for a, s in zip(r, scale, strict=True)]
    p, rho = z, _inner(r, z)
    target = 1e-6 * _inner(r, r) ** 0.5
    for _ in range(INNER):
        if _inner(r, r) ** 0.5 <= target or rho <= 0.0:
            break
        q = product(p)
        alpha = rho / _inner(p, q)
        x = [a + alpha * b for a, b in zip(x, p, strict=True)]
        r = [a - alpha * b for a, b in zip(r, q, strict=True)]
        z = [a / s for a, s in zip(r, scale, strict=True)]
        old, rho = rho, _inner(r, z)
        p = [a + (rho / old) * b for a, b in zip(z, p, strict=True)]
    return x


def _inner(X: Vectors, Y: Vectors) -> float:
    xp = namespace(X[0])
    total = 0.0
    for x, y in zip(X, Y, strict=True):
        value = xp.sum(conj(x) * y)
        total += float(xp.real(value)) if arrays.is_complex(value) else float(value)
    return total
