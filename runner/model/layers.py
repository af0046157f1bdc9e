"""Parts that every network chooses by name: activation, normalization, dropout."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal[
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "swish",
    "mish",
    "softplus",
    "hardswish",
    "tanh",
    "sigmoid",
    "softmax",
    "identity",
]
DenseNorm = Literal["batch", "layer", "group", "rms", "none"]
Norm = Literal["batch", "layer", "group", "instance", "rms", "none"]
DropoutRate = Annotated[float, Ge(0), Lt(1)]
Slope = Annotated[float, Ge(0)]

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,  # its other name
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softmax": partial(nn.Softmax, dim=1),  # over the features or channels: (N, C) and (N, C, H, W)
    "identity": nn.Identity,
}


def activation_layer(name: Activation, negative_slope: float) -> nn.Module:
    """The activation called `name`; `negative_slope` is that of ``leaky_relu``, and of no concern to others."""
    return nn.LeakyReLU(negative_slope) if name == "leaky_relu" else ACTIVATIONS[name]()


class Chain(nn.Sequential):
    """Named layers, run in order. Layers that do nothing (``nn.Identity``) are left out and cost nothing.

    A layer's name does not depend on which others are there, so weights saved with dropout or an activation fit the
    same network without it.

    Args:
        activation: name of the activation between the layers; `runner.init` takes its gain from it.
        layers: the layers by name.
    """

    def __init__(self, activation: Activation, layers: Mapping[str, nn.Module]) -> None:
        super().__init__(OrderedDict((k, v) for k, v in layers.items() if not isinstance(v, nn.Identity)))
        self.activation = activation


class RMSNorm2d(nn.Module):
    """Divide each image by the root mean square of all its values, then scale each channel.

    ``y = x / sqrt(mean(x²) + eps) * weight`` with the mean over channels and positions: what layer norm does for
    images, without its centring and shift.

    Args:
        channels: C.
        eps: added to the mean square.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return F.rms_norm(x, x.shape[1:], eps=self.eps) * self.weight[:, None, None]


def num_groups(channels: int) -> int:
    """As many equal groups as there can be with at least 16 channels in each; 1 when there are fewer than 32.

    A fixed size rather than the fixed number of 32 groups (equally good in the paper) keeps narrow layers from groups
    of one or two values, whose normalization leaves little more than a sign.

    Source: Wu and He 2018, "Group Normalization", table 3 (16 channels per group).
    """
    return max(g for g in range(1, max(1, channels // 16) + 1) if channels % g == 0)


def dense_norm(name: DenseNorm, features: int) -> nn.Module:
    """The normalization called `name` for ``(N, features)``; all have ε = 1e-5 and learned scales."""
    if name == "batch":
        return nn.BatchNorm1d(features)
    if name == "layer":
        return nn.LayerNorm(features)
    if name == "group":
        return nn.GroupNorm(num_groups(features), features)
    return nn.RMSNorm(features, eps=1e-5) if name == "rms" else nn.Identity()


def image_norm(name: Norm, channels: int) -> nn.Module:
    """The normalization called `name` for ``(N, channels, H, W)``; all have ε = 1e-5 and one learned scale per channel.

    ``layer`` and ``rms`` take each image as a whole, over channels and positions; ``instance`` each channel of each
    image.
    """
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "layer":
        return nn.GroupNorm(1, channels)
    if name == "group":
        return nn.GroupNorm(num_groups(channels), channels)
    if name == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return RMSNorm2d(channels) if name == "rms" else nn.Identity()


def needs_bias(norm: Norm) -> bool:
    """Whether the layer in front of `norm` needs a bias: not when the normalization brings its own shift."""
    return norm in ("rms", "none")


def dropout_layer(p: float) -> nn.Module:
    """Dropout with probability `p`, scaled by 1/(1-p) in training (Srivastava et al. 2014); nothing when `p` is 0."""
    return nn.Dropout(p) if p else nn.Identity()


def spatial_dropout_layer(p: float) -> nn.Module:
    """Dropout of whole channels with probability `p`, scaled by 1/(1-p) in training (Tompson et al. 2015)."""
    return nn.Dropout2d(p) if p else nn.Identity()


def stochastic_depth(p: float) -> nn.Module:
    """Zero an example's residual branch with probability `p`, scaled by 1/(1-p) in training (Huang et al. 2016)."""
    if not p:
        return nn.Identity()
    from torchvision.ops import StochasticDepth

    layer: nn.Module = StochasticDepth(p, "row")
    return layer
