"""Layers that leave out units, channels or whole branches in training."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

DropoutRate = Annotated[float, Ge(0), Lt(1)]


def dropout_layer(p: float) -> nn.Module:
    """Dropout with probability `p`, scaled by 1/(1-p) in training (Srivastava et al. 2014); nothing when `p` is 0."""
    return nn.Dropout(p) if p else nn.Identity()


def spatial_dropout_layer(p: float) -> nn.Module:
    """Dropout of whole channels with probability `p`, scaled by 1/(1-p) in training (Tompson et al. 2015)."""
    return nn.Dropout2d(p) if p else nn.Identity()


class StochasticDepth(nn.Module):
    """Zero all of an example's values with probability `p`, scaled by 1/(1-p) in training; draws as torchvision's.

    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", equation 2.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """``(N, ...)`` to the same shape."""
        if not self.training:
            return x
        kept = torch.empty([len(x)] + [1] * (x.ndim - 1), dtype=x.dtype, device=x.device).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)


def stochastic_depth(p: float) -> nn.Module:
    """`StochasticDepth` of a residual branch with probability `p`; nothing when `p` is 0."""
    return StochasticDepth(p) if p else nn.Identity()


def drops(module: nn.Module) -> bool:
    """Whether a layer of torch's or of ours leaves anything out in training."""
    if isinstance(module, (_DropoutNd, StochasticDepth)):
        return module.p > 0
    return isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and module.dropout > 0
