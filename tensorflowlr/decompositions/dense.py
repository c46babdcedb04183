"""Tucker tensors of dense arrays."""

from __future__ import annotations

from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import adjoint, eigh, multiply, namespace, norm, unfold
from tensorflowlr.checks import whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.shapes import TuckerTensor
from tensorflowlr.truncation import Truncation


def st_hosvd(x: Any, rule: Truncation | None = None) -> TuckerTensor:
    """The sequentially truncated higher-order SVD of a dense array.

    Parameters
    ----------
    x
        An array of at least one axis.
    rule
        The truncation, ``‖x - Y‖ ≤ max(atol, rtol ‖x‖)`` unless `max_rank` cuts; by default
        only round-off is dropped.

    Raises
    ------
    TypeError, ValueError
        If `x` holds no finite numbers, or `rule` is no `Truncation`.

    References
    ----------
    N. Vannieuwenhoven, R. Vandebril and K. Meerbergen, SIAM J. Sci. Comput. 34 (2012).

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> x = np.add.outer(np.add.outer(np.arange(4.0), np.arange(5.0)), np.arange(6.0))
    >>> tlr.st_hosvd(x, tlr.Truncation(rtol=1e-10)).core.shape
    (2, 2, 2)
    """
    return TuckerTensor.from_dense(x, rule=rule)


def hooi(x: Any, rule: Truncation | None = None, *, sweeps: int = 20) -> TuckerTensor:
    """The Tucker tensor nearest to a dense array at the ranks of its ST-HOSVD.

    Higher-order orthogonal iteration: each factor in turn becomes the leading singular vectors
    of the array projected on all others, until the error stands still.

    Parameters
    ----------
    x, rule
        As for `st_hosvd`, which is the start.
    sweeps
        The most sweeps over all modes.

    Raises
    ------
    TypeError, ValueError
        If `x` holds no finite numbers, `rule` is no `Truncation`, or `sweeps` is no positive
        integer.

    References
    ----------
    L. De Lathauwer, B. De Moor and J. Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000).

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> x = np.random.default_rng(0).standard_normal((5, 5, 5))
    >>> rule = tlr.Truncation(max_rank=2)
    >>> error = [np.linalg.norm(x - f(x, rule).to_dense()) for f in (tlr.st_hosvd, tlr.hooi)]
    >>> bool(error[1] <= error[0])
    True
    """
    sweeps = whole_number(sweeps, "sweeps")
    start = st_hosvd(x, rule)
    dense = construct.checked_array(x, "x")
    factors, core = list(start.factors), start.core
    for _ in range(sweeps):
        before = norm(core)
        for mode in range(dense.ndim):
            projected = dense
            for other, factor in enumerate(factors):
                if other != mode:
                    projected = multiply(projected, adjoint(factor), other)
            columns = unfold(projected, mode)
            _, vectors = eigh(columns.mT @ arrays.conj(columns))
            kept = int(factors[mode].shape[1])
            factors[mode] = namespace(vectors).flip(vectors, axis=1)[:, :kept]
            core = multiply(projected, adjoint(factors[mode]), mode)
        if norm(core) - before <= 1e-12 * before:
            break
    return TuckerTensor.trusted(start.tree, (*factors, core), orthonormal=True)
