"""Checks and pieces that the methods share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorflowlr.arrays import Array
from tensorflowlr.checks import is_whole, positive, real_number, shown
from tensorflowlr.fields.environment import Field
from tensorflowlr.integrators.step import Record
from tensorflowlr.moves.enrich import DROPPED_SHARE, range_frame, tangent_frame
from tensorflowlr.moves.frame import Frame, complete_nodes, frame_of
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.rounding import Discarded
from tensorflowlr.truncation import Truncation


def checked_settings(rule: Any, order: Any, flow: Any, enrich: Any) -> None:
    """Refuse settings of a method that cannot be.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.
    """
    if not isinstance(rule, Truncation):
        raise TypeError(f"rule must be a tlr.Truncation, not {type(rule).__name__}")
    if not is_whole(order) or order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {shown(order)}")
    if not isinstance(enrich, str) or enrich not in ("range", "tangent"):
        raise ValueError(f"enrich must be 'range' or 'tangent', not {shown(enrich)}")
    if isinstance(flow, type) or not callable(flow):
        raise TypeError(f"flow must be RungeKutta4(), Krylov() or Exponential(), not {shown(flow)}")


def checked_constant(reject: Any) -> None:
    """Refuse a constant of the step rejection that cannot be.

    Raises
    ------
    TypeError, ValueError
        Naming the setting, what it was and what it may be.
    """
    if reject is not None:
        real_number(reject, "reject", "None or a positive finite number", positive)


def starting_frame(
    F: Field, t0: float, h: float, Y: TreeTensor, rule: Truncation, order: int, enrich: str,
    record: Record,
) -> Frame:
    """The frame of a step: Y's own at order 1, enriched by F(t0, Y) at order 2."""
    if order == 1:
        with record.move("frame"):
            return frame_of(Y)
    # what a direction weighs in F(Y) times h is what it may add to the result
    tolerance = rule.tolerance(Y.norm()) / abs(h)
    with record.move("enrich"):
        if enrich == "range":
            complete = complete_nodes(Y.tree, Y.cores)
            return range_frame(Y, F.orthonormal(t0, Y, complete), complete, tolerance)

        def slopes(frame: Frame, nodes: Sequence[int]) -> dict[int, Array]:
            environment = F.environment(frame)
            return {node: environment.local(node)(t0, frame.centre[node]) for node in nodes}

        return tangent_frame(Y, slopes, tolerance)


def dropped(rule: Truncation, frame: Frame, norm: float) -> float:
    """The weight that directions left out at one edge may have together."""
    if rule.min_rank > 1 and any(
        frame.basis[node].shape[-1] < rule.min_rank for node in frame.growing
    ):
        # every direction is needed to reach the wanted rank
        return 0.0
    return DROPPED_SHARE * rule.tolerance(norm) / math.sqrt(len(frame.tree.edges))


def truncated(
    Y: TreeTensor, cores: Sequence[Array], rule: Truncation, record: Record, *,
    squared: bool = False,
) -> tuple[TreeTensor, Discarded]:
    """The truncated result of a step, of the class of Y, and what was dropped.

    `squared` allows Gram matrices, see `tensors.rounding.edge_bases`.
    """
    with record.move("truncate"):
        kept, discarded = Y._truncate_cores(Y.tree, cores, rule, squared=squared)
    return type(Y).trusted(Y.tree, kept, orthonormal=True), discarded
