"""The gradient flow of one factorised weight as a field that the integrators take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tensorflowlr.arrays import Array
from tensorflowlr.checks import shown
from tensorflowlr.fields import FactoredField
from tensorflowlr.fields.factored import CallableEnvironment, CallableLocal
from tensorflowlr.moves.frame import Frame
from tensorflowlr.nn.layer import LowRankLayer, identity, resize
from tensorflowlr.tensors import TreeTensor

Tensor = torch.Tensor
# at every node but the whole modes: what stands in the place of a basis, or of the core
Slopes = list[Tensor | None]


class GradientField(FactoredField):
    """Y' = −∇L(Y) for the weight Y of one factorised layer.

    All other parameters stay as they are. Where all nodes are asked at their centres, as one
    explicit Euler step of `ParallelBUG` does, a single backward pass serves them all; any other
    state costs a pass of its own. Nothing is divided by singular values. `evaluate`, which
    methods of order 2 need, takes the dense gradient.

    Parameters
    ----------
    layer
        The layer; it is left as it is. A run starts from ``layer.tensor()``, and
        ``layer.assign(solution.final)`` takes its end over.
    loss
        Called without arguments; runs the model and returns the loss, a scalar. None takes the
        Galerkin gradients that a backward pass has left in the layer: they are good for one
        explicit Euler step of `ParallelBUG` from the layer's weight, and nothing else.

    Raises
    ------
    TypeError
        If `layer` is no factorised layer, or `loss` is not callable.

    References
    ----------
    Zangrando et al., NeurIPS 2024; Schotthöfer et al., NeurIPS 2022.

    Examples
    --------
    >>> import torch, tensorflowlr as tlr
    >>> from tensorflowlr import nn
    >>> layer = nn.LowRankLinear(4, 3, rank=2, dtype=torch.float64)
    >>> x = torch.eye(4, dtype=torch.float64)
    >>> field = nn.GradientField(layer, lambda: layer(x).square().sum())
    >>> method = tlr.AugmentedBUG(tlr.Truncation(rtol=1e-3))
    >>> solution = tlr.integrate(field, layer.tensor(), (0.0, 0.1), step=0.05, method=method)
    >>> bool(solution.final.norm() < layer.tensor().norm())
    True
    """

    def __init__(self, layer: LowRankLayer, loss: Callable[[], Tensor] | None = None) -> None:
        if not isinstance(layer, LowRankLayer):
            raise TypeError(f"layer must be a factorised layer of nn, not {shown(layer)}")
        if loss is not None and not callable(loss):
            raise TypeError(f"loss must be callable or None, not {shown(loss)}")
        super().__init__(self._dense)
        self.layer, self.loss = layer, loss

    def prepare(self, Y: TreeTensor, t: float) -> TreeTensor:
        """Refuse a start that is no weight of the layer."""
        del t
        layer, core = self.layer, Y.cores[-1]
        if Y.tree != layer.tree or Y.shape != layer.shape:
            raise ValueError(
                f"Y0 must be of shape {layer.shape} on {layer.tree}, the layer's, "
                f"not {Y.shape} on {Y.tree}"
            )
        if not isinstance(core, Tensor) or core.dtype != layer.core.dtype:
            raise TypeError(f"Y0 must hold torch tensors of dtype {layer.core.dtype}, the "
                            f"layer's, not {shown(Y)} of {type(core).__name__}s")
        if core.device != layer.core.device:
            raise ValueError(f"Y0 must be on {layer.core.device}, the layer's device, "
                             f"not on {core.device}")
        return Y

    def environment(self, frame: Frame) -> Any:
        """The gradients seen from a frame."""
        return _Environment(self, frame)

    def slopes(self, frame: Frame) -> Slopes | None:
        """The gradients at all nodes of a frame from one pass, where that can be had."""
        layer = self.layer
        if self.loss is None:
            own = layer.frame
            if layer.core.grad is None or not layer.galerkin or not _equal(own, frame):
                raise ValueError(
                    "loss: without one the field has Galerkin gradients at the layer's weight "
                    "alone, from a backward pass with galerkin=True; give a function"
                )
            found = [p.grad if p.numel() else None for p in layer.leaves]
            turned = [None if g is None else g @ _turn(own.outer[i], frame.outer[i], i)
                      for i, g in enumerate(found)]
            return [*turned, layer.core.grad]
        fits = all(
            frame.basis[i] is identity(n, layer.core.dtype, layer.core.device)
            if frame.complete[i] else frame.basis[i].shape == frame.centre[i].shape
            for i, n in enumerate(layer.shape)
        )
        if not fits:
            return None
        with self._placed(_stored(layer, frame.basis[:-1]), frame.centre[-1][..., 0]):
            layer.galerkin = True
            layer.adopt(frame)
            return self._gradients()

    def slope(self, node: int, factors: Sequence[Array], core: Array) -> Tensor:
        """The gradient at a leaf, or at the core, of the weight with these parts."""
        if self.loss is None:
            raise ValueError("loss: without one the field has gradients at the layer's weight "
                             "alone; give a function that returns the loss")
        with self._placed(factors, core):
            # of the plain chain: what stands in a leaf's place is a centre, no basis
            self.layer.galerkin = False
            found = self._gradients()[node]
        assert found is not None
        return found

    def _dense(self, t: float, Y: TreeTensor) -> TreeTensor:
        """−∇L(Y) on the tree, without truncation."""
        del t
        nothing = [p.new_empty((p.shape[0], 0)) for p in self.layer.leaves]
        slope = self.slope(len(nothing), nothing, Y.to_dense())
        return TreeTensor.from_dense(-slope, Y.tree)

    def _gradients(self) -> Slopes:
        assert self.loss is not None
        parameters = [*self.layer.leaves, self.layer.core]
        with torch.enable_grad():
            value = self.loss()
            if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
                raise TypeError(f"loss must return a scalar that depends on the layer, "
                                f"not {shown(value)}")
            used = [p for p in parameters if p.numel()]
            found = iter(torch.autograd.grad(value, used, allow_unused=True))
        made = [next(found) if p.numel() else None for p in parameters]
        if made[-1] is None:
            raise TypeError("loss must return a scalar that depends on the layer")
        return made

    @contextmanager
    def _placed(self, factors: Sequence[Array], core: Array) -> Iterator[None]:
        """The layer with other parts for a while."""
        layer = self.layer
        parameters = [*layer.leaves, layer.core]
        before = [(p.data, p.grad, p.requires_grad) for p in parameters]
        kept, flag = layer._kept, layer.galerkin
        try:
            for parameter, value in zip(parameters, [*factors, core], strict=True):
                resize(parameter, value)
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter, (value, gradient, wanted) in zip(parameters, before, strict=True):
                resize(parameter, value)
                parameter.requires_grad_(wanted)
                parameter.grad = gradient
            layer._kept, layer.galerkin = kept, flag


class _Environment(CallableEnvironment):
    """The gradients of one frame; what is asked at the frame's own centres is computed once."""

    field: GradientField

    def __init__(self, field: GradientField, frame: Frame) -> None:
        super().__init__(field, frame)
        self.moved = False
        self._slopes: Slopes | None = None
        self._asked = False

    def update(self, node: int, basis: Array) -> None:
        """Replace the basis of a leaf."""
        super().update(node, basis)
        self.moved = True

    def local(self, node: int) -> _Local:
        """The gradient at one node."""
        return _Local(self, node, list(self.bases))

    def at_start(self) -> Slopes | None:
        """All gradients at the frame's centres."""
        if not self._asked:
            self._slopes, self._asked = self.field.slopes(self.frame), True
        return self._slopes


