"""Every normalization that ``model.norm`` can name: adding one is adding its entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


@dataclass(frozen=True)
class Normalization:
    """What is known of a normalization; all have ε = 1e-5 and learned scales.

    Attributes:
        formula: in one line.
        source: paper.
        image: makes its layer for ``(N, channels, H, W)``, with one scale per channel.
        dense: makes its layer for ``(N, features)``; None where there is none.
        shift: whether it learns a shift, so that the layer in front of it needs no bias.
    """

    formula: str
    source: str
    image: Callable[[int], nn.Module]
    dense: Callable[[int], nn.Module] | None = None
    shift: bool = True


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(num_groups(channels), channels)


NORMALIZATIONS: dict[str, Normalization] = {
    "batch": Normalization(
        "(x - mean) / √(var + ε) over the batch, per channel",
        "Ioffe and Szegedy 2015, Batch Normalization.",
        nn.BatchNorm2d,
        nn.BatchNorm1d,
    ),
    "layer": Normalization(
        "(x - mean) / √(var + ε) over an example",
        "Ba et al. 2016, Layer Normalization.",
        partial(nn.GroupNorm, 1),  # each image as a whole, over channels and positions
        nn.LayerNorm,
    ),
    "group": Normalization(
        "(x - mean) / √(var + ε) over groups of channels",
        "Wu and He 2018, Group Normalization.",
        _group_norm,
        _group_norm,
    ),
    "instance": Normalization(
        "(x - mean) / √(var + ε) per channel and image",
        "Ulyanov et al. 2016, Instance Normalization.",
        partial(nn.InstanceNorm2d, affine=True),
    ),
    "rms": Normalization(
        "x / √(mean(x²) + ε) over an example",
        "Zhang and Sennrich 2019, equation 4.",
        RMSNorm2d,
        partial(nn.RMSNorm, eps=1e-5),
        shift=False,
    ),
}

if TYPE_CHECKING:
    Norm = str
    DenseNorm = str
else:
    Norm = Literal[(*NORMALIZATIONS, "none")]
    DenseNorm = Literal[(*(name for name, norm in NORMALIZATIONS.items() if norm.dense), "none")]


def dense_norm(name: DenseNorm, features: int) -> nn.Module:
    """The normalization called `name` for ``(N, features)``; ``none`` does nothing."""
    build = None if name == "none" else NORMALIZATIONS[name].dense
    return build(features) if build else nn.Identity()


def image_norm(name: Norm, channels: int) -> nn.Module:
    """The normalization called `name` for ``(N, channels, H, W)``; ``none`` does nothing."""
    return nn.Identity() if name == "none" else NORMALIZATIONS[name].image(channels)


def needs_bias(name: Norm) -> bool:
    """Whether the layer in front of a normalization needs a bias: not when it brings its own shift."""
    return name == "none" or not NORMALIZATIONS[name].shift
