"""Trees: numbering, named shapes, relations, equality."""

import pytest
from conftest import trees
from hypothesis import given

import tensorflowlr as tlr


def below(spec):
    """Modes of nested tuples, in order, by plain recursion."""
    return (spec,) if isinstance(spec, int) else tuple(m for part in spec for m in below(part))


def as_nested(tree, node):
    children = tree.children[node]
    return node if not children else tuple(as_nested(tree, c) for c in children)


@pytest.mark.parametrize(
    ("made", "spec"),
    [
        (tlr.Tree.matrix(), (0, 1)),
        (tlr.Tree.tucker(1), (0,)),
        (tlr.Tree.tucker(4), (0, 1, 2, 3)),
        (tlr.Tree.train(1), (0,)),
        (tlr.Tree.train(2), (0, 1)),
        (tlr.Tree.train(5), (0, (1, (2, (3, 4))))),
        (tlr.Tree.balanced(1), (0,)),
        (tlr.Tree.balanced(2), (0, 1)),
        (tlr.Tree.balanced(3), ((0, 1), 2)),
        (tlr.Tree.balanced(6), (((0, 1), 2), ((3, 4), 5))),
        (tlr.Tree.balanced(8), (((0, 1), (2, 3)), ((4, 5), (6, 7)))),
    ],
)
def test_named_trees(made, spec):
    assert made.spec == spec
    assert made == tlr.Tree(spec)


@given(trees(max_modes=9))
def test_numbering_and_relations(tree):
    d, root = tree.modes, tree.root
    assert tree.nodes == range(root + 1)
    assert tree.edges == range(root)
    assert tree.inner == range(d, root + 1)
    assert all(tree.is_leaf(n) == (not tree.children[n]) for n in tree.nodes)
    assert tree.parent[root] == -1 and tree.position[root] == -1
    for node in tree.edges:
        parent = tree.parent[node]
        assert node < parent or tree.is_leaf(node)
        assert tree.children[parent][tree.position[node]] == node
    for node in tree.nodes:
        assert tree.leaves_below[node] == below(as_nested(tree, node))
    assert sorted(tree.leaves_below[root]) == list(range(d))
    assert tree.descendants(root) == tuple(tree.edges)


@given(trees(max_modes=9))
def test_spec_round_trip_equality_and_hash(tree):
    again = tlr.Tree(tree.spec)
    assert again == tree and hash(again) == hash(tree)
    assert repr(tree) == f"Tree({tree.spec!r})"
    assert tree.spec == as_nested(tree, tree.root)


def test_lists_and_tuples_are_the_same_spec():
    assert tlr.Tree([[0, 1], [2, 3]]) == tlr.Tree(((0, 1), (2, 3)))


def test_order_of_children_matters():
    assert tlr.Tree((0, 1)) != tlr.Tree((1, 0))
    assert tlr.Tree((0, 1)) != (0, 1)


def test_a_comb_of_ten_thousand_modes_needs_no_recursion():
    tree = tlr.Tree.train(10_000)
    assert tree.modes == 10_000
    assert tree.children[tree.root] == (0, tree.root - 1)
    assert tree == tlr.Tree.train(10_000)


@pytest.mark.parametrize("modes", [2, 3, 5, 8, 13, 100])
def test_balanced_has_least_height(modes):
    tree = tlr.Tree.balanced(modes)

    def height(node):
        children = tree.children[node]
        return 1 + max(height(c) for c in children) if children else 0

    assert height(tree.root) == (modes - 1).bit_length()
    assert tree.leaves_below[tree.root] == tuple(range(modes))


@pytest.mark.parametrize(
    ("spec", "edges"), [((0, 1), 1), ((0, 1, 2), 3), (((0, 1), (2, 3)), 5), ((0,), 1)]
)
def test_edges_that_add_to_a_rounding(spec, edges):
    assert tlr.Tree(spec).rounding_edges == edges
