"""Every argument of integrate, steps, methods, flows and fields: what is refused, and how."""

import math
import re

import numpy as np
import pytest
from conftest import BACKENDS, gaussian

import tensorflowlr as tlr


def label(value):
    """A test id without addresses, equal in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))[:30]


TREE, SHAPE = tlr.Tree(((0, 1), 2)), (3, 4, 3)
OTHER = tlr.Tree((0, (1, 2)))
RULE = tlr.Truncation(atol=1e-8)
Y0 = tlr.TreeTensor.random(TREE, SHAPE, 2, rng=0)
H = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], TREE, SHAPE)
ELSEWHERE = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], OTHER, SHAPE)
SMALLER = tlr.TreeOperator.from_terms([(1.0, {0: gaussian((3, 3))})], TREE, (3, 3, 3))
METHOD = tlr.AugmentedBUG(RULE)


def broken(bad):
    cores = [np.array(c) for c in Y0.cores]
    cores[0][0, 0] = bad
    return tlr.TreeTensor.trusted(TREE, cores)


def factored(value):
    return tlr.FactoredField(lambda t, Y: value)


def dense(value):
    return tlr.DenseField(lambda t, y: value)


def sourced(value):
    return tlr.LinearField(H, source=value)


ARGUMENTS = [
    ("step", 0.0, ValueError), ("step", -0.1, ValueError), ("step", math.nan, ValueError),
    ("step", math.inf, ValueError), ("step", "0.1", TypeError), ("step", None, TypeError),
    ("step", True, TypeError), ("step", 0.1j, TypeError), ("step", [0.1], TypeError),
    ("span", (1.0, 1.0), ValueError), ("span", (0.0, math.nan), ValueError),
    ("span", (0.0, math.inf), ValueError), ("span", 1.0, ValueError), ("span", None, ValueError),
    ("span", (0.0, 1.0, 2.0), ValueError), ("span", (0.0,), ValueError),
    ("span", ("a", "b"), ValueError), ("span", (0.0, 1j), ValueError),
    ("method", "ParallelBUG", TypeError), ("method", None, TypeError),
    ("method", tlr.ParallelBUG, TypeError), ("method", RULE, TypeError),
    ("Y0", np.ones(SHAPE), TypeError), ("Y0", None, TypeError), ("Y0", H, TypeError),
    ("Y0", broken(math.nan), ValueError), ("Y0", broken(math.inf), ValueError),
    ("F", None, TypeError), ("F", np.ones((3, 3)), TypeError), ("F", lambda t, Y: Y, TypeError),
    ("F", tlr.LinearField, TypeError), ("F", Y0, TypeError),
]


@pytest.mark.parametrize("name, value, error", ARGUMENTS, ids=label)
def test_arguments_of_integrate_and_steps(name, value, error):
    given = {"F": H, "Y0": Y0, "span": (0.0, 1.0), "step": 0.1, "method": METHOD, name: value}
    for function in (tlr.integrate, tlr.steps):
        with pytest.raises(error, match=rf"^{name} must be") as caught:
            function(**given)
        assert type(value).__name__ in str(caught.value) or repr(value)[:20] in str(
            caught.value) or "NaN or Inf" in str(caught.value)


@pytest.mark.parametrize("value, error", [
    ([2.0], ValueError), ([-0.1], ValueError), ([0.5, math.nan], ValueError),
    ([math.inf], ValueError), (0.5, TypeError), (["a"], TypeError), ([1j], TypeError),
], ids=label)
def test_save_at_and_land_on(value, error):
    with pytest.raises(error, match="^save_at must"):
        tlr.integrate(H, Y0, (0.0, 1.0), step=0.1, method=METHOD, save_at=value)
    with pytest.raises(error, match="^save_at must"):
        tlr.integrate(H, Y0, (1.0, 0.0), step=0.1, method=METHOD, save_at=value)
    with pytest.raises(error, match="^land_on must"):
        tlr.steps(H, Y0, (0.0, 1.0), step=0.1, method=METHOD, land_on=value)


@pytest.mark.parametrize("value, message", [
    ({"norm": 1.0}, r"observe\['norm'\] must be callable, not 1.0"),
    ({"norm": "norm"}, r"observe\['norm'\] must be callable"),
    ([lambda t, Y: t], "observe must map names to functions"),
    (lambda t, Y: t, "observe must map names to functions"),
    ({"x": lambda t, Y: None}, r"observe\['x'\] must return numbers, not"),
    ({"x": lambda t, Y: "high"}, r"observe\['x'\] must return numbers, not"),
    ({"x": lambda t, Y: Y}, r"observe\['x'\] must return numbers, not"),
], ids=label)
def test_observers(value, message):
    with pytest.raises(TypeError, match=message):
        tlr.integrate(H, Y0, (0.0, 1.0), step=0.1, method=METHOD, observe=value)


def test_observers_of_changing_shape():
    message = r"t = 0.1: observe\['x'\] must return one shape, not \(1,\) and"
    with pytest.raises(tlr.IntegrationError, match=message):
        tlr.integrate(H, Y0, (0.0, 1.0), step=0.1, method=METHOD,
                      observe={"x": lambda t, Y: np.zeros(1 + round(10 * t))})


def test_what_an_observer_raises_comes_through():
    class Odd(Exception):
        pass

    def observer(t, Y):
        raise Odd

    with pytest.raises(Odd):
        tlr.integrate(H, Y0, (0.0, 1.0), step=0.1, method=METHOD, observe={"x": observer})


SETTINGS = [
    ("order", 0, ValueError), ("order", 3, ValueError), ("order", "1", ValueError),
    ("order", 1.0, ValueError), ("order", True, ValueError), ("order", None, ValueError),
    ("enrich", "full", ValueError), ("enrich", None, ValueError), ("enrich", 1, ValueError),
    ("flow", None, TypeError), ("flow", "rk4", TypeError), ("flow", tlr.Krylov, TypeError),
    ("flow", 4, TypeError), ("rule", 1e-8, TypeError), ("rule", None, TypeError),
    ("rule", {"atol": 1e-8}, TypeError), ("rule", tlr.Truncation, TypeError),
]


@pytest.mark.parametrize("name, value, error", SETTINGS, ids=label)
@pytest.mark.parametrize("kind", [tlr.ParallelBUG, tlr.AugmentedBUG])
def test_settings_of_methods(kind, name, value, error):
    with pytest.raises(error, match=f"^{name} must be"):
        kind(**{"rule": RULE, name: value})


@pytest.mark.parametrize("value, error", [
    (0.0, ValueError), (-10.0, ValueError), (math.nan, ValueError), (math.inf, ValueError),
    ("10", TypeError), (True, TypeError), ([10.0], TypeError), (10j, TypeError),
], ids=label)
def test_the_constant_of_the_rejection(value, error):
    with pytest.raises(error, match="^reject must be None or"):
        tlr.ParallelBUG(RULE, reject=value)


def test_settings_are_keywords_and_frozen():
    with pytest.raises(TypeError):
        tlr.ParallelBUG(RULE, 2)
    with pytest.raises(TypeError):
        tlr.AugmentedBUG(RULE, reject=10.0)
    with pytest.raises(AttributeError):
        METHOD.order = 2


@pytest.mark.parametrize("flow, name, value, error", [
    (tlr.RungeKutta4, "substeps", 0, ValueError), (tlr.RungeKutta4, "substeps", -1, ValueError),
    (tlr.RungeKutta4, "substeps", 1.5, TypeError), (tlr.RungeKutta4, "substeps", True, TypeError),
    (tlr.RungeKutta4, "substeps", "2", TypeError), (tlr.RungeKutta4, "substeps", None, TypeError),
    (tlr.Krylov, "tol", 0.0, ValueError), (tlr.Krylov, "tol", -1e-8, ValueError),
    (tlr.Krylov, "tol", 1.0, ValueError), (tlr.Krylov, "tol", math.nan, ValueError),
    (tlr.Krylov, "tol", "1e-8", TypeError), (tlr.Krylov, "tol", None, TypeError),
    (tlr.Krylov, "max_dimension", 1, ValueError), (tlr.Krylov, "max_dimension", 2.5, TypeError),
    (tlr.Krylov, "max_dimension", "9", TypeError), (tlr.Krylov, "max_dimension", True, TypeError),
    (tlr.Exponential, "tol", 0.0, ValueError), (tlr.Exponential, "tol", 2.0, ValueError),
    (tlr.Exponential, "tol", math.nan, ValueError), (tlr.Exponential, "tol", 1j, TypeError),
], ids=label)
def test_settings_of_flows(flow, name, value, error):
    with pytest.raises(error, match=f"^{name} must"):
        flow(**{name: value})


@pytest.mark.parametrize("arguments, error, message", [
    ((None,), TypeError, "operator must be a TreeOperator"),
    (([],), TypeError, "operator must be a TreeOperator"),
    (([H, Y0],), TypeError, "operator must be a TreeOperator"),
    ((np.eye(36),), TypeError, "operator must be a TreeOperator"),
    (([H, ELSEWHERE],), ValueError, "operator: all operators must share one tree and shape"),
    (([H, SMALLER],), ValueError, "operator: all operators must share one tree and shape"),
    (([H, H], [1.0]), ValueError, "coefficient: 2 operators need as many"),
    ((H, [1.0]), ValueError, "coefficient"),
    ((H, math.nan), ValueError, "coefficient must be finite"),
    ((H, math.inf), ValueError, "coefficient must be finite"),
    ((H, complex(0, math.nan)), ValueError, "coefficient must be finite"),
    ((H, "1"), TypeError, "coefficient must be a number"),
    ((H, None), TypeError, "coefficient must be a number"),
    ((H, True), TypeError, "coefficient must be a number"),
], ids=label)
def test_linear_fields(arguments, error, message):
    with pytest.raises(error, match=message):
        tlr.LinearField(*arguments)


@pytest.mark.parametrize("kind", [tlr.FactoredField, tlr.DenseField])
@pytest.mark.parametrize("value", [None, 1.0, Y0, "f"], ids=lambda v: type(v).__name__)
def test_callable_fields(kind, value):
    with pytest.raises(TypeError, match="^function must be callable"):
        kind(value)


ODD = tlr.TreeTensor.random(TREE, (3, 4, 4), 2, rng=0)
MOVED = tlr.TreeTensor.random(OTHER, SHAPE, 2, rng=0)
RESULTS = [
    (factored(None), TypeError, "function must return a TreeTensor, not NoneType"),
    (factored(np.ones(SHAPE)), TypeError, "function must return a TreeTensor, not ndarray"),
    (factored(ODD), ValueError, r"function must return shape \(3, 4, 3\)"),
    (factored(MOVED), ValueError, r"function must return shape .* not \(3, 4, 3\) on Tree\(\(0,"),
    (dense(None), ValueError, r"function must return an array of shape \(3, 4, 3\), not NoneType"),
    (dense(np.ones((3, 4))), ValueError, r"must return an array of shape .* not \(3, 4\)"),
    (dense(Y0), ValueError, "function must return an array of shape"),
    (dense(1.0), ValueError, "function must return an array of shape .* not float"),
    (ELSEWHERE, ValueError, r"the operator lives on Tree\(\(0, .* the tensor on Tree\(\(\(0"),
    (SMALLER, ValueError, r"the operator has shape \(3, 3, 3\), the tensor \(3, 4, 3\)"),
    (sourced(ODD), ValueError, r"source must have shape \(3, 4, 3\)"),
    (sourced(MOVED), ValueError, "source must have shape"),
    (sourced(np.ones((3, 4, 4))), ValueError, "source must have shape"),
    (sourced(np.ones((3, 4))), ValueError, "source"),
    (sourced("none"), TypeError, "source must"),
    (sourced(lambda t: None), ValueError, "source must have shape"),
    (sourced(np.full(SHAPE, math.nan)), ValueError, "source must be finite"),
    (sourced(lambda t: ODD), ValueError, "source must have shape"),
    (tlr.LinearField(H, coefficient=lambda t: "1"), TypeError, "coefficient must be a number"),
    (tlr.LinearField(H, coefficient=lambda t: None), TypeError, "coefficient must be a number"),
    (tlr.LinearField(H, coefficient=lambda t: np.ones(2)), TypeError, "coefficient must be a num"),
    (tlr.LinearField(H, coefficient=lambda t: math.nan), ValueError, "coefficient must be finite"),
]


@pytest.mark.parametrize("F, error, message", RESULTS, ids=[m[:45] for *_, m in RESULTS])
def test_what_fields_return(F, error, message):
    for function in (tlr.integrate, tlr.steps):
        with pytest.raises(error, match=message):
            function(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)


def test_a_dense_field_of_nan_fails_at_the_start():
    F = dense(np.full(SHAPE, math.nan))
    with pytest.raises(tlr.IntegrationError, match=r"F at the start t = 0: .* NaN or Inf") as hit:
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    assert hit.value.state is Y0 and hit.value.time == 0.0


def test_fields_that_change_their_mind():
    later = tlr.FactoredField(lambda t, Y: Y if t < 0.5 else ODD)
    with pytest.raises(tlr.IntegrationError, match="function must return shape") as hit:
        tlr.integrate(later, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    assert isinstance(hit.value.__cause__, ValueError)
    assert hit.value.solution.times[-1] == hit.value.time == 0.4
    moved = tlr.LinearField(H, source=lambda t: Y0 if t < 0.5 else MOVED)
    with pytest.raises(tlr.IntegrationError, match="source must have shape"):
        tlr.integrate(moved, Y0, (0.0, 1.0), step=0.1, method=METHOD)


@pytest.mark.parametrize("F", [
    tlr.FactoredField(lambda t, Y: Y if t < 0.5 else 1j * Y),
    tlr.DenseField(lambda t, y: y if t < 0.5 else 1j * y),
    tlr.LinearField(H, coefficient=lambda t: 1.0 if t < 0.5 else 1j),
    tlr.LinearField(H, source=lambda t: Y0 if t < 0.5 else 1j * Y0),
], ids=["factored", "dense", "coefficient", "source"])
def test_fields_that_turn_complex_on_the_way(F):
    # a run is real or complex from its start: imaginary parts are never dropped silently
    with pytest.raises(tlr.IntegrationError, match="complex"):
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    sol = tlr.integrate(F, Y0.astype(complex), (0.0, 1.0), step=0.1, method=METHOD)
    assert sol.success


@pytest.mark.parametrize("backend", BACKENDS[1:], ids=repr)
def test_mixed_libraries_are_refused(backend):
    F = tlr.LinearField(H, source=backend.tensor(Y0))
    with pytest.raises(TypeError, match=r"different (libraries|devices)"):
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
    F = tlr.FactoredField(lambda t, Y: backend.tensor(Y0))
    with pytest.raises(TypeError, match=r"different (libraries|devices)"):
        tlr.integrate(F, Y0, (0.0, 1.0), step=0.1, method=METHOD)
