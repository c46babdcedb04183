"""Completion and robust principal components by the tubal nuclear norm."""

from __future__ import annotations

from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, namespace
from tensorflowlr.checks import positive, real_number, shown, whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.tubal import facewise
from tensorflowlr.tubal.tensor import TubalTensor

# the penalty starts here, in units of the inverse spectral norm, and grows by this
PENALTY, GROWTH, LARGEST = 1.25, 1.1, 1e7


def _shrunk(x: Array, threshold: float, transform: Any) -> Array:
    """The minimiser of threshold · ‖Z‖_* + ½ ‖Z - x‖² (Lu et al., 2020)."""
    a = TubalTensor(x, transform=transform)

    def shrink(faces: Array) -> tuple[Array]:
        u, s, vh = arrays.svd(faces)
        xp = namespace(s)
        s = xp.where(s > threshold, s - threshold, xp.zeros_like(s))
        return ((u * xp.astype(s, u.dtype)[:, None, :]) @ vh,)

    (made,) = facewise.facewise(shrink, a.spectrum, a.faces)
    return TubalTensor.trusted(made, a.spectrum).to_dense()


def t_completion(
    x: Array, known: Array, *, tol: float = 1e-4, iterations: int = 200, transform: Any = "fft"
) -> Array:
    """The tensor of least tubal nuclear norm with the known entries, by ADMM.

    Parameters
    ----------
    x
        Array of shape (m, n, k, …); what it holds at unknown entries does not matter.
    known
        Booleans of the same shape.
    tol, iterations
        Stop when the constraint is met to `tol`, relative to x, or after so many steps.
    transform
        As for `TubalTensor`.

    Examples
    --------
    >>> import numpy as np
    >>> from tensorflowlr import tubal
    >>> x = np.ones((8, 8, 3))
    >>> known = np.random.default_rng(0).random(x.shape) < 0.6
    >>> bool(np.abs(tubal.t_completion(x, known) - x).max() < 0.01)
    True
    """
    x = construct.checked_array(x, "x")
    tol = real_number(tol, "tol", "a positive finite number", positive)
    count = whole_number(iterations, "iterations")
    if "bool" not in str(getattr(known, "dtype", "")):
        raise TypeError(f"known must be an array of booleans, not {shown(known)}")
    if tuple(known.shape) != tuple(x.shape):
        raise ValueError(f"known must have shape {tuple(x.shape)}, not {tuple(known.shape)}")
    xp = namespace(x)
    x = xp.where(known, x, xp.zeros_like(x))
    size = arrays.norm(x) or 1.0
    rho = PENALTY / (TubalTensor(x, transform=transform).spectral_norm() or 1.0)
    made, dual = x, xp.zeros_like(x)
    for _ in range(count):
        low = _shrunk(made - dual / rho, 1.0 / rho, transform)
        made = xp.where(known, x, low + dual / rho)
        gap = low - made
        dual = dual + rho * gap
        if arrays.norm(gap) <= tol * size:
            break
        rho = min(rho * GROWTH, LARGEST)
    return made


def t_robust_pca(
    x: Array, *, weight: float | None = None, tol: float = 1e-4, iterations: int = 200,
    transform: Any = "fft",
) -> tuple[Array, Array]:
    """Low tubal rank plus sparse: x = L + E with least ‖L‖_* + weight · ‖E‖_1, by ADMM.

    Parameters
    ----------
    x
        Array of shape (m, n, k, …).
    weight
        By default 1 / √(max(m, n) c) (Lu et al., 2020), where the transform M has M Mᴴ = c I:
        the number of tubal entries for ``"fft"``, one for ``"dct"`` and ``"haar"``.
    tol, iterations, transform
        As for `t_completion`.

    Returns
    -------
    L, E : arrays
    """
    x = construct.checked_array(x, "x")
    tol = real_number(tol, "tol", "a positive finite number", positive)
    count = whole_number(iterations, "iterations")
    a = TubalTensor(x, transform=transform)
    if weight is None:
        weight = (max(a.shape[:2]) * (a.spectrum.scale or 1.0)) ** -0.5
    weight = real_number(weight, "weight", "a positive finite number", positive)
    xp, size = namespace(x), arrays.norm(x) or 1.0
    rho = PENALTY / (a.spectral_norm() or 1.0)
    sparse, dual = xp.zeros_like(x), xp.zeros_like(x)
    low = sparse
    for _ in range(count):
        low = _shrunk(x - sparse + dual / rho, 1.0 / rho, transform)
        rest = x - low + dual / rho
        length = xp.abs(rest)
        cut = xp.where(length > weight / rho, 1.0 - weight / rho / xp.where(
            length > 0.0, length, xp.ones_like(length)), xp.zeros_like(length))
        sparse = rest * cut
        gap = x - low - sparse
        dual = dual + rho * gap
        if arrays.norm(gap) <= tol * size:
            break
        rho = min(rho * GROWTH, LARGEST)
    return low, sparse
