"""What all factorised layers share: a weight held as core and bases, and its frame."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Self

import torch

from tensorflowlr.arrays import contiguous, multiply
from tensorflowlr.moves.frame import Frame, frame_of
from tensorflowlr.nn import galerkin, ranks
from tensorflowlr.nn.operations import Operation
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.tensors.rounding import orthogonalize, truncate
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation

Tensor = torch.Tensor


class LowRankLayer(torch.nn.Module):
    """A layer whose weight is a tree tensor of height one: a core and a basis per mode.

    Modes are outputs, inputs and, for convolutions, the axes of the window. A mode at its
    full size is *whole*: its basis is the identity and is not stored, its parameter is empty.
    The parameters are plain tensors of their present size, so that memory falls with the
    ranks; the optimiser changes the sizes in place and keeps the parameter objects.

    As made, the layer is differentiated by plain autograd and any optimiser may train its
    parameters ("vanilla" factors). A `LowRankOptimizer` sets `galerkin`, and from then on the
    gradient in the place of a basis U_i is that of U_i S_i, which needs no division by small
    singular values and is of use to that optimiser alone.

    Attributes
    ----------
    core : torch.nn.Parameter
        Shape (r_1, …, r_d).
    factor_0, factor_1, … : torch.nn.Parameter
        Shape (n_i, r_i), orthonormal columns; (n_i, 0) where the mode is whole.
    bias : torch.nn.Parameter or None
    shape : tuple of int
        The shape of the dense weight, outputs first.
    adaptive : tuple of int
        The modes whose ranks an optimiser may change: outputs and inputs by default.
    galerkin : bool
        Whether backward passes return Galerkin gradients.
    """

    core: torch.nn.Parameter
    bias: torch.nn.Parameter | None

    def __init__(
        self, shape: Sequence[int], bias: bool, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.shape = tuple(int(n) for n in shape)
        self.adaptive: tuple[int, ...] = (0, 1)
        self.galerkin = False
        dtype = ranks.checked_dtype(dtype)
        self._kept: tuple[Any, Frame, galerkin.Modes, galerkin.Modes] | None = None
        self.core = torch.nn.Parameter(torch.empty(self.shape, device=device, dtype=dtype))
        for i, n in enumerate(self.shape):
            self.register_parameter(
                f"factor_{i}", torch.nn.Parameter(self.core.new_empty((n, 0)))
            )
        self.register_parameter(
            "bias", torch.nn.Parameter(self.core.new_empty(self.shape[0])) if bias else None
        )

    @property
    def operation(self) -> Operation:
        """The maps between input and output."""
        raise NotImplementedError

    @property
    def tree(self) -> Tree:
        """Two leaves below the root for a matrix, else the Tucker tree."""
        return Tree.tucker(len(self.shape))

    def to_dense(self) -> torch.nn.Module:
        """The dense layer with the same weight."""
        raise NotImplementedError

    @property
    def leaves(self) -> list[torch.nn.Parameter]:
        """The parameters of the bases, mode by mode."""
        return [getattr(self, f"factor_{i}") for i in range(len(self.shape))]

    @property
    def factors(self) -> galerkin.Modes:
        """The bases, None where a mode is whole."""
        return tuple(p if p.shape[1] else None for p in self.leaves)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The rank of every mode; that of a whole mode is its size."""
        return tuple(int(n) for n in self.core.shape)

    @property
    def weight(self) -> Tensor:
        """The dense weight, formed anew, in the layout of the dense layer."""
        return galerkin.dense(self.core, self.factors)

    @torch.no_grad()
    def tensor(self) -> TreeTensor:
        """The weight as a tree tensor with orthonormal bases; it shares the memory."""
        core = self.core.detach()
        bases = [
            identity(n, core.dtype, core.device) if basis is None else basis.detach()
            for n, basis in zip(self.shape, self.factors, strict=True)
        ]
        return TreeTensor.trusted(self.tree, (*bases, core), orthonormal=True)

    @property
    def frame(self) -> Frame:
        """The frame of the weight: what the integrators' flows start from."""
        return self._current()[1]

    @torch.compiler.disable
    def refresh(self) -> None:
        """Make the frame that forward passes use, where it is not up to date."""
        self._current()

    def _current(self) -> tuple[Any, Frame, galerkin.Modes, galerkin.Modes]:
        if self._kept is None or self._kept[0] != self._state():
            with torch.no_grad():
                self.adopt(frame_of(self.tensor(), squared=True))
        assert self._kept is not None
        return self._kept

    def _state(self) -> Any:
        return tuple((p.data_ptr(), p._version) for p in (self.core, *self.leaves))

    def adopt(self, frame: Frame) -> None:
        """Take backward passes from a frame of the present weight."""
        outer = tuple(
            None if frame.outer[i] is None else contiguous(frame.outer[i][..., 0])
            for i in range(len(self.shape))
        )
        self._kept = (self._state(), frame, outer, tuple(frame.centre[:-1]))

    @torch.no_grad()
    def assign(self, Y: TreeTensor) -> None:
        """Take over a tree tensor of the layer's shape, orthonormal below its root.

        Bases that have become square are multiplied into the core.
        """
        *bases, core = Y.cores
        changed = []
        for i, (n, basis, parameter) in enumerate(
            zip(self.shape, bases, self.leaves, strict=True)
        ):
            if basis.shape[1] == n:
                if basis is not identity(n, basis.dtype, basis.device):
                    core = multiply(core, basis, i)
                if not parameter.shape[1]:
                    continue
                basis = basis.new_empty((n, 0))
            changed.append((parameter, basis))
        for parameter, value in [(self.core, core), *changed]:
            resize(parameter, value)
        self._kept = None

    def settle(self, Y: TreeTensor) -> TreeTensor:
        """The same tensor with ranks that can be: none above the product of the others."""
        while True:
            found = Y.cores[-1].shape
            fits = all(
                r == n or r <= math.prod(found) // r
                for r, n in zip(found, self.shape, strict=True)
            )
            if fits:
                return Y
            cores, _ = truncate(Y.tree, Y.cores, Truncation())
            if cores[-1].shape == found:
                return Y
            Y = TreeTensor.trusted(Y.tree, cores, orthonormal=True)

    def rule(self, rule: Truncation | None) -> Truncation:
        """A truncation that holds the modes that may not adapt; None holds all."""
        return ranks.held(rule, self.ranks, self.adaptive)

    @torch.no_grad()
    def fill(self, weight: Tensor, rank: Any) -> Self:
        """The nearest weight of a rank to a dense one: (sequentially truncated) SVD."""
        rule = ranks.rule(rank, self.shape, self.adaptive)
        weight = weight.detach().to(self.core)
        whole = all(rule.holds(i, n) for i, n in enumerate(self.shape))
        Y = self.tensor().trusted(self.tree, (*self._identities(), weight), orthonormal=True)
        if not whole:
            Y = self.settle(TreeTensor.from_dense(weight, self.tree, rule))
        self.assign(Y)
        return self

    @torch.no_grad()
    def reset(self, rank: Any, fan_in: int) -> Self:
        """Random orthonormal bases and a random core, with the variance of torch's own start.

        Drawn from torch's generator; the weight's norm is that of a uniform distribution
        within ±1/√fan_in, and so is the bias's.
        """
        rule = ranks.rule(rank, self.shape, self.adaptive)
        if rule.rtol or rule.atol:
            raise ValueError("rank must be a share, an integer or one per mode from scratch, "
                             f"not {rule!r}")
        sizes = [rule.clip(n, n, i) for i, n in enumerate(self.shape)]
        bases = [
            whole if r == n else torch.randn((n, r)).to(self.core)
            for n, r, whole in zip(self.shape, sizes, self._identities(), strict=True)
        ]
        core = torch.randn(tuple(sizes)).to(self.core)
        skip = [r == n for n, r in zip(self.shape, sizes, strict=True)]
        cores = list(orthogonalize(self.tree, (*bases, core), skip=[*skip, False]))
        length = math.sqrt(math.prod(self.shape) / (3.0 * fan_in))
        cores[-1] = cores[-1] * (length / float(torch.linalg.vector_norm(cores[-1])))
        self.assign(self.settle(TreeTensor.trusted(self.tree, cores, orthonormal=True)))
        if self.bias is not None:
            bound = 1.0 / math.sqrt(fan_in)
            self.bias.uniform_(-bound, bound)
        return self

    def _identities(self) -> list[Tensor]:
        return [identity(n, self.core.dtype, self.core.device) for n in self.shape]

    def compute(self, x: Tensor) -> Tensor:
        """The output, by the chain or by the dense weight, whichever costs less."""
        factors = self.factors
        train = self.galerkin and torch.is_grad_enabled() and self.core.requires_grad
        outer: galerkin.Modes = ()
        centre: galerkin.Modes = ()
        if train:
            # compiled code cannot look whether the frame is up to date: the optimiser sees to it
            if not torch.compiler.is_compiling():
                self._current()
            elif self._kept is None:
                self.refresh()
            assert self._kept is not None
            _, _, outer, centre = self._kept
        axes = len(self.shape) - 2
        bias = None if self.bias is None else self.bias.reshape(-1, *[1] * axes)
        tensors: tuple[Tensor | None, ...] = (bias, self.core, *factors, *outer, *centre)
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
            tensors = tuple(None if t is None else t.to(kind) for t in tensors)
            x = x.to(kind) if x.is_floating_point() else x
        bias, core, *parts = tensors
        assert core is not None
        if train:
            return galerkin.Galerkin.apply(self.operation, x, bias, core, *parts)
        y = galerkin.plain(self.operation, x, core, tuple(parts))
        return y if bias is None else y + bias.to(y.dtype)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        # ranks may have changed since: sizes are those of the file
        for name in ("core", *(f"factor_{i}" for i in range(len(self.shape)))):
            value = state_dict.get(prefix + name)
            parameter = getattr(self, name)
            if isinstance(value, Tensor) and value.shape != parameter.shape:
                if ranks.fits(self.shape, name, value.shape):
                    resize(parameter, parameter.new_empty(value.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._kept = None

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        self._kept = None
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        # the frame is made anew where the layer is copied or unpacked
        return {**self.__dict__, "_kept": None}

    def extra_repr(self) -> str:
        """Sizes and ranks."""
        return f"shape={self.shape}, ranks={self.ranks}, bias={self.bias is not None}"


@functools.lru_cache(maxsize=32)
def identity(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The one identity matrix of a size, dtype and device; bases compare by being it."""
    return torch.eye(n, dtype=dtype, device=device)


@torch.no_grad()
def resize(parameter: torch.nn.Parameter, value: Tensor) -> None:
    """Give a parameter another value, of any shape, and no gradient."""
    value = contiguous(value.detach())
    parameter.grad = None
    if parameter.shape != value.shape:
        # a graph that is still alive remembers the old shape until the dtype changes
        other = torch.float16 if value.dtype != torch.float16 else torch.float32
        parameter.data = value.new_empty(0, dtype=other)
    parameter.data = value
