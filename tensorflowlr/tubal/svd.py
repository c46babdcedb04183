"""The t-SVD: full, thin or truncated, by the route that is good enough and cheapest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, adjoint, host, namespace, to_numpy
from tensorflowlr.checks import sequence, shown, whole_number
from tensorflowlr.tensors import construct
from tensorflowlr.truncation import Truncation
from tensorflowlr.tubal import facewise
from tensorflowlr.tubal.facewise import Stacks, checked_executor
from tensorflowlr.tubal.low_rank import TubalSVD, from_faces
from tensorflowlr.tubal.ranks import face_ranks
from tensorflowlr.tubal.tensor import TubalTensor, as_tubal, own_face

ROUTES = ("auto", "svd", "gram", "randomized")
# columns beyond the wanted rank, and passes over the data, of the randomised route
OVERSAMPLING, PASSES = 10, 6
# the randomised route pays where the rank is below this share of the shorter side
SMALL_SHARE = 0.25
# what the randomised singular vectors may miss, relative to the largest singular value
ACCURACY = 1e-6
# from this many faces on one is tried before all
MANY = 8


def t_svd(
    A: Any,
    rule: Truncation | None = None,
    *,
    multirank: Any = None,
    method: str = "auto",
    transform: Any = "fft",
    executor: Any = None,
    rng: Any = 0,
) -> TubalSVD:
    """The t-SVD A = U * S * Vᵀ, thin, truncated by a rule.

    Parameters
    ----------
    A
        Array of shape (m, n, k, …), `TubalTensor` or `TubalSVD`.
    rule
        A `Truncation` keeps what its tolerance asks for of the singular values of all faces
        together (as t-SVD II, the fewest triples kept) and at most `max_rank` of each face:
        ``Truncation(max_rank=r)`` is the best approximation of tubal rank r. `CommonRank`
        keeps one rank for all faces. By default only round-off is dropped.
    multirank
        In place of a rule, the rank of every face kept.
    method
        ``"svd"``, divide and conquer; ``"gram"``, eigenvectors of Gram matrices, which lose
        singular values below √ε of the largest; ``"randomized"``, subspace iteration with an
        error check, for a small `max_rank`; ``"auto"``, the cheapest that is accurate enough
        (10⁻⁶ of the largest singular value for ``"randomized"``).
    transform
        As for `TubalTensor`.
    executor
        Any `concurrent.futures.Executor`, to which faces go with one BLAS thread each.
    rng
        What `numpy.random.default_rng` takes, for ``"randomized"``.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be, naming it.
    RuntimeError
        If ``"randomized"`` is asked for and does not reach its accuracy.

    References
    ----------
    Kilmer, Martin (2011); Kilmer, Horesh, Avron, Newman, PNAS 118 (2021).

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> from tensorflowlr import tubal
    >>> x = np.random.default_rng(0).standard_normal((6, 5, 4))
    >>> tubal.t_svd(x, tlr.Truncation(max_rank=2)).multirank.tolist()
    [2, 2, 2]
    """
    rule = construct.checked_rule(rule)
    if not isinstance(method, str) or method not in ROUTES:
        raise ValueError(f"method must be one of {ROUTES}, not {shown(method)}")
    checked_executor(executor)
    generator = arrays.default_rng(rng)
    if isinstance(A, TubalSVD):
        A = A.to_tubal() if multirank is not None else A
        if multirank is None:
            return A.round(rule)
    a = as_tubal(A, "A", transform)
    limits = None if multirank is None else _checked_multirank(multirank, a)
    if limits is not None:
        rule = Truncation(max_rank=max(*limits, 1))
    made = _factors(a, rule, method, executor, generator)
    if limits is None:
        values = [to_numpy(s) * float(c) for (_, s, _), c in zip(
            made, host.sqrt(a.spectrum.weights), strict=True)]
        round_off = arrays.epsilon(a.faces) * sum(len(v) for v in values) ** 0.5
        limits, _ = face_ranks(values, rule, round_off)
    us, ss, vs = [], [], []
    for (u, s, vh), r in zip(made, limits, strict=True):
        us.append(_columns(u, r))
        vs.append(_columns(vh.mT, r))
        ss.append(namespace(s).astype(s[:r], u.dtype)[:, None] * arrays.eye(r, r, u))
    return from_faces(us, ss, vs, a.spectrum, orthonormal=True)


def _columns(basis: Array, count: int) -> Array:
    """The leading columns, without the memory of the others."""
    return basis if count == basis.shape[1] else arrays.contiguous(basis[:, :count])


def _checked_multirank(multirank: Any, a: TubalTensor) -> list[int]:
    most = min(a.shape[:2])
    try:
        given = sequence(multirank)
    except TypeError:
        raise TypeError(f"multirank must be a sequence, not {shown(multirank)}") from None
    if len(given) != a.spectrum.count:
        raise ValueError(f"multirank must have {a.spectrum.count} entries, one per face kept, "
                         f"not {len(given)}")
    ranks = [whole_number(r, f"multirank[{j}]", 0, most) for j, r in enumerate(given)]
    if not any(ranks):
        raise ValueError("multirank must not be all zero")
    return ranks


def _factors(
    a: TubalTensor, rule: Truncation, method: str, executor: Any, generator: Any
) -> list[Stacks]:
    """U, singular values and Vᴴ of every face, as many columns as the route makes."""
    def by(function: Callable[..., Stacks], *more: Array) -> Stacks:
        return facewise.facewise(function, a.spectrum, a.faces, *more, executor=executor)

    small = rule.max_rank is not None and (
        rule.max_rank + OVERSAMPLING <= SMALL_SHARE * min(a.shape[:2])
    )
    if method == "randomized" or (method == "auto" and small):
        most = min(a.shape[:2])
        rank = min(rule.max_rank or most, most)
        xp, width = namespace(a.faces), min(rank + OVERSAMPLING, most)
        start = xp.astype(arrays.asarray(
            arrays.normal(generator, (1, a.shape[1], width), float), like=a.faces), a.faces.dtype)
        if method == "randomized" or not _in_vain(a, start, rank):
            *made, gaps = by(
                lambda faces, x: randomized(faces, x, rank),
                xp.broadcast_to(start, (a.spectrum.count, *start.shape[1:])),
            )
            if float(xp.max(gaps)) <= ACCURACY:
                return _one_by_one(a, *made)
        if method == "randomized":
            raise RuntimeError(
                f"method 'randomized' missed its accuracy of {ACCURACY:g}: the singular values "
                "of A decay too slowly; use 'svd'"
            )
    if method == "gram" or (method == "auto" and _wide(a, rule)):
        return _one_by_one(a, *by(facewise.gram_svd))
    return facewise.svds(a.spectrum, a.faces, executor)


def _in_vain(a: TubalTensor, start: Array, rank: int) -> bool:
    """Whether the last of many faces already misses the accuracy, as all must reach it."""
    if a.spectrum.count < MANY:
        return False
    gap = randomized(a.faces[-1:, ...], start, rank)[-1]
    return float(namespace(gap).max(gap)) > ACCURACY


def _one_by_one(a: TubalTensor, u: Array, s: Array, vh: Array) -> list[Stacks]:
    """The factors of every face, real where the face is."""
    pairs = ((own_face(x, j, a.spectrum) for x in (u[j, ...], s[j, ...], vh[j, ...]))
             for j in range(a.spectrum.count))
    return [tuple(pair) for pair in pairs]


def _wide(a: TubalTensor, rule: Truncation) -> bool:
    """Whether the tolerance is far above what Gram matrices lose."""
    total = a.norm() if a.spectrum.isometric else 0.0
    lost = arrays.epsilon(a.faces) ** 0.5 * (min(a.shape[:2]) * a.spectrum.count) ** 0.5
    return rule.tolerance(total) > 10.0 * lost * total > 0.0


def randomized(faces: Array, start: Array, rank: int) -> Stacks:
    """Leading singular triples by subspace iteration until their residuals are small.

    Returns
    -------
    U, S, Vᴴ, gap
        The gap is what of A V the leading `rank` columns of U S miss, relative to the largest
        singular value, one number per face (Halko, Martinsson, Tropp, SIAM Rev. 53 (2011)).
    """
    xp = namespace(faces)
    q, before = arrays.qr(faces @ start)[0], 1.0
    for left in reversed(range(PASSES)):
        # small factors are conjugated in the place of the faces
        q = arrays.qr(adjoint(adjoint(q) @ faces))[0]
        q = arrays.qr(faces @ q)[0]
        w, s, vh = arrays.svd(adjoint(q) @ faces)
        u, lead = q @ w, adjoint(vh[:, :rank, :])
        largest = xp.max(s)
        if not float(largest) > 0.0:
            return u, s, vh, s[:, :1]
        rest = faces @ lead - u[:, :, :rank] * xp.astype(s, u.dtype)[:, None, :rank]
        gap = xp.linalg.vector_norm(rest, axis=(-2, -1)) / largest
        now = float(xp.max(gap))
        # the gap shrinks by the same factor in every pass
        if now <= ACCURACY or now * (now / before) ** left > ACCURACY:
            break
        before = now
    return u, s, vh, gap[:, None]
