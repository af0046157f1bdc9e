"""Two thin layers in the place of a wide one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from runner.errors import ConfigError
from runner.model.changes.change import Change

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class LowRank(Change):
    """Dense layers and convolutions become two, with so many values in between as the rank says.

    A dense layer ``(out, in)`` becomes ``(rank, in)`` without a bias and ``(out, rank)``; a convolution one to `rank`
    channels with its own kernel, and one of 1x1 from there.

    Attributes:
        ranks: by name of the layer.
    """

    ranks: Mapping[str, int]

    def apply(self, model: nn.Module) -> None:
        """See `Change.apply`."""
        modules = dict(model.named_modules())
        for name, rank in self.ranks.items():
            layer = modules.get(name)
            if layer is None or not factorable(layer):
                raise ConfigError(f"low_rank: the network has no dense layer or convolution {name!r} to divide in two.")
            most = min(len(layer.weight), layer.weight[0].numel())
            if type(rank) is not int or not 0 < rank <= most:  # damaged: a large one would take all memory
                raise ConfigError(f"low_rank: {name} has a rank of at most {most}, got {rank!r}.")
            parent, _, own = name.rpartition(".")
            setattr(modules[parent], own, divided(layer, rank))


def factorable(layer: nn.Module) -> bool:
    """Whether a layer can become two: what others made of such layers, and groups of channels, can't."""
    if isinstance(layer, CONVOLUTIONS) and type(layer) in CONVOLUTIONS:
        return layer.groups == 1
    return type(layer) is nn.Linear


def divided(layer: nn.Module, rank: int) -> nn.Sequential:
    """The two layers, with weights that were not set.

    Args:
        layer: as of `factorable`.
        rank: values in between, at least 1.
    """
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        first, second = nn.Linear(layer.in_features, rank, False), nn.Linear(rank, layer.out_features, bias)
        return nn.Sequential(first, second).to(layer.weight)
    assert isinstance(layer, CONVOLUTIONS)
    kind: Any = type(layer)
    whole = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    narrow = kind(layer.in_channels, rank, *whole, bias=False, padding_mode=layer.padding_mode)
    return nn.Sequential(narrow, kind(rank, layer.out_channels, 1, bias=bias)).to(layer.weight)


def factors(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The two weights whose product is the best approximation of `weight` of this rank, ``U √S`` and ``√S Vᵀ``.

    Args:
        weight: ``(out, in)`` or ``(out, in, *kernel)``, of which all but the first count as one.
        rank: r.

    Returns:
        ``(r, in, *kernel)`` and ``(out, r)``, the latter with a kernel of ones; alike in size, as training likes them.
        What is lost is ``√(σ²_{r+1} + σ²_{r+2} + ...)``, and nothing of rank r loses less.

    Source: Eckart and Young 1936, "The approximation of one matrix by another of lower rank".
    """
    u, s, vt = torch.linalg.svd(weight.double().flatten(1), full_matrices=False)
    root = s[:rank].sqrt()
    first = (root[:, None] * vt[:rank]).view(rank, *weight.shape[1:])
    second = (u[:, :rank] * root).view(len(weight), rank, *(1 for _ in weight.shape[2:]))
    return first.to(weight.dtype).contiguous(), second.to(weight.dtype).contiguous()
