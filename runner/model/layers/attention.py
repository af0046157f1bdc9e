"""Attention blocks for images."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from runner.model.base import Residual

Attention = Literal["none", "se", "self"]


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

        squeeze: nn.Module = SqueezeExcitation(channels, max(4, channels // 16))
        return squeeze
    return SelfAttention(channels) if name == "self" else nn.Identity()
