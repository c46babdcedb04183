"""Linear layers and embeddings with weights U S Vᵀ."""

from __future__ import annotations

import math
from typing import Any, Self

import torch

from tensorflowlr.checks import shown, whole_number
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.operations import Lookup, Product
from tensorflowlr.trees import Tree

Tensor = torch.Tensor


class LowRankLinear(LowRankLayer):
    """A linear layer whose weight is U S Vᵀ.

    Parameters
    ----------
    in_features, out_features, bias
        As for `torch.nn.Linear`.
    rank
        A share of the full rank (1.0 for a dense core), an integer, or a pair.
    device, dtype
        Of the parameters; float32 or float64.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be.

    References
    ----------
    Schotthöfer, Zangrando, Kusch, Ceruti, Tudisco, Low-rank lottery tickets, NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> layer = nn.LowRankLinear(8, 16, rank=3)
    >>> layer(torch.ones(5, 8)).shape
    torch.Size([5, 16])
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, rank: Any = 0.5,
        device: Any = None, dtype: Any = None,
    ) -> None:
        inputs = whole_number(in_features, "in_features")
        outputs = whole_number(out_features, "out_features")
        super().__init__((outputs, inputs), bias, device, dtype)
        self.reset(rank, inputs)

    @property
    def in_features(self) -> int:
        """The size of the input."""
        return self.shape[1]

    @property
    def out_features(self) -> int:
        """The size of the output."""
        return self.shape[0]

    @property
    def tree(self) -> Tree:
        """Two leaves below the root."""
        return Tree.matrix()

    @property
    def operation(self) -> Product:
        """The maps between input and output."""
        return Product(self.shape)

    @classmethod
    def from_dense(cls, layer: Any, *, rank: Any = 0.5) -> Self:
        """The nearest layer of a rank to a dense one, by the SVD.

        Parameters
        ----------
        layer
            The `torch.nn.Linear`; it is left as it is.
        rank
            A share of the full rank (1.0 is exact), an integer, a pair or a `Truncation`.

        Raises
        ------
        TypeError, ValueError
            If the layer is of another type, or the rank cannot be.
        """
        if type(layer) is not torch.nn.Linear:
            raise TypeError(f"layer must be a torch.nn.Linear, not {shown(layer)}")
        made = cls.__new__(cls)
        LowRankLayer.__init__(made, layer.weight.shape, layer.bias is not None,
                              layer.weight.device, layer.weight.dtype)
        made.fill(layer.weight, rank)
        if made.bias is not None:
            made.bias.data.copy_(layer.bias.detach())
        return made.train(layer.training)

    @torch.no_grad()
    def to_dense(self) -> torch.nn.Linear:
        """The dense layer with the same weight."""
        made = torch.nn.Linear(
            self.in_features, self.out_features, self.bias is not None,
            device=self.core.device, dtype=self.core.dtype,
        ).train(self.training)
        made.weight.copy_(self.weight)
        if self.bias is not None:
            made.bias.copy_(self.bias)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """The output for input of shape (…, in_features)."""
        if x.shape[-1:] != self.shape[1:]:
            raise ValueError(f"x must have {self.shape[1]} entries in its last axis, not shape "
                             f"{tuple(x.shape)}")
        y = self.compute(x.reshape(-1, self.shape[1]))
        return y.reshape(*x.shape[:-1], self.shape[0])


class LowRankEmbedding(LowRankLayer):
    """An embedding whose table is of low rank.

    Parameters
    ----------
    num_embeddings, embedding_dim, padding_idx
        As for `torch.nn.Embedding`.
    rank
        A share of the full rank (1.0 for a dense core), an integer, or a pair for
        (features, rows).
    device, dtype
        Of the parameters; float32 or float64.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> nn.LowRankEmbedding(100, 16, rank=4)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 16])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *,
        rank: Any = 0.5, device: Any = None, dtype: Any = None,
    ) -> None:
        rows = whole_number(num_embeddings, "num_embeddings")
        width = whole_number(embedding_dim, "embedding_dim")
        super().__init__((width, rows), False, device, dtype)
        self.padding_idx = self._padding(padding_idx)
        # entries of variance one, as torch's own
        self.reset(rank, 1)
        with torch.no_grad():
            self.core.mul_(math.sqrt(3.0))

    def _padding(self, index: int | None) -> int | None:
        if index is None:
            return None
        rows = self.shape[1]
        return whole_number(index, "padding_idx", -rows, rows - 1) % rows

    @property
    def tree(self) -> Tree:
        """Two leaves below the root."""
        return Tree.matrix()

    @property
    def operation(self) -> Lookup:
        """The maps between input and output."""
        return Lookup(self.shape)

    @property
    def weight(self) -> Tensor:
        """The dense table, formed anew, shape (rows, features)."""
        return super().weight.mT

    @classmethod
    def from_dense(cls, layer: Any, *, rank: Any = 0.5) -> Self:
        """The nearest embedding of a rank to a dense one, by the SVD.

        A row at `padding_idx` that is zero stays zero, also in training.

        Parameters
        ----------
        layer
            The `torch.nn.Embedding`; it is left as it is.
        rank
            A share of the full rank (1.0 is exact), an integer, a pair or a `Truncation`.

        Raises
        ------
        TypeError, ValueError
            If the layer is of another type or has options that no factors can keep
            (`max_norm`, `scale_grad_by_freq`, `sparse`), or the rank cannot be.
        """
        if type(layer) is not torch.nn.Embedding:
            raise TypeError(f"layer must be a torch.nn.Embedding, not {shown(layer)}")
        for name in ("max_norm", "scale_grad_by_freq", "sparse"):
            if getattr(layer, name):
                raise ValueError(f"layer: an embedding with {name} cannot be factorised")
        made = cls.__new__(cls)
        LowRankLayer.__init__(made, layer.weight.shape[::-1], False, layer.weight.device,
                              layer.weight.dtype)
        made.padding_idx = layer.padding_idx
        return made.fill(layer.weight.mT, rank).train(layer.training)

    @torch.no_grad()
    def to_dense(self) -> torch.nn.Embedding:
        """The dense embedding with the same table."""
        made = torch.nn.Embedding(
            self.shape[1], self.shape[0], self.padding_idx,
            device=self.core.device, dtype=self.core.dtype,
        ).train(self.training)
        made.weight.copy_(self.weight)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """The rows numbered by x, shape (…, features)."""
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            raise TypeError(f"x must be integers, the numbers of rows, not {x.dtype}")
        y = self.compute(x.reshape(-1)).reshape(*x.shape, self.shape[0])
        if self.padding_idx is not None:
            y = torch.where((x == self.padding_idx)[..., None], y.detach(), y)
        return y
