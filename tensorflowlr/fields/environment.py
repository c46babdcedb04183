"""What an integrator asks of a right-hand side, and restriction to a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tensorflowlr.arrays import Array, adjoint, is_complex, multiply, namespace, unfold
from tensorflowlr.moves.flows import Local
from tensorflowlr.moves.frame import Frame
from tensorflowlr.tensors import TreeTensor, algebra


class Environment(Protocol):
    """A field seen from the nodes of one frame."""

    def local(self, node: int) -> Any:
        """The field at a node: the bases below as last updated, those above as in the frame.

        A `Local`; where `flops` may be large it has ``settled()``, ``portable``, ``luggage``
        and ``with_luggage()`` as well, so that it can travel to a worker.
        """
        ...

    def flops(self, node: int) -> float:
        """About what one evaluation at a node costs, in multiplications and additions."""
        ...

    def groups(self, nodes: Sequence[int]) -> Sequence[tuple[list[int], Local]]:
        """The field at many nodes; those in one group take their centres stacked.

        A group of one takes its centre as it is.
        """
        ...

    def update(self, node: int, basis: Array) -> None:
        """Replace the basis of a node, its children's having been replaced before."""
        ...


class Field(Protocol):
    """A right-hand side F(t, Y)."""

    def prepare(self, Y: TreeTensor, t: float) -> TreeTensor:
        """Refuse a start, at time t, that does not fit; return it in the dtype of the run."""
        ...

    def environment(self, frame: Frame) -> Environment:
        """The field seen from a frame."""
        ...

    def evaluate(self, t: float, Y: TreeTensor) -> TreeTensor:
        """F(t, Y) as a tree tensor."""
        ...

    def orthonormal(self, t: float, Y: TreeTensor, complete: Sequence[bool]) -> list[Array]:
        """Cores of F(t, Y) with orthonormal columns, complete nodes in Y's own bases."""
        ...


def in_dtype(value: Array, like: Array, name: str) -> Array:
    """`value` in the dtype of `like`; imaginary parts are refused, not dropped.

    Raises
    ------
    TypeError
        If `value` is complex and `like` is real.
    """
    if is_complex(value) and not is_complex(like):
        raise TypeError(f"{name} turned complex in a real run: start from Y0.astype(complex)")
    return namespace(like).astype(value, like.dtype, copy=False)


def restrict(frame: Frame, node: int, Z: TreeTensor, below: Sequence[Array]) -> Array:
    """A tree tensor seen from one node: Z tested with the frame's surroundings.

    Parameters
    ----------
    frame, node
        Where to look from.
    Z
        A tensor on the same tree.
    below
        Orthonormal bases to test with; those beside the path to the root are the frame's.

    Returns
    -------
    array, shape (child ranks …, s), or (n, s) at a leaf
    """
    tree = frame.tree
    path = [node]
    while path[-1] != tree.root:
        path.append(tree.parent[path[-1]])
    inside = set(tree.descendants(node))
    on_path = set(path)
    overlaps: list[Array] = [None] * len(Z.cores)
    for other in tree.edges:
        if other in on_path:
            continue
        bra = below[other] if other in inside else frame.basis[other]
        overlaps[other] = algebra.overlap_block(
            bra, Z.cores[other], [overlaps[c] for c in tree.children[other]]
        )
    above: Array = None
    for parent, child in zip(reversed(path[1:]), reversed(path[:-1]), strict=True):
        core = Z.cores[parent]
        axis = tree.position[child]
        for i, sibling in enumerate(tree.children[parent]):
            if sibling != child:
                core = multiply(core, overlaps[sibling], i)
        core = core[..., None] if above is None else multiply(core, above, core.ndim - 1)
        # (s, rank of Z) over the child's edge
        above = adjoint(unfold(frame.outer[child], axis)) @ unfold(core, axis)
    core = Z.cores[node]
    for i, child in enumerate(tree.children[node]):
        core = multiply(core, overlaps[child], i)
    return core[..., None] if above is None else multiply(core, above, core.ndim - 1)


def prolong(frame: Frame, node: int, centre: Array, below: Sequence[Array]) -> TreeTensor:
    """The tree tensor whose value at one node is `centre`, in the frame's surroundings."""
    tree = frame.tree
    inside = set(tree.descendants(node))
    cores: list[Any] = [
        below[other] if other in inside else frame.basis[other] for other in tree.nodes
    ]
    cores[node] = centre
    child = node
    while child != tree.root:
        parent = tree.parent[child]
        cores[parent] = frame.outer[child]
        child = parent
    cores[-1] = cores[-1][..., 0]
    # block-diagonal cores, of which functions do not want to know, bring a class of their own
    kind = getattr(cores[-1], "tensor_class", TreeTensor)
    return kind.trusted(tree, cores)


