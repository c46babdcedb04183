"""The subspace power method for symmetric tensors."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, epsilon, host, namespace, to_numpy
from tensorflowlr.checks import checked_flag, real_number, whole_number
from tensorflowlr.decompositions.diagnostics import DecompositionWarning, Diagnostics
from tensorflowlr.decompositions.extraction import Subspace, extract
from tensorflowlr.decompositions.fit import Fit, fitted
from tensorflowlr.decompositions.flattening import Flattening
from tensorflowlr.decompositions.refinement import refined
from tensorflowlr.decompositions.search import find_components
from tensorflowlr.decompositions.sources import flattened
from tensorflowlr.tensors.multisets import identifiable_rank
from tensorflowlr.tensors.symmetric import SymmetricCP

# searches before what was found is returned as it is, and starts of a doubtful one
SEARCHES, FEW = 3, 20
# relative residuals of decompositions of exact tensors, and those that are worth a warning, as
# powers of the precision: 1e-11 and 1e-8 of double precision, 1e-5 and 3e-4 of single
GOOD, BAD = 0.7, 0.5


def subspace_power_method(
    T: Any, rank: int | None = None, *, tol: float | None = None, refine: bool | None = None,
    iterations: int = 5000, rng: Any = None, progress: bool = False,
) -> SymmetricCP:
    """Decompose a symmetric tensor, T ≈ Σ w_i a_i^{⊗m}, by the subspace power method.

    The range of the flattened tensor holds the powers a_i^{⊗n}, n = ceil(m/2), and in general
    no others: they are the maxima of f(x) = ‖Vᵀ x^{⊗n}‖² on the sphere. Power steps find them
    one after another, and each is taken out by reflections. Costs are those of a few products
    with the flattening, and O(r² C(d + n - 1, n)) per round of power steps.

    Parameters
    ----------
    T
        A symmetric array of order m ≥ 3, real or complex, shape (d, …, d); or a
        `MomentTensor` or `CumulantTensor`, of which no d^m entries are formed.
    rank
        The number of terms; by default the spectrum of the flattening tells: all that is not
        round-off in exact tensors, what is above the gap in noisy ones.
    tol
        The relative noise level to assume: singular values of the flattening below
        ``tol * ‖T‖`` are noise. By default it is estimated from the spectrum.
    refine
        Whether all components are refined together at the end, by Gauss–Newton steps to the
        least-squares fit; by default where there is noise.
    iterations
        The most power steps from one start.
    rng
        What `numpy.random.default_rng` takes, for the starts.
    progress
        Whether to show a progress bar.

    Returns
    -------
    SymmetricCP
        Unit vectors, weights of either sign for real tensors of even order and positive ones
        else, largest first. Its `diagnostics` hold the spectrum and where it was cut, steps,
        restarts, the residual and times.

    Raises
    ------
    TypeError, ValueError
        If `T` is not symmetric, not finite, zero, of order below 3, or its rank is beyond
        what the method can find, C(d + n - 1, n) - d in general and d for m = 3.

    Warns
    -----
    DecompositionWarning
        If `T` had to be symmetrised, the rank is not clear, the decomposition is not unique,
        or the components found do not make up the tensor.

    References
    ----------
    J. Kileel and J. M. Pereira, *Subspace power method for symmetric tensor decomposition*,
    arXiv 1912.04007.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> T = tlr.SymmetricCP.random(6, 10, 4, rng=0)
    >>> cp = tlr.subspace_power_method(T.to_dense(), rng=0)
    >>> cp.rank, (cp - T).norm() < 1e-12 * T.norm()
    (10, True)
    """
    rank = None if rank is None else whole_number(rank, "rank")
    if tol is not None:
        tol = real_number(tol, "tol", "below 1 and not negative", lambda t: 0.0 <= t < 1.0)
    iterations = whole_number(iterations, "iterations")
    refine = None if refine is None else checked_flag(refine, "refine")
    checked_flag(progress, "progress")
    generator = arrays.default_rng(rng)
    order, size, flat = flattened(T)
    limit = identifiable_rank(size, order)
    if rank is not None and rank > limit:
        raise ValueError(f"rank must be at most {limit} for a tensor of order {order} and size "
                         f"{size}, not {rank}: the method finds no more terms")
    clock = time.process_time()
    space = extract(flat, rank=rank, tol=tol, limit=limit, rng=generator)
    extraction = time.process_time() - clock
    with bar_of(progress, space.rank) as report:
        fit = best_fit(flat, space, order, size, generator, iterations, report)
    seconds = {"extraction": extraction, **fit.found.seconds}
    clock = time.process_time()
    steps = 0
    if refine or (refine is None and not fit.space.exact):
        fit, steps = refined(flat, fit, order)
    weights, factors = _ordered(fit.weights, fit.factors, order)
    seconds["finish"] = fit.seconds + time.process_time() - clock
    messages = tuple(messages_of(fit, order, limit, flat.unit))
    for message in messages:
        warnings.warn(message, DecompositionWarning, stacklevel=2)
    found = fit.found
    diagnostics = Diagnostics(
        fit.space.spectrum * flat.unit, fit.space.rank, limit, fit.space.noise, fit.space.exact,
        fit.residual, host.asarray(found.objectives), host.asarray(found.iterations),
        found.restarts, steps, fit.unique, seconds, messages,
    )
    return SymmetricCP(weights * flat.unit, factors, order, diagnostics)


def best_fit(
    M: Flattening, space: Subspace, order: int, size: int, rng: Any, iterations: int,
    report: Callable[[int], None] | None,
) -> Fit:
    """Components whose residual is what noise explains, or the best of a few searches."""
    good = epsilon(space.left) ** GOOD
    if space.wider is not None:
        found = find_components(space.wider, order, size, rng=rng, limit=iterations,
                                patience=FEW, quick=True)
        wide = fitted(M, space.wider, found, order)
        if wide.residual <= max(good, 1e-3 * space.noise):
            return wide
    best: Fit | None = None
    for attempt in range(SEARCHES):
        found = find_components(space, order, size, rng=rng, limit=iterations, report=report,
                                quick=space.exact and not attempt)
        made = fitted(M, space, found, order)
        if best is None or made.residual < best.residual:
            best = made
        if best.residual <= max(good, 3.0 * space.noise) or not best.unique:
            break
        if not space.exact and not found.missed:
            break
    assert best is not None
    return best


def _ordered(weights: Array, factors: Array, order: int) -> tuple[Array, Array]:
    """The largest weights first; signs and phases of weights in the vectors where they can be."""
    xp = namespace(factors)
    if arrays.is_complex(factors):
        sizes = xp.abs(weights)
        phases = xp.exp(1j * (xp.atan2(xp.imag(weights), xp.real(weights)) / order))
        factors, weights = factors * phases, xp.astype(sizes, weights.dtype)
    elif order % 2:
        factors, weights = factors * xp.sign(weights), xp.abs(weights)
    first = arrays.integers(
        host.argsort(-host.abs(to_numpy(weights)), kind="stable"), factors)
    return arrays.take(weights, first), arrays.take(factors, first, 1)


def messages_of(fit: Any, order: int, limit: int, unit: float) -> Iterator[str]:
    """What the user must know."""
    space = fit.space
    if not fit.unique:
        yield ("the decomposition is not unique: some components belong to a continuum of "
               "vectors whose powers lie in the range of the flattening")
    if not space.exact and not space.clear:
        yield (f"the rank {space.rank} is not clear: the singular values around it are "
               f"{unit * space.spectrum[space.rank - 1]:.2e} and "
               f"{unit * space.spectrum[space.rank]:.2e}")
    if fit.residual > max(epsilon(space.left) ** BAD, 3.0 * space.noise):
        reason = f"; its rank may be beyond the {limit} that the method finds for order {order}"
        yield (f"the {space.rank} components found leave a relative residual of "
               f"{fit.residual:.1e}" + (reason if space.rank >= 0.95 * limit else ""))


@contextmanager
def bar_of(wanted: bool, total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over components, or nothing."""
    if not wanted:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="component") as bar:
        yield bar.update
