"""Planned contractions against numpy.einsum, batches included."""

import numpy as np
import pytest
from conftest import gaussian
from hypothesis import given
from hypothesis import strategies as st

from tensorflowlr import contraction

EQUATIONS = [
    "ab->ab",
    "ab->ba",
    "abc->cab",
    "a,a->a",
    "a,a->",
    "a,b->ab",
    "a,b->ba",
    "ab,bc->ac",
    "ab,bc->ca",
    "ab,cb->ac",
    "ba,bc->ac",
    "ba,cb->ca",
    "ab,ab->",
    "ab,ba->",
    "ab,ab->ab",
    "ab,ab->ba",
    "ab,ba->ab",
    "ab,b->a",
    "ab,b->ab",
    "ab,c->cab",
    "nab,nbc->nac",
    "nab,nbc->acn",
    "nab,bc->nca",
    "nab,nab->n",
    "nab,ncd->nabcd",
    "nmab,nmbc->nmac",
    "nmab,mnbc->cmna",
    "nab,n->ab",
    "nab,n->nba",
    "abc,cde,ef->abdf",
    "abc,ad,be,cf->def",
    "abc,ad,be,cf->fed",
    "ab,cd,ef->abcdef",
    "ab,bc,cd,da->",
    "nab,nbc,ncd->nda",
    "nab,bc,ncd->dan",
    "ab,,b->a",
    "abcd,ax,by,cz->xyzd",
    "kab,lac,klm,bcd->md",
    "ijk,ial,jbm,lmn->kabn",
]


def operands(equation, dtype, seed=0):
    size = dict(zip("abcdefijklmnxyz", (2, 3, 4, 5, 2, 3, 3, 2, 4, 2, 3, 4, 5, 1, 2), strict=True))
    terms = equation.split("->")[0].split(",")
    return [gaussian([size[c] for c in t], dtype, seed + i) for i, t in enumerate(terms)]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_contract_is_einsum(backend, dtype, equation):
    given_arrays = operands(equation, dtype)
    made = contraction.contract(equation, *(backend.array(a) for a in given_arrays))
    np.testing.assert_allclose(
        backend.numpy(made), np.einsum(equation, *given_arrays), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("equation", [e for e in EQUATIONS if "," in e])
def test_bound_constants_change_nothing(backend, equation):
    given_arrays = operands(equation, complex)
    first, *constants = [backend.array(a) for a in given_arrays]
    apply = contraction.plan(equation, *(tuple(a.shape) for a in given_arrays)).bind(*constants)
    expected = np.einsum(equation, *given_arrays)
    for factor in (1.0, 2.0):
        np.testing.assert_allclose(
            backend.numpy(apply(first * factor)), factor * expected, rtol=1e-12, atol=1e-12
        )


@given(st.data())
def test_any_equation_without_traces_or_lonely_sums(data):
    """Labels in two or more terms may be summed or kept; labels of one term are kept."""
    count = data.draw(st.integers(1, 4))
    labels = "abcdefg"
    terms = [
        "".join(data.draw(st.lists(st.sampled_from(labels), max_size=3, unique=True)))
        for _ in range(count)
    ]
    used = sorted(set("".join(terms)))
    lonely = [c for c in used if sum(c in t for t in terms) == 1]
    shared = [c for c in used if c not in lonely]
    kept = lonely + [c for c in shared if data.draw(st.booleans())]
    output = "".join(data.draw(st.permutations(kept)))
    size = {c: data.draw(st.integers(1, 3)) for c in used}
    given_arrays = [gaussian([size[c] for c in t], seed=i) for i, t in enumerate(terms)]
    equation = ",".join(terms) + "->" + output
    np.testing.assert_allclose(
        contraction.contract(equation, *given_arrays),
        np.einsum(equation, *given_arrays),
        rtol=1e-12,
        atol=1e-12,
    )


def test_sizes_of_one():
    x, y = np.ones((1, 3)), np.ones((3, 1))
    assert contraction.contract("ab,bc->ac", x, y) == pytest.approx(np.array([[3.0]]))
    assert contraction.contract("nab,nbc->nac", x[None], y[None]).shape == (1, 1, 1)


def test_plans_are_cached_by_equation_and_shapes():
    first = contraction.plan("ab,bc->ac", (3, 4), (4, 5))
    assert contraction.plan("ab,bc->ac", (3, 4), (4, 5)) is first
    assert contraction.plan("ab,bc->ac", (3, 4), (4, 6)) is not first
    hits = contraction.plan.cache_info().hits
    contraction.contract("ab,bc->ac", np.ones((3, 4)), np.ones((4, 5)))
    assert contraction.plan.cache_info().hits == hits + 1


def test_near_sizes_share_one_search_for_an_order():
    misses = contraction._order.cache_info().misses
    for size in (17, 18, 25, 32):
        contraction.plan("uv,vw,wu->", (size, size), (size, size), (size, size))
    assert contraction._order.cache_info().misses <= misses + 1


def test_the_order_is_a_good_one():
    """A chain that costs 1000 times more from the wrong end is started at the right one."""
    planned = contraction.plan("ab,bc,cd->ad", (100, 100), (100, 100), (100, 1))
    assert planned.steps[0][:2] == (1, 2)
