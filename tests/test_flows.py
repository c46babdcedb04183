"""The flows of one node against scipy.linalg.expm and their own orders."""

import numpy as np
import pytest
from conftest import gaussian
from helpers import halvings, slope
from scipy.linalg import expm

import tensorflowlr as tlr

N = 6


class Affine:
    """X' = c(t) A X + source on vectors shaped (2, 3), in the library of A."""

    def __init__(self, A, source=None, coefficient=None):
        self.A, self.source, self.calls = A, source, 0
        self.coefficient = coefficient or (lambda t: 1.0)

    def apply(self, t, x):
        self.calls += 1
        return self.coefficient(t) * (self.A @ x.reshape((-1,))).reshape(x.shape)

    def linear(self, t):
        return lambda x: self.apply(t, x)

    def __call__(self, t, x):
        value = self.apply(t, x)
        return value if self.source is None else value + self.source


class Square:
    """X' = -X², not linear."""

    def linear(self, t):
        return None

    def __call__(self, t, x):
        return -x * x


def matrix(dtype, kind):
    a = gaussian((N, N), dtype, 3)
    if kind == "skew":
        a = (a - a.conj().T) / 2
        a = a if dtype is float else 1j * (a @ a.conj().T) / 3
    if kind == "negative":
        a = -(a @ a.conj().T)
    return a


def affine_exact(A, source, x, h):
    """expm of the matrix with the source in a last column."""
    big = np.zeros((N + 1, N + 1), dtype=complex)
    big[:N, :N] = A
    if source is not None:
        big[:N, N] = source.reshape(-1)
    return (expm(h * big) @ np.append(x.reshape(-1), 1.0))[:N].reshape(x.shape)


FLOWS = [
    tlr.Exponential(), tlr.Exponential(tol=1e-6), tlr.Krylov(tol=1e-12), tlr.Krylov(tol=1e-7),
    tlr.Krylov(tol=1e-7, max_dimension=4),
]


@pytest.mark.parametrize("flow", FLOWS, ids=str)
@pytest.mark.parametrize("kind", ["general", "skew", "negative"])
@pytest.mark.parametrize("sourced", [False, True])
@pytest.mark.parametrize("h", [0.1, -0.1, 1.0, -0.5])
def test_exponential_flows_reach_their_tolerance(flow, kind, sourced, h, dtype):
    A, x = matrix(dtype, kind), gaussian((2, 3), dtype, 1)
    source = gaussian((2, 3), dtype, 2) if sourced else None
    expected = affine_exact(A, source, x, h)
    made = flow(Affine(A, source), 0.3, 0.3 + h, x)
    # substeps of a growing problem amplify what the earlier ones left
    growth = np.linalg.norm(expm(h * A), 2) * max(np.linalg.norm(expm(-h * A), 2), 1.0)
    scale = max(np.linalg.norm(expected), np.linalg.norm(x), np.linalg.norm(expected - x))
    assert np.linalg.norm(made - expected) <= 50.0 * (flow.tol + 1e-14) * growth * scale
    assert made.dtype == x.dtype


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov()], ids=str)
def test_long_oscillations_keep_their_norm(flow):
    A = matrix(complex, "skew")
    h = 200.0 / np.linalg.norm(A, 2)
    x = gaussian((2, 3), complex, 1)
    local = Affine(A)
    made = flow(local, 0.0, h, x)
    assert np.linalg.norm(made - affine_exact(A, None, x, h)) < 1e-9
    assert abs(np.linalg.norm(made) - np.linalg.norm(x)) < 1e-9
    # one Taylor series of exp(200) would cancel 1e87: only halved steps get here
    assert local.calls > 6


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov()], ids=str)
def test_exponential_flows_on_every_backend(backend, dtype, flow):
    A, x, source = matrix(dtype, "skew"), gaussian((2, 3), dtype, 1), gaussian((2, 3), dtype, 2)

    class Local(Affine):
        def apply(self, t, x):
            flat = backend.array(backend.numpy(x).reshape(-1))
            return backend.array(backend.numpy(self.A @ flat).reshape(2, 3))

    local = Local(backend.array(A), backend.array(source))
    made = backend.numpy(flow(local, 0.0, 0.7, backend.array(x)))
    assert np.linalg.norm(made - affine_exact(A, source, x, 0.7)) < 1e-11


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov(), tlr.RungeKutta4()], ids=str)
def test_zero_states_and_zero_fields(flow):
    zero, x = np.zeros((2, 3)), gaussian((2, 3))
    assert np.array_equal(flow(Affine(matrix(float, "skew")), 0.0, 1.0, zero), zero)
    assert np.array_equal(flow(Affine(np.zeros((N, N))), 0.0, 1.0, x), x)
    pushed = flow(Affine(np.zeros((N, N)), x), 0.0, 0.5, zero)
    assert np.abs(pushed - 0.5 * x).max() < 1e-14


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov()], ids=str)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-9])
def test_a_source_may_dwarf_the_start(flow, size):
    A, source = matrix(complex, "skew"), gaussian((2, 3), complex, 2)
    x = size * gaussian((2, 3), complex, 1)
    made = flow(Affine(A, source), 0.0, 0.5, x)
    assert np.linalg.norm(made - affine_exact(A, source, x, 0.5)) < 1e-11


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov(), tlr.RungeKutta4(16)], ids=str)
def test_single_precision(flow):
    A = matrix(complex, "skew").astype(np.complex64)
    x = gaussian((2, 3), complex, 1).astype(np.complex64)
    made = flow(Affine(A), 0.0, 0.3, x)
    assert made.dtype == np.complex64
    expected = affine_exact(A, None, x, 0.3)
    assert np.linalg.norm(made - expected) < 3e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov(max_dimension=3)], ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_field_that_is_not_finite_ends_the_flow(flow, bad):
    A = matrix(float, "skew")
    A[1, 2] = bad
    with pytest.raises(FloatingPointError, match="NaN or Inf"):
        flow(Affine(A), 0.0, 0.3, gaussian((2, 3)))


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov()], ids=str)
def test_a_time_dependent_coefficient_is_of_second_order(flow):
    A, x = matrix(complex, "skew"), gaussian((2, 3), complex, 1)
    local = Affine(A, coefficient=lambda t: np.cos(2.0 * t))
    expected = affine_exact(A, None, x, (np.sin(2.2) - np.sin(0.2)) / 2.0)
    steps, found = halvings(0.1, 5), []
    for h in steps:
        y = x
        for i in range(round(1.0 / h)):
            y = flow(local, 0.1 + i * h, 0.1 + (i + 1) * h, y)
        found.append(np.linalg.norm(y - expected))
    assert 1.9 < slope(steps, np.array(found)) < 2.1


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_runge_kutta_is_of_order_four(dtype, direction):
    A, x, source = matrix(dtype, "skew"), gaussian((2, 3), dtype, 1), gaussian((2, 3), dtype, 2)
    expected = affine_exact(A, source, x, 0.5 * direction)
    counts = [2, 4, 8, 16, 32]
    found = [
        np.linalg.norm(tlr.RungeKutta4(substeps=n)(
            Affine(A, source), 0.0, 0.5 * direction, x) - expected)
        for n in counts
    ]
    assert 3.8 < slope([1.0 / n for n in counts], np.array(found)) < 4.2
    assert found[-1] < 1e-5


