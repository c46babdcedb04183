"""Convolutions with Tucker weights."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from torch.nn import functional

from tensorflowlr.checks import shown
from tensorflowlr.nn.layer import LowRankLayer
from tensorflowlr.nn.operations import Convolution

Tensor = torch.Tensor


class _TuckerConv(LowRankLayer):
    """What the convolutions of one, two and three axes share."""

    dense_type: ClassVar[Any]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Any
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", *, rank: Any = 0.5, spatial: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:
        # torch's own layer checks and completes the arguments; on `meta` it takes no memory
        like = self.dense_type(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device="meta",
        )
        self._set_up(like, bias, spatial, device, dtype)
        self.reset(rank, math.prod(self.shape[1:]))

    def _set_up(self, like: Any, bias: bool, spatial: bool, device: Any, dtype: Any) -> None:
        super().__init__(like.weight.shape, bias, device, dtype)
        if spatial:
            self.adaptive = tuple(range(len(self.shape)))
        for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding",
                     "dilation", "groups", "padding_mode"):
            setattr(self, name, getattr(like, name))
        # what is padded before: other modes than zeros, and one side more than the other
        twice = list(like._reversed_padding_repeated_twice)
        pairs = [(twice[2 * i], twice[2 * i + 1]) for i in range(len(twice) // 2)][::-1]
        outside = self.padding_mode != "zeros" or any(a != b for a, b in pairs)
        self._outside = twice if outside else None
        inside = (0,) * len(pairs) if outside else tuple(a for a, _ in pairs)
        self._operation = Convolution(
            self.shape, tuple(like.stride), inside, tuple(like.dilation), like.groups
        )

    @property
    def operation(self) -> Convolution:
        """The maps between input and output."""
        return self._operation

    @classmethod
    def from_dense(cls, layer: Any, *, rank: Any = 0.5, spatial: bool = False) -> Self:
        """The nearest layer of a rank to a dense one.

        Parameters
        ----------
        layer
            The dense convolution; it is left as it is.
        rank
            A share of the full rank (1.0 is exact), an integer, a tuple for the channel modes
            (outputs, inputs) or for all modes, or a `Truncation`.
        spatial
            Whether the axes of the window are factorised and adapt as well.

        Raises
        ------
        TypeError, ValueError
            If the layer is of another type, or the rank cannot be.
        """
        if type(layer) is not cls.dense_type:
            raise TypeError(f"layer must be a torch.nn.{cls.dense_type.__name__}, "
                            f"not {shown(layer)}")
        made = cls.__new__(cls)
        made._set_up(layer, layer.bias is not None, spatial, layer.weight.device,
                     layer.weight.dtype)
        made.fill(layer.weight, rank)
        if made.bias is not None:
            made.bias.data.copy_(layer.bias.detach())
        return made.train(layer.training)

    @torch.no_grad()
    def to_dense(self) -> Any:
        """The dense convolution with the same weight."""
        made = self._plain(self.in_channels, self.out_channels, self.kernel_size, self.stride,
                           self.padding, self.dilation, self.groups, self.bias is not None)
        made.weight.copy_(self.weight)
        if self.bias is not None:
            made.bias.copy_(self.bias)
        return made

    def _plain(
        self, inputs: int, outputs: int, window: Any, stride: Any, padding: Any, dilation: Any,
        groups: int, bias: bool,
    ) -> Any:
        return self.dense_type(
            inputs, outputs, window, stride, padding, dilation, groups, bias,
            self.padding_mode, device=self.core.device, dtype=self.core.dtype,
        ).train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        """The output for input of shape (N, channels, …) or (channels, …)."""
        axes = len(self.shape) - 2
        single = x.ndim == axes + 1
        if x.ndim not in (axes + 1, axes + 2) or x.shape[-axes - 1] != self.in_channels:
            raise ValueError(f"x must have {self.in_channels} channels before its {axes} last "
                             f"axes, not shape {tuple(x.shape)}")
        if single:
            x = x[None]
        if self._outside is not None:
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            x = functional.pad(x, self._outside, mode=mode)
        y = self.compute(x)
        return y[0] if single else y

    def extra_repr(self) -> str:
        """The arguments that matter, and the ranks."""
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            if value not in (usual, (usual,) * (len(self.shape) - 2)):
                words.append(f"{name}={value}")
        return ", ".join([*words, f"bias={self.bias is not None}", f"ranks={self.ranks}"])


class TuckerConv2d(_TuckerConv):
    """A convolution over two axes whose weight is a Tucker tensor.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
        As for `torch.nn.Conv2d`. With groups, one basis of inputs serves all groups.
    rank
        A share of the full rank (1.0 for a dense core), an integer, or a tuple for the channel
        modes (outputs, inputs) or for all modes.
    spatial
        Whether the axes of the window are factorised and adapt as well.
    device, dtype
        Of the parameters; float32 or float64.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be.

    References
    ----------
    Zangrando, Schotthöfer, Ceruti, Kusch, Tudisco, Rank-adaptive spectral pruning of
    convolutional layers during training, NeurIPS 2024.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> layer = nn.TuckerConv2d(8, 16, 3, rank=0.5)
    >>> layer.ranks
    (8, 4, 3, 3)
    """

    dense_type = torch.nn.Conv2d


class TuckerConv1d(_TuckerConv):
    """A convolution over one axis whose weight is a Tucker tensor.

    The arguments are those of `TuckerConv2d`, with sizes as for `torch.nn.Conv1d`.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> nn.TuckerConv1d(8, 16, 3, rank=0.5).ranks
    (8, 4, 3)
    """

    dense_type = torch.nn.Conv1d


class TuckerConv3d(_TuckerConv):
    """A convolution over three axes whose weight is a Tucker tensor.

    The arguments are those of `TuckerConv2d`, with sizes as for `torch.nn.Conv3d`.

    Examples
    --------
    >>> import torch
    >>> from tensorflowlr import nn
    >>> nn.TuckerConv3d(8, 16, 3, rank=(4, 3)).ranks
    (4, 3, 3, 3, 3)
    """

    dense_type = torch.nn.Conv3d
