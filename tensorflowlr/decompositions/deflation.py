"""Taking found components out of the subspace, without forming the flattening again."""

from __future__ import annotations

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, conj, namespace
from tensorflowlr.tensors.multisets import powers


def coordinates(basis: Array, X: Array, order: int) -> Array:
    """The powers of the columns of `X` in a basis: Vᴴ x^{⊗n}, shape (r, k)."""
    return adjoint(basis) @ powers(X, order)


def weights(C: Array, left: Array, right: Array) -> Array:
    """λ = 1 / (α_Uᵀ C α_V) of components with coordinates α_V and α_U, shape (k,).

    Parameters
    ----------
    C
        The inverse of the flattening between the bases, shape (r, r).
    left, right
        α_V and α_U, shape (r, k).
    """
    xp = namespace(C)
    return 1.0 / xp.sum(right * (C @ left), axis=0)


def deflate(
    V: Array, U: Array | None, C: Array, left: Array, right: Array | None
) -> tuple[Array, Array | None, Array]:
    """The bases and the inverse without some components.

    The flattening is M = V C⁻¹ Uᵀ (U = V where it is None, for symmetric ones). Without
    Σ λ_i a_i^{⊗m} it has the null vectors Cᵀ α_U from the left and C α_V from the right
    (arXiv 1912.04007, section 3.3): reflections take them to the first coordinates, which go.

    Parameters
    ----------
    V, U, C
        Orthonormal bases (N, r) and (N', r), and the inverse (r, r).
    left, right
        α_V and α_U of k components, shape (r, k); `right` is None where U is.

    Returns
    -------
    V, U, C
        With r - k columns. NumPy's memory of the given ones may be reused.
    """
    # M = V C⁻¹ Uᵀ: rows of C belong to U, columns to V
    from_right = C @ left
    if U is None or right is None:
        C = arrays.rotate_out(arrays.rotate_out(C.mT, from_right).mT, conj(from_right))
        return arrays.rotate_out(V, conj(from_right)), None, C
    from_left = C.mT @ right
    C = arrays.rotate_out(C, conj(from_left))
    C = arrays.rotate_out(C.mT, conj(from_right)).mT
    return arrays.rotate_out(V, conj(from_left)), arrays.rotate_out(U, conj(from_right)), C