def test_runge_kutta_sees_time_and_nonlinearity():
    class Polynomial(Square):
        def __call__(self, t, x):
            return 4.0 * t**3 + 0.0 * x

    start = np.full((2, 3), 0.5)
    made = tlr.RungeKutta4()(Polynomial(), 1.0, 2.0, start)
    assert np.abs(made - (0.5 + 15.0)).max() < 1e-13
    found = [
        np.abs(tlr.RungeKutta4(n)(Square(), 0.0, 1.0, start) - 1.0 / 3.0).max()
        for n in (4, 8, 16, 32)
    ]
    assert 3.8 < slope([1 / 4, 1 / 8, 1 / 16, 1 / 32], np.array(found)) < 4.2


def test_evaluations_of_each_flow():
    A, x = matrix(complex, "skew"), gaussian((2, 3), complex, 1)
    for flow, most in ((tlr.RungeKutta4(), 4), (tlr.RungeKutta4(3), 12),
                       (tlr.Krylov(), N + 1), (tlr.Exponential(), 20)):
        local = Affine(A)
        flow(local, 0.0, 0.1, x)
        assert 0 < local.calls <= most


@pytest.mark.parametrize("flow", [tlr.Exponential(), tlr.Krylov()], ids=str)
def test_nonlinear_fields_are_refused(flow):
    with pytest.raises(TypeError, match=r"flow: .* linear field .* use RungeKutta4"):
        flow(Square(), 0.0, 1.0, np.ones((2, 3)))
    tree = tlr.Tree.matrix()
    method = tlr.ParallelBUG(tlr.Truncation(), flow=flow)
    for F in (tlr.FactoredField(lambda t, Y: -1.0 * Y), tlr.DenseField(lambda t, y: -y)):
        Y = tlr.TreeTensor.random(tree, (4, 3), 2, rng=0)
        with pytest.raises(TypeError, match="flow"):
            tlr.integrate(F, Y, (0.0, 1.0), step=0.5, method=method)
