"""Fewer shades."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability


def posterize(pixels: Tensor, bits: Tensor) -> Tensor:
    """``min(floor(2^b x), 2^b - 1) / 2^b``: as many shades as some bits can tell.

    Args:
        pixels: ``(N, C, H, W)`` in [0, 1].
        bits: b ``(N,)``, 0 to 8; 0 gives black.
    """
    levels = torch.exp2(bits.to(pixels.dtype)).view(-1, 1, 1, 1)
    return (pixels * levels).floor_().minimum(levels - 1).div_(levels)


class Posterize(ColourTechnique):
    """Keep only the highest bits of each value, in some of the images.

    Args:
        bits: how many of eight, 1 to 8.
        p: share of the images that are changed.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def __init__(self, bits: Annotated[int, Ge(1), Le(8)] = 4, p: Probability = 0.5) -> None:
        self.bits, self.p = bits, p

    def apply(self, inputs: Tensor) -> Tensor:
        """Images of fewer shades ``(N, C, H, W)``."""
        return posterize(inputs, inputs.new_full((len(inputs),), self.bits))