class _Local(CallableLocal):
    """The gradient at one node, with the sign of descent."""

    environment: _Environment

    def __call__(self, t: float, centre: Array) -> Array:
        """The derivative of the centre; time plays no part."""
        del t
        frame, node, field = self.environment.frame, self.node, self.environment.field
        root = node == frame.tree.root
        # a leaf's surroundings are the frame's, whatever the other leaves have become
        start = centre is frame.centre[node] and not (root and self.environment.moved)
        held = self.environment.at_start() if start else None
        if held is not None:
            slope = held[node]
            assert slope is not None
        else:
            factors = _stored(field.layer, self.bases[:-1] if root else frame.basis[:-1])
            core = centre[..., 0]
            if not root:
                factors[node], core = centre, frame.outer[node][..., 0]
            slope = field.slope(node, factors, core)
        return -slope[..., None] if root else -slope


def _stored(layer: LowRankLayer, bases: Sequence[Array]) -> list[Array]:
    """Bases as parameters: an identity is not stored."""
    return [
        u.new_empty((n, 0)) if u is identity(n, u.dtype, u.device) else u
        for n, u in zip(layer.shape, bases, strict=True)
    ]


def _equal(one: Frame, other: Frame) -> bool:
    """Whether bases and cores are the same numbers."""
    pairs = [*zip(one.basis, other.basis, strict=True), (one.centre[-1], other.centre[-1])]
    return all(
        a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs
    )


def _turn(one: Array, other: Array, leaf: int) -> Tensor:
    """The change between two orthonormal surroundings of a leaf with the same span.

    Gram matrices factorise only what they resolve, so that both span what the weight does.
    """
    rows, columns = (Q[..., 0].movedim(leaf, 0).flatten(1) for Q in (one, other))
    return rows @ columns.T
