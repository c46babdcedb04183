"""The fixed-rank BUG integrator: new bases in place of old ones, from the leaves to the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorflowlr.arrays import Array, adjoint, fold, multiply, qr, unfold
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.settings import checked_settings, truncated
from tensorflowlr.integrators.step import Record
from tensorflowlr.io import storable
from tensorflowlr.moves.flows import Flow, RungeKutta4
from tensorflowlr.moves.frame import frame_of
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.rounding import Discarded
from tensorflowlr.truncation import Truncation


@storable
@dataclass(frozen=True)
class FixedRankBUG:
    """Basis update and Galerkin integrator at the ranks of the start, for any tree.

    One step: frame; from the leaves up, the flow of each node in its children's new bases,
    whose end alone gives the new basis; the root's flow is the Galerkin step. Nothing is
    augmented, so that a step costs the least of all methods here; and nothing is noticed
    when the ranks are too small for the solution.

    Parameters
    ----------
    rule
        Its `max_rank` alone counts: what the start has above it is cut before the first step.
    flow
        `RungeKutta4`, `Krylov` or `Exponential`.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.

    References
    ----------
    Ceruti, Lubich, arXiv 2010.02022; for trees Ceruti, Lubich, Walach, arXiv 2002.11392.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> method = tlr.FixedRankBUG(tlr.Truncation(max_rank=20))
    """

    rule: Truncation
    flow: Flow = field(default_factory=RungeKutta4, kw_only=True)
    order = 1
    reference = (
        "G. Ceruti, C. Lubich, An unconventional robust integrator for dynamical low-rank "
        "approximation, BIT Numer. Math. 62 (2022), arXiv:2010.02022"
    )

    def __post_init__(self) -> None:
        checked_settings(self.rule, self.order, self.flow, "range")

    def step(
        self, F: Field, t0: float, t1: float, Y: TreeTensor, record: Record
    ) -> TreeTensor:
        """The state at t1 from an orthonormal one at t0."""
        tree, limit, discarded = Y.tree, self.rule.max_rank, Discarded(0.0, False)
        if limit is not None and Y.max_rank > limit:
            Y, discarded = truncated(Y, Y.cores, Truncation(max_rank=limit), record)
        with record.move("frame"):
            frame = frame_of(Y)
            environment = F.environment(frame)
        bases, turned = list(Y.cores), dict[int, Array]()

        def carried(core: Array, node: int) -> Array:
            """A core of the frame in the new bases of the node's children."""
            for i, child in enumerate(tree.children[node]):
                core = multiply(core, turned[child], i) if child in turned else core
            return core

        for nodes in tree.levels((*frame.growing, tree.root)):
            starts: Mapping[int, Array] = {n: carried(frame.centre[n], n) for n in nodes}
            with record.move("flow"):
                evolved = record.solve_all(self.flow, environment, starts, t0, t1)
            if tree.root in nodes:
                bases[tree.root] = evolved[tree.root][..., 0]
                break
            with record.move("augment"):
                for node in nodes:
                    end, last = evolved[node], evolved[node].ndim - 1
                    basis, _ = qr(unfold(end, last))
                    old = unfold(carried(frame.basis[node], node), last)
                    turned[node] = adjoint(basis) @ old
                    bases[node] = fold(basis, end.shape, last)
                    environment.update(node, bases[node])
        record.accept(discarded)
        return type(Y).trusted(tree, bases, orthonormal=True)
