"""Generated runs of the integrators, against dense exponentials and SciPy's DOP853."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.integrate
import scipy.linalg
from conftest import dense_terms, orthonormality
from generated_cases import World, close, embed_real

import tensorflowlr as tlr

# the constant of the error bound C (hL)^p, for every method, tree and number of steps
CONSTANT = 4.0


@dataclass
class Setting:
    """A linear equation of unit norm, its start, and how it is run."""

    H: tlr.TreeOperator
    dense: np.ndarray
    start: tlr.TreeTensor
    coefficient: complex
    h: float
    steps: int
    atol: float
    complete: bool
    hermitian: bool

    @property
    def end(self) -> float:
        """The end of the run, before its start where the run goes backwards."""
        return self.h * self.steps


def setting(w: World) -> Setting:
    """A random equation: Schrödinger's, real, or complex without symmetry."""
    hermitian = w.dtype is complex and w.rng.random() < 0.5
    terms = w.terms(hermitian)
    if hermitian:
        terms = [(c, {m: embed_real(f) for m, f in factors.items()}) for c, factors in terms]
    dense = dense_terms(terms, w.shape)
    norm = float(np.linalg.norm(dense, 2))
    unit = 1.0 / norm if norm > 1e-8 else 1.0
    terms, dense = [(c * unit, factors) for c, factors in terms], dense * unit
    # ranks are lowered to what the sizes allow
    rank = w.size if w.rng.random() < 0.3 else int(w.rng.integers(1, 4))
    start = tlr.TreeTensor.random(
        w.tree, w.shape, rank, rng=int(w.rng.integers(2**32)), dtype=w.dtype
    )
    complete = all(
        rank == np.prod([w.shape[m] for m in w.tree.leaves_below[node]])
        for node, rank in start.ranks.items()
    )
    coefficient = -1j if hermitian else (1.0 if w.dtype is float else w.pick(1.0, 0.6 - 0.8j))
    h = w.power(-2.5, -0.5) * w.pick(1, 1, -1)
    return Setting(
        tlr.TreeOperator.from_terms(terms, w.tree, w.shape), dense, start, coefficient, h,
        int(w.rng.integers(1, 5)), w.power(-11, -4), complete, hermitian,
    )


def method_of(w: World, atol: float, linear: bool) -> Any:
    """Any method at any order, with a flow that suits the field."""
    flows = [tlr.RungeKutta4(), tlr.RungeKutta4(2)]
    if linear:
        flows += [tlr.Exponential(), tlr.Exponential(1e-9), tlr.Krylov(), tlr.Krylov(1e-9)]
    options: dict[str, Any] = {"flow": w.pick(*flows), "order": w.pick(1, 2)}
    if options["order"] == 2 and w.rng.random() < 0.2:
        options["enrich"] = "tangent"
    kind = w.pick(tlr.ParallelBUG, tlr.AugmentedBUG)
    if kind is tlr.ParallelBUG and w.rng.random() < 0.25:
        options["reject"] = 10.0
    return kind(tlr.Truncation(atol=atol), **options)


def field_of(w: World, s: Setting) -> tuple[Any, bool]:
    """The right-hand side in one of the ways to give it, and whether it is known to be linear."""
    c, matrix = s.coefficient, w.backend.array((s.coefficient * s.dense).astype(s.start.dtype)
                                               if w.dtype is complex else s.dense.real)
    way = w.rng.integers(5)
    if way == 0:
        return tlr.FactoredField(lambda t, Y: c * (s.H @ Y)), False
    if way == 1:
        def function(t: float, y: Any) -> Any:
            return (matrix @ y.reshape((-1,))).reshape(y.shape) if hasattr(y, "reshape") else (
                flat(matrix, y))

        def flat(a: Any, y: Any) -> Any:
            xp = y.__array_namespace__()
            return xp.reshape(a @ xp.reshape(y, (-1,)), y.shape)

        return tlr.DenseField(function), False
    if way == 2 and c == 1.0:
        return s.H, True
    return tlr.LinearField(s.H, coefficient=c), True


