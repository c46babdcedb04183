"""What a layer kind does with its input: reduce, apply a kernel, expand; and their adjoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn import functional

Tensor = torch.Tensor


class Operation(Protocol):
    """The linear maps between a layer's input and output.

    Outputs and inputs are axes 0 and 1 of every kernel. `split` says that the kernel's
    outputs are ranks, which an output basis expands afterwards.
    """

    def pays(self, ranks: Sequence[int], factors: Sequence[Any]) -> bool:
        """Whether the chain through the factors costs less than the dense weight."""
        ...

    def reduce_input(self, x: Tensor, basis: Tensor) -> Tensor:
        """The input in the coordinates of a basis (inputs, r)."""
        ...

    def expand_input(self, h: Tensor, basis: Tensor) -> Tensor:
        """The adjoint of `reduce_input`."""
        ...

    def expand_output(self, b: Tensor, basis: Tensor) -> Tensor:
        """The output from coordinates in a basis (outputs, r)."""
        ...

    def reduce_output(self, delta: Tensor, basis: Tensor) -> Tensor:
        """The adjoint of `expand_output`."""
        ...

    def apply(self, a: Tensor, kernel: Tensor, split: bool) -> Tensor:
        """The kernel applied."""
        ...

    def adjoint(
        self, g: Tensor, a: Tensor, kernel: Tensor, split: bool, wanted: bool
    ) -> tuple[Tensor | None, Tensor]:
        """The gradients of `apply` with respect to a (where wanted) and to the kernel."""
        ...

    def output_gradient(self, delta: Tensor, b: Tensor) -> Tensor:
        """The gradient of `expand_output` with respect to the basis."""
        ...

    def input_gradient(self, x: Tensor, h: Tensor) -> Tensor:
        """The gradient of `reduce_input` with respect to the basis."""
        ...


@dataclass(frozen=True)
class Product:
    """The product of a linear layer: inputs in the last axis of x, shape (N, inputs)."""

    shape: tuple[int, ...]

    def pays(self, ranks: Sequence[int], factors: Sequence[Any]) -> bool:
        return cost(self.shape, ranks, factors) < math.prod(self.shape)

    def reduce_input(self, x: Tensor, basis: Tensor) -> Tensor:
        return x @ basis

    def expand_input(self, h: Tensor, basis: Tensor) -> Tensor:
        return h @ basis.mT

    def expand_output(self, b: Tensor, basis: Tensor) -> Tensor:
        return b @ basis.mT

    def reduce_output(self, delta: Tensor, basis: Tensor) -> Tensor:
        return delta @ basis

    def apply(self, a: Tensor, kernel: Tensor, split: bool) -> Tensor:
        return a @ kernel.mT

    def adjoint(
        self, g: Tensor, a: Tensor, kernel: Tensor, split: bool, wanted: bool
    ) -> tuple[Tensor | None, Tensor]:
        return g @ kernel if wanted else None, g.mT @ a

    def output_gradient(self, delta: Tensor, b: Tensor) -> Tensor:
        return delta.mT @ b

    def input_gradient(self, x: Tensor, h: Tensor) -> Tensor:
        return x.mT @ h


@dataclass(frozen=True)
class Lookup(Product):
    """The rows of an embedding: x holds row numbers, the inputs of the weight are its rows.

    The weight here is (features, rows).
    """

    def pays(self, ranks: Sequence[int], factors: Sequence[Any]) -> bool:
        return True

    def reduce_input(self, x: Tensor, basis: Tensor) -> Tensor:
        return basis[x]

    def apply(self, a: Tensor, kernel: Tensor, split: bool) -> Tensor:
        return a @ kernel.mT if a.is_floating_point() else kernel.mT[a]

    def adjoint(
        self, g: Tensor, a: Tensor, kernel: Tensor, split: bool, wanted: bool
    ) -> tuple[Tensor | None, Tensor]:
        if not a.is_floating_point():
            return None, self._rows(a, g, kernel.shape[1]).mT
        return g @ kernel, g.mT @ a

    def input_gradient(self, x: Tensor, h: Tensor) -> Tensor:
        return self._rows(x, h, self.shape[1])

    def _rows(self, x: Tensor, h: Tensor, rows: int) -> Tensor:
        return h.new_zeros((rows, h.shape[1])).index_add_(0, x, h)


@dataclass(frozen=True)
class Convolution:
    """The cross-correlation of torch: x of shape (N, channels, …), padded with zeros.

    With groups, inputs are those of one group, and its basis serves all groups. Groups take
    the place of samples as long as outputs are ranks, since an output basis mixes them.
    """

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def pays(self, ranks: Sequence[int], factors: Sequence[Any]) -> bool:
        return cost(
            self.shape, ranks, factors, self.groups, math.prod(self.stride)
        ) < math.prod(self.shape)

    def _map(self, x: Tensor, matrix: Tensor) -> Tensor:
        """`matrix` applied to the channels of every group."""
        n, _, *size = x.shape
        columns = x.reshape(n * self.groups, matrix.shape[1], -1)
        # a plain product would copy what needs a gradient into one matrix
        each = matrix.expand(columns.shape[0], *matrix.shape)
        return torch.bmm(each, columns).reshape(n, -1, *size)

    def reduce_input(self, x: Tensor, basis: Tensor) -> Tensor:
        return self._map(x, basis.mT)

    def expand_input(self, h: Tensor, basis: Tensor) -> Tensor:
        return self._map(h, basis)

    def expand_output(self, b: Tensor, basis: Tensor) -> Tensor:
        _, rank, *size = b.shape
        blocks = b.reshape(-1, self.groups, rank, math.prod(size))
        y = basis.reshape(self.groups, -1, rank) @ blocks
        return y.reshape(-1, basis.shape[0], *size)

    def reduce_output(self, delta: Tensor, basis: Tensor) -> Tensor:
        n, _, *size = delta.shape
        blocks = delta.reshape(n, self.groups, -1, math.prod(size))
        g = basis.reshape(self.groups, -1, basis.shape[1]).mT @ blocks
        return g.reshape(n * self.groups, basis.shape[1], *size)

    def _grouped(self, a: Tensor, split: bool) -> tuple[Tensor, int]:
        if self.groups == 1 or not split:
            return a, self.groups
        return a.reshape(a.shape[0] * self.groups, -1, *a.shape[2:]), 1

    def apply(self, a: Tensor, kernel: Tensor, split: bool) -> Tensor:
        blocks, groups = self._grouped(a, split)
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[a.ndim - 3]
        return convolve(blocks, kernel, None, self.stride, self.padding, self.dilation, groups)

    def adjoint(
        self, g: Tensor, a: Tensor, kernel: Tensor, split: bool, wanted: bool
    ) -> tuple[Tensor | None, Tensor]:
        blocks, groups = self._grouped(a, split)
        h, slope, _ = torch.ops.aten.convolution_backward(
            g, blocks, kernel, None, self.stride, self.padding, self.dilation, False,
            [0] * (a.ndim - 2), groups, (wanted, True, False),
        )
        return h.reshape(a.shape) if wanted else None, slope

    def output_gradient(self, delta: Tensor, b: Tensor) -> Tensor:
        n, outputs = delta.shape[:2]
        left = delta.reshape(n, self.groups, outputs // self.groups, -1)
        right = b.reshape(n, self.groups, b.shape[1], -1)
        return _summed(left, right).reshape(outputs, -1)

    def input_gradient(self, x: Tensor, h: Tensor) -> Tensor:
        n = x.shape[0] * self.groups
        left, right = (t.reshape(n, 1, t.shape[1] // self.groups, -1) for t in (x, h))
        return _summed(left, right)[0]


def _summed(left: Tensor, right: Tensor) -> Tensor:
    """Σ left rightᵀ over samples and positions, per group: (n, g, p, s), (n, g, q, s) → (g, p, q).

    Products per sample need no copies, but room for all of them; it is only worth it while
    there are more positions than columns.
    """
    if right.shape[2] <= right.shape[3]:
        return (left @ right.mT).sum(0)
    left, right = (t.permute(1, 2, 0, 3).flatten(2) for t in (left, right))
    return left @ right.mT


def cost(
    shape: Sequence[int], ranks: Sequence[int], factors: Sequence[Any], groups: int = 1,
    stride: int = 1,
) -> float:
    """Multiplications of the chain per sample and output position; the dense weight has Π shape.

    Both are for all groups together, as `shape` counts the inputs of one group and the
    outputs of all; an input position is counted as often as there are input positions per
    output.
    """
    split = factors[0] is not None
    total = float(math.prod(ranks[:2]) * math.prod(shape[2:])) * (groups if split else 1)
    if factors[1] is not None:
        total += groups * shape[1] * ranks[1] * stride
    if split:
        total += shape[0] * ranks[0]
    return total
