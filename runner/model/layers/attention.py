"""Attention blocks for images."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from runner.model.base import Residual

Attention = Literal["none", "se", "cbam", "self"]


def squeezed(channels: int) -> int:
    """Units between the two layers that weigh channels: a sixteenth of them, at least 4."""
    return max(4, channels // 16)


class CBAM(nn.Module):
    """Weigh channels, then positions, by numbers in (0, 1): ``y = x * c(x)``, then ``y * s(y)``.

    ``c = σ(W₁ relu(W₀ mean) + W₁ relu(W₀ max))`` of the mean and the largest value of each channel, with a sixteenth of
    the channels between the layers; ``s = σ(conv(mean, max))`` of the mean and the largest value of each position, with
    a 7x7 kernel.

    Args:
        channels: C.

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equations 1 to 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed(channels), 1, bias=False)
        self.act = nn.ReLU()
        self.fc2 = nn.Conv2d(squeezed(channels), channels, 1, bias=False)
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        channels = sum(self.fc2(self.act(self.fc1(each))) for each in pooled)
        y = x * torch.sigmoid(channels)
        positions = torch.cat([y.mean(1, keepdim=True), y.amax(1, keepdim=True)], 1)
        return y * torch.sigmoid(self.conv(positions))


class SelfAttention(Residual):
    """Let every position look at every other: ``x + attention(x)`` with one head over the H x W positions.

    Scaled dot products of linear projections, as in transformers; positions are not encoded, since the channels of a
    convolution tell them. Costs time and memory for ``(H W)²`` pairs.

    Args:
        channels: C.

    Source: Wang et al. 2018, "Non-local Neural Networks", equation 6; Vaswani et al. 2017, "Attention Is All You Need",
    equation 1.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("attention.out_proj",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        positions = x.flatten(2).transpose(1, 2)  # (N, H W, C)
        seen, _ = self.attention(positions, positions, positions, need_weights=False)
        return x + seen.transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


def attention_layer(name: Attention, channels: int) -> nn.Module:
    """The attention called `name` for ``(N, channels, H, W)``.

    ``se`` scales each channel by a number in (0, 1) that two dense layers, the first with a sixteenth of the channels
    (at least 4), make from the means of all channels (Hu et al. 2018, "Squeeze-and-Excitation Networks").
    """
    if name == "se":
        from torchvision.ops import SqueezeExcitation

        squeeze: nn.Module = SqueezeExcitation(channels, squeezed(channels))
        return squeeze
    if name == "cbam":
        return CBAM(channels)
    return SelfAttention(channels) if name == "self" else nn.Identity()
