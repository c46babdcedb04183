"""The parallel BUG integrator: all flows of a step at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tensorflowlr.arrays import Array, block_sizes, pad
from tensorflowlr.fields.environment import Environment, Field
from tensorflowlr.integrators.settings import (
    checked_constant,
    checked_settings,
    dropped,
    starting_frame,
    truncated,
)
from tensorflowlr.integrators.step import Record
from tensorflowlr.io import storable
from tensorflowlr.moves.assemble import assemble_all, missing
from tensorflowlr.moves.flows import Flow, RungeKutta4
from tensorflowlr.moves.frame import Frame, build_frame
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.truncation import Truncation

# a step is repeated at most this often; the bases double each time
MAX_REPEATS = 8


@dataclass(frozen=True)
class _Attempt:
    """A step taken but not yet accepted."""

    frame: Frame
    environment: Environment
    bases: list[Array]
    centres: list[Array]
    result: TreeTensor
    repeats: int


@storable
@dataclass(frozen=True)
class ParallelBUG:
    """Parallel basis update and Galerkin integrator, rank-adaptive, for any tree.

    One step: frame, flows of all nodes at once, augment, assemble, truncate. At order 2 the
    frame is that of Y0 in bases of Y0 and F(Y0).

    Parameters
    ----------
    rule
        The truncation after each step.
    order
        1 or 2.
    reject
        The constant c of the step rejection, or None for none: a step is repeated in its
        augmented bases while some rank (of a tubal tensor: of some face) has doubled or
        ``h · η > c · tolerance``, η being the norm of what F has in new directions of two or
        more children at once: the blocks that the method leaves zero. It is taken at both
        ends of the step (the paper takes the start, its scripts the end; each alone misses
        large errors). The paper has c = 10.
    flow
        `RungeKutta4`, `Krylov` or `Exponential`.
    enrich
        At order 2: ``"range"``, the full range of F(Y0), or ``"tangent"``, its tangent
        projection alone (of order 2 only while ranks do not grow by couplings of siblings).

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.

    References
    ----------
    Ceruti, Kusch, Lubich, Sulz, arXiv 2412.00858; for matrices Ceruti,
    Kusch, Lubich, arXiv 2304.05660; second order Kusch, arXiv 2403.02834.

    Examples
    --------
    >>> import tensorflowlr as tlr
    >>> method = tlr.ParallelBUG(tlr.Truncation(atol=1e-8), order=2)
    """

    rule: Truncation
    order: int = field(default=1, kw_only=True)
    reject: float | None = field(default=None, kw_only=True)
    flow: Flow = field(default_factory=RungeKutta4, kw_only=True)
    enrich: str = field(default="range", kw_only=True)
    reference = (
        "G. Ceruti, J. Kusch, C. Lubich, D. Sulz, A parallel Basis Update and Galerkin "
        "integrator for tree tensor networks, arXiv:2412.00858 (2024)"
    )

    def __post_init__(self) -> None:
        checked_settings(self.rule, self.order, self.flow, self.enrich)
        checked_constant(self.reject)

    def step(
        self, F: Field, t0: float, t1: float, Y: TreeTensor, record: Record
    ) -> TreeTensor:
        """The state at t1 from an orthonormal one at t0."""
        rule, norm = self.rule, Y.norm()
        frame = starting_frame(F, t0, t1 - t0, Y, rule, self.order, self.enrich, record)
        # the rejection looks for doubled ranks: there every direction counts
        drop = dropped(rule, frame, norm) if self.reject is None else 0.0
        repeats = 0
        while True:
            with record.move("frame"):
                environment = F.environment(frame)
            with record.move("flow"):
                evolved = self._flow_all(frame, environment, t0, t1, record)
            with record.move("assemble"):
                bases, centres = assemble_all(frame, evolved, drop)
            root = centres[-1][..., 0]
            result, discarded = truncated(Y, (*bases[:-1], root), rule, record)
            attempt = _Attempt(frame, environment, bases, centres, result, repeats)
            if repeats == MAX_REPEATS or not self._doubtful(attempt, t0, t1, rule.tolerance(norm)):
                record.accept(discarded)
                return result
            repeats += 1
            record.rejected += 1
            with record.move("frame"):
                frame = build_frame(
                    Y.tree, bases, pad(Y.cores[-1], root.shape), ranks=Y.ranks, extra=root,
                    drop=drop,
                )

    def _flow_all(
        self, frame: Frame, environment: Environment, t0: float, t1: float, record: Record
    ) -> list[Array]:
        """The evolved centres; None where a node's own flow cannot matter."""
        starts = {
            node: frame.centre[node] for node in frame.tree.nodes
            if frame.centre[node] is not None and not frame.saturated(node)
        }
        evolved = record.solve_all(self.flow, environment, starts, t0, t1)
        return [evolved.get(node) for node in frame.tree.nodes]

    def _doubtful(self, attempt: _Attempt, t0: float, t1: float, tolerance: float) -> bool:
        """Whether ranks doubled, or the missing blocks are too large for the tolerance."""
        if self.reject is None:
            return False
        limit = self.rule.max_rank or math.inf
        frame, environment, centres = attempt.frame, attempt.environment, attempt.centres
        for node, before in frame.ranks().items():
            after = attempt.result.cores[node].shape[-1]
            pairs = zip(block_sizes(before), block_sizes(after), strict=True)
            if any(limit > rank >= max(2 * old, 1) for old, rank in pairs):
                return True
        # where the ranks are at their limit, one repetition in wider bases is worth its price
        if attempt.repeats and attempt.result.max_rank >= limit:
            return False
        for node in (*frame.growing, frame.tree.root):
            if not frame.tree.is_leaf(node):
                local, centre = environment.local(node), centres[node]
                start = pad(frame.centre[node], centre.shape)
                for t, x in ((t0, start), (t1, centre)):
                    gap = abs(t1 - t0) * missing(frame, node, local(t, x))
                    if gap > self.reject * tolerance:
                        return True
            if node != frame.tree.root:
                environment.update(node, attempt.bases[node])
        return False
