"""All Galerkin gradients of a factorised weight from one forward and one backward pass.

A weight W = C ×₁ U_1 … ×_d U_d of outputs, inputs and (for convolutions) the window is never
formed. With the frame of the integrators, C = Q_i ×_i S_i at every mode, the chain

    a = U_Iᵀ x,   b = K(Q_O) a,   y = (U_O S_O) b

leaves b at hand, so that the gradient at the leaf of the outputs is Σ δ bᵀ, that of the inputs
Σ x hᵀ with h = K(Q_I)ᵀ U_Oᵀ δ. Plain autograd would return these times S_i: dividing by small
singular values is what the integrators avoid.
"""

from __future__ import annotations

from typing import Any

import torch

from tensorflowlr.arrays import multiply, unfold
from tensorflowlr.nn.operations import Operation

Tensor = torch.Tensor
# one entry per mode: a basis, the surroundings or the centre; None where the mode is whole
Modes = tuple[Tensor | None, ...]


def kernel(core: Tensor, factors: Modes) -> Tensor:
    """The core with the bases of the window multiplied in: outputs and inputs keep their ranks."""
    for axis, basis in enumerate(factors):
        if axis > 1 and basis is not None:
            core = multiply(core, basis, axis)
    return core


def dense(core: Tensor, factors: Modes) -> Tensor:
    """The whole weight; outputs last, where it is largest."""
    core = kernel(core, factors)
    for axis in (1, 0):
        basis = factors[axis]
        if basis is not None:
            core = multiply(core, basis, axis)
    return core


def plain(operation: Operation, x: Tensor, core: Tensor, factors: Modes) -> Tensor:
    """The layer's output by the plain chain, which autograd may differentiate by itself."""
    if not operation.pays(core.shape, factors):
        return operation.apply(x, dense(core, factors), False)
    rows, columns = factors[0], factors[1]
    a = x if columns is None else operation.reduce_input(x, columns)
    y = operation.apply(a, kernel(core, factors), rows is not None)
    return y if rows is None else operation.expand_output(y, rows)


class Galerkin(torch.autograd.Function):
    """The layer's output with bias; its backward pass returns the gradients at core and leaves.

    The gradient in the place of a basis U_i is that of its centre K_i = U_i S_i, of the same
    shape. `surroundings` are the Q_i as tensors in the core's layout, `centres` the K_i.
    """

    @staticmethod
    def forward(
        ctx: Any, operation: Operation, x: Tensor, bias: Tensor | None, core: Tensor,
        *parts: Tensor | None,
    ) -> Tensor:
        """Run the chain; `parts` are d bases, d surroundings and d centres."""
        modes = core.ndim
        factors, outer, centre = parts[:modes], parts[modes : 2 * modes], parts[2 * modes :]
        ctx.operation, ctx.modes = operation, modes
        chained = operation.pays(core.shape, factors)
        ctx.chained = chained
        a = b = None
        if not chained:
            y = operation.apply(x, dense(core, factors), False)
        else:
            rows, columns = factors[0], factors[1]
            a = None if columns is None else operation.reduce_input(x, columns)
            front = core if outer[0] is None else outer[0]
            y = operation.apply(x if a is None else a, kernel(front, factors), rows is not None)
            if centre[0] is not None:
                b = y
                y = operation.expand_output(b, centre[0])
        ctx.save_for_backward(x, a, b, core, *parts)
        ctx.bias = None if bias is None else bias.shape
        # y is new, and a copy of it costs more than the sum
        return y if bias is None else y.add_(bias.to(y.dtype))

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the input, the bias, the core and the leaves."""
        x, a, b, core, *parts = ctx.saved_tensors
        operation, modes = ctx.operation, ctx.modes
        factors, outer = tuple(parts[:modes]), tuple(parts[modes : 2 * modes])
        wanted = ctx.needs_input_grad[1]
        offset = delta.sum_to_size(ctx.bias) if ctx.needs_input_grad[2] else None
        pick = _chained if ctx.chained else _projected
        centres = tuple(parts[2 * modes :])
        dx, slope, leaves = pick(
            operation, (x, a, b), delta, core, factors, outer, centres, wanted
        )
        return (None, dx, offset, slope, *leaves, *[None] * (2 * modes))


def _chained(
    operation: Operation, saved: tuple[Tensor, Tensor | None, Tensor | None], delta: Tensor,
    core: Tensor, factors: Modes, outer: Modes, centres: Modes, wanted: bool,
) -> tuple[Tensor | None, Tensor, list[Tensor | None]]:
    x, a, b = saved
    rows, columns = factors[0], factors[1]
    g = delta if rows is None else operation.reduce_output(delta, rows)
    leaves: list[Tensor | None] = [None] * len(factors)
    if rows is not None:
        assert b is not None
        leaves[0] = operation.output_gradient(delta, b)
    back = core if outer[1] is None else outer[1]
    need = wanted or columns is not None
    h, slope = operation.adjoint(
        g, x if a is None else a, kernel(back, factors), rows is not None, need
    )
    dx = h
    if columns is not None:
        assert h is not None and centres[1] is not None
        leaves[1] = operation.input_gradient(x, h)
        dx = operation.expand_input(h, centres[1]) if wanted else None
    slope = _window(slope, factors, outer, leaves)
    return dx if wanted else None, slope, leaves


def _projected(
    operation: Operation, saved: tuple[Tensor, Tensor | None, Tensor | None], delta: Tensor,
    core: Tensor, factors: Modes, outer: Modes, centres: Modes, wanted: bool,
) -> tuple[Tensor | None, Tensor, list[Tensor | None]]:
    dx, slope = operation.adjoint(delta, saved[0], dense(core, factors), False, wanted)
    leaves: list[Tensor | None] = [None] * len(factors)
    rows, columns = factors[0], factors[1]
    # each mode's own gradient has all other modes projected
    beside = slope if columns is None else multiply(slope, columns.mT, 1)
    if rows is not None:
        leaves[0] = _leaf(_inside(beside, factors), outer[0], 0)
        slope = multiply(slope, rows.mT, 0)
        beside = multiply(beside, rows.mT, 0)
    if columns is not None:
        leaves[1] = _leaf(_inside(slope, factors), outer[1], 1)
    return dx, _window(beside, factors, outer, leaves), leaves


def _inside(slope: Tensor, factors: Modes, besides: int = -1) -> Tensor:
    """The window projected on its bases, one axis left out."""
    for axis, basis in enumerate(factors):
        if axis > 1 and axis != besides and basis is not None:
            slope = multiply(slope, basis.mT, axis)
    return slope


def _window(slope: Tensor, factors: Modes, outer: Modes, leaves: list[Tensor | None]) -> Tensor:
    """The core's gradient from that of the kernel; the window's own are put in `leaves`."""
    for axis in range(2, len(factors)):
        if factors[axis] is not None:
            leaves[axis] = _leaf(_inside(slope, factors, axis), outer[axis], axis)
    return _inside(slope, factors)


def _leaf(slope: Tensor, surroundings: Tensor | None, axis: int) -> Tensor:
    """Mat(slope) Q: shape (n, s)."""
    assert surroundings is not None
    return unfold(slope, axis).mT @ unfold(surroundings, axis)
