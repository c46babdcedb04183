"""The augmented (rank-adaptive) BUG integrator: from the leaves to the root."""

from __future__ import annotations

from dataclasses import dataclass, field

from tensorflowlr.arrays import pad
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.settings import (
    checked_settings,
    dropped,
    starting_frame,
    truncated,
)
from tensorflowlr.integrators.step import Record
from tensorflowlr.io import storable
from tensorflowlr.moves.assemble import widened
from tensorflowlr.moves.augment import augment
from tensorflowlr.moves.flows import Flow, RungeKutta4
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.truncation import Truncation


@storable
@dataclass(frozen=True)
class AugmentedBUG:
    """Rank-adaptive basis update and Galerkin integrator, for any tree.

    One step: frame; from the leaves up, the flow of each node in its children's augmented
    bases, and augment; the root's flow is the Galerkin step; truncate. It keeps norm and
    energy of Schrödinger equations up to the truncation tolerance. At order 2 the frame is
    that of Y0 in bases of Y0 and F(Y0).

    Parameters
    ----------
    rule, order, flow, enrich
        As for `ParallelBUG`.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.

    References
    ----------
    Ceruti, Kusch, Lubich, arXiv 2104.05247; for trees Ceruti, Lubich, Sulz, arXiv
    2201.10291.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> method = tlr.AugmentedBUG(tlr.Truncation(atol=1e-8))
    """

    rule: Truncation
    order: int = field(default=1, kw_only=True)
    flow: Flow = field(default_factory=RungeKutta4, kw_only=True)
    enrich: str = field(default="range", kw_only=True)
    reference = (
        "G. Ceruti, C. Lubich, D. Sulz, Rank-adaptive time integration of tree tensor "
        "networks, SIAM J. Numer. Anal. 61 (2023), arXiv:2201.10291"
    )

    def __post_init__(self) -> None:
        checked_settings(self.rule, self.order, self.flow, self.enrich)

    def step(
        self, F: Field, t0: float, t1: float, Y: TreeTensor, record: Record
    ) -> TreeTensor:
        """The state at t1 from an orthonormal one at t0."""
        tree, rule = Y.tree, self.rule
        frame = starting_frame(F, t0, t1 - t0, Y, rule, self.order, self.enrich, record)
        drop = dropped(rule, frame, Y.norm())
        with record.move("frame"):
            environment = F.environment(frame)
        bases = list(frame.basis)
        # nodes of one height wait for those below them, not for each other
        for nodes in tree.levels((*frame.growing, tree.root)):
            starts = {node: frame.centre[node] for node in nodes}
            for node in nodes:
                if not tree.is_leaf(node):
                    lead = (bases[c].shape[-1] for c in tree.children[node])
                    starts[node] = pad(starts[node], (*lead, starts[node].shape[-1]))
            with record.move("flow"):
                evolved = record.solve_all(self.flow, environment, starts, t0, t1)
            if tree.root in nodes:
                bases[tree.root] = evolved[tree.root][..., 0]
                break
            with record.move("augment"):
                for node in nodes:
                    leaf = tree.is_leaf(node)
                    old = frame.basis[node] if leaf else widened(frame, node, bases)
                    bases[node], _ = augment(old, evolved[node], drop)
                    environment.update(node, bases[node])
        result, discarded = truncated(Y, bases, rule, record)
        record.accept(discarded)
        return result