def check(w: World, s: Setting, method: Any, F: Any, exact: np.ndarray, tight: bool) -> None:
    """Run, and hold the result against the exact end."""
    sol = tlr.integrate(F, w.backend.tensor(s.start), (0.0, s.end), step=abs(s.h), method=method)
    found = w.backend.dense(sol.final)
    assert sol.success and sol.stats["steps"] == s.steps
    assert orthonormality(sol.final, w.backend) <= 1e-13
    flow = method.flow
    # one step of the flow: exact up to its tolerance, or a Taylor polynomial of degree four
    local = (abs(s.h) / flow.substeps) ** 5 if isinstance(flow, tlr.RungeKutta4) else flow.tol
    growth = np.exp(abs(s.end))
    bound = s.steps * growth * (method.rule.atol + 2.0 * local) + 1e-11
    if not (s.complete and tight):
        order = method.order if method.enrich == "range" else 1
        bound += CONSTANT * growth * abs(s.h) ** order * max(1.0, abs(s.end))
    close(found, exact.reshape(w.shape), bound)
    if s.hermitian and isinstance(method, tlr.AugmentedBUG) and tight:
        drift = s.steps * (2.0 * method.rule.atol + 4.0 * local) + 1e-11
        assert abs(sol.final.norm() - 1.0) <= drift
        energy = s.H.expectation(sol.final) - s.H.expectation(w.backend.tensor(s.start))
        assert abs(energy) <= 2.0 * drift


def runs(w: World) -> None:
    """One to four steps of Y' = c H Y against the dense exponential."""
    s = setting(w)
    F, linear = field_of(w, s)
    method = method_of(w, s.atol, linear)
    exact = scipy.linalg.expm(s.end * s.coefficient * s.dense) @ s.start.to_dense().reshape(-1)
    check(w, s, method, F, exact, tight=True)


def moving_runs(w: World) -> None:
    """Y' = c(t) H Y + (1 + t) Z against SciPy's DOP853."""
    s = setting(w)
    s.hermitian = False
    Z = 0.5 * tlr.TreeTensor.random(w.tree, w.shape, int(w.rng.integers(1, 3)),
                                    rng=int(w.rng.integers(2**32)), dtype=w.dtype)
    z, placed = Z.to_dense().reshape(-1), w.backend.tensor(Z)

    def coefficient(t: float) -> complex:
        return s.coefficient * (0.6 + 0.4 * float(np.cos(t)))

    source = w.pick(None, lambda t: (1.0 + t) * placed)
    share = 0.0 if source is None else 1.0
    F = tlr.LinearField(s.H, coefficient=coefficient, source=source)
    y0 = s.start.to_dense().reshape(-1)
    dense = s.dense if w.dtype is complex else s.dense.real
    end = scipy.integrate.solve_ivp(
        lambda t, y: coefficient(t) * (dense @ y) + share * (1.0 + t) * z, (0.0, s.end), y0,
        method="DOP853", rtol=1e-11, atol=1e-13,
    ).y[:, -1]
    check(w, s, method_of(w, s.atol, True), F, end, tight=False)


def files(w: World) -> None:
    """A run kept in a file: the same when read, and the same when it goes on from there."""
    s = setting(w)
    method = method_of(w, s.atol, True)
    F = tlr.LinearField(s.H, coefficient=s.coefficient)
    start, later = w.backend.tensor(s.start), 1.5 * s.end
    options: dict[str, Any] = {"step": abs(s.h), "method": method,
                               "observe": {"norm": tlr.observers.Norm()}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.h5")
        kept = tlr.integrate(F, start, (0.0, s.end), checkpoint=path, **options)
        read = tlr.Solution.load(path)
        for one, two in zip(kept.final.cores, read.final.cores, strict=True):
            assert np.array_equal(w.backend.numpy(one), two)
        assert np.array_equal(kept.observables["norm"], read.observables["norm"])
        on = tlr.resume(path, t1=later, like=None if w.backend.name == "numpy" else start)
    whole = tlr.integrate(F, start, (0.0, later), save_at=[s.end, later], **options)
    assert np.array_equal(on.times, whole.times)
    for one, two in zip(on.final.cores, whole.final.cores, strict=True):
        assert np.array_equal(w.backend.numpy(one), w.backend.numpy(two))
