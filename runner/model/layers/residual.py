"""Residual blocks: a branch of convolutions beside a shortcut, activated after the sum or before the convolutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from runner.model.base import Residual
from runner.model.layers.attention import Attention, attention_layer
from runner.model.layers.dropout import stochastic_depth
from runner.model.layers.normalization import Norm, image_norm, needs_bias


@dataclass(frozen=True)
class Parts:
    """What all blocks of a network share.

    Attributes:
        activation: makes an activation.
        norm: name of the normalization.
        attention: name of what stands at the end of each branch.
    """

    activation: Callable[[], nn.Module]
    norm: Norm
    attention: Attention = "none"

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A convolution that keeps the size at stride 1, without a bias where the normalization has one."""
        return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=needs_bias(self.norm))


class Subsample(nn.Module):
    """Shortcut without parameters: every `stride`-th pixel, and `extra` channels of zeros behind the others.

    Source: He et al. 2016, section 3.3, option A.
    """

    def __init__(self, stride: int, extra: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, extra

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C + extra, ceil(H / stride), ceil(W / stride))``."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


class Block(Residual):
    """The base of all blocks: ``(N, inputs, H, W)`` to ``(N, outputs, ceil(H / stride), ceil(W / stride))``.

    Args:
        parts: activation and normalization.
        inputs: channels that come in.
        channels: channels within the branch.
        stride: step of its convolution that subsamples.
        shortcut: what stands beside the branch.
        drop: probability that an example's branch is left out in training.
        first: whether this is the network's first block, whose input is activated already.

    Attributes:
        expansion: outputs as a multiple of `channels`.
    """

    expansion: ClassVar[int]

    def __init__(
        self, parts: Parts, inputs: int, channels: int, stride: int, shortcut: nn.Module, drop: float, first: bool
    ) -> None:
        super().__init__()
        self.build(parts, inputs, channels, stride, first)
        self.attention = attention_layer(parts.attention, channels * self.expansion)
        self.downsample = shortcut
        self.drop = stochastic_depth(drop)

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make the layers of the branch."""
        raise NotImplementedError


class Basic(Block):
    """Two 3x3 convolutions (He et al. 2016, figure 5 left)."""

    expansion = 1
    residual_ends = ("conv2",)

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make the layers of the branch."""
        self.conv1 = parts.conv(inputs, channels, 3, stride)
        self.bn1 = image_norm(parts.norm, channels)
        self.act1 = parts.activation()
        self.conv2 = parts.conv(channels, channels, 3)
        self.bn2 = image_norm(parts.norm, channels)
        self.act2 = parts.activation()

    def forward(self, x: Tensor) -> Tensor:
        """The activated sum."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.act2(self.drop(self.attention(y)) + self.downsample(x))  # type: ignore[no-any-return]


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolutions (He et al. 2016, figure 5 right).

    The stride is in the 3x3 convolution, as in the widespread pretrained weights ("ResNet v1.5").
    """

    expansion = 4
    residual_ends = ("conv3",)

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make the layers of the branch."""
        self.conv1 = parts.conv(inputs, channels, 1)
        self.bn1 = image_norm(parts.norm, channels)
        self.act1 = parts.activation()
        self.conv2 = parts.conv(channels, channels, 3, stride)
        self.bn2 = image_norm(parts.norm, channels)
        self.act2 = parts.activation()
        self.conv3 = parts.conv(channels, channels * self.expansion, 1)
        self.bn3 = image_norm(parts.norm, channels * self.expansion)
        self.act3 = parts.activation()

    def forward(self, x: Tensor) -> Tensor:
        """The activated sum."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.act2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.act3(self.drop(self.attention(y)) + self.downsample(x))  # type: ignore[no-any-return]


class PreBlock(Block):
    """The base of blocks that normalize and activate before each convolution, so that the sum is left as it is.

    A shortcut with weights starts behind the first activation, any other in front of it.

    Source: He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 1 (b) and section 4.1.
    """

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make what stands in front of the branch."""
        self.bn1 = nn.Identity() if first else image_norm(parts.norm, inputs)
        self.act1 = nn.Identity() if first else parts.activation()

    def forward(self, x: Tensor) -> Tensor:
        """The sum, not activated."""
        y = self.act1(self.bn1(x))
        beside = self.downsample(y if isinstance(self.downsample, nn.Sequential) else x)
        return self.drop(self.attention(self.branch(y))) + beside  # type: ignore[no-any-return]

    def branch(self, y: Tensor) -> Tensor:
        """The convolutions, from the activated input."""
        raise NotImplementedError


class PreBasic(PreBlock):
    """Two 3x3 convolutions."""

    expansion = 1
    residual_ends = ("conv2",)

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make the layers of the branch."""
        super().build(parts, inputs, channels, stride, first)
        self.conv1 = parts.conv(inputs, channels, 3, stride)
        self.bn2 = image_norm(parts.norm, channels)
        self.act2 = parts.activation()
        self.conv2 = parts.conv(channels, channels, 3)

    def branch(self, y: Tensor) -> Tensor:
        """The convolutions, from the activated input."""
        return self.conv2(self.act2(self.bn2(self.conv1(y))))  # type: ignore[no-any-return]


class PreBottleneck(PreBlock):
    """1x1, 3x3 (with the stride) and 1x1 convolutions."""

    expansion = 4
    residual_ends = ("conv3",)

    def build(self, parts: Parts, inputs: int, channels: int, stride: int, first: bool) -> None:
        """Make the layers of the branch."""
        super().build(parts, inputs, channels, stride, first)
        self.conv1 = parts.conv(inputs, channels, 1)
        self.bn2 = image_norm(parts.norm, channels)
        self.act2 = parts.activation()
        self.conv2 = parts.conv(channels, channels, 3, stride)
        self.bn3 = image_norm(parts.norm, channels)
        self.act3 = parts.activation()
        self.conv3 = parts.conv(channels, channels * self.expansion, 1)

    def branch(self, y: Tensor) -> Tensor:
        """The convolutions, from the activated input."""
        y = self.conv2(self.act2(self.bn2(self.conv1(y))))
        return self.conv3(self.act3(self.bn3(y)))  # type: ignore[no-any-return]


def shortcut(parts: Parts, inputs: int, outputs: int, stride: int, projected: bool) -> nn.Module:
    """The identity where shapes agree; otherwise a 1x1 convolution or, when not `projected`, a `Subsample`."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if not projected:
        return Subsample(stride, outputs - inputs)
    return nn.Sequential(parts.conv(inputs, outputs, 1, stride), image_norm(parts.norm, outputs))
