"""Bright pixels inverted."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability


def solarize(pixels: Tensor, threshold: Tensor) -> Tensor:
    """``1 - x`` where ``x >= threshold``, x elsewhere.

    Args:
        pixels: ``(N, C, H, W)`` in [0, 1].
        threshold: of each image ``(N,)``.
    """
    return torch.where(pixels >= threshold.to(pixels.dtype).view(-1, 1, 1, 1), 1.0 - pixels, pixels)


class Solarize(ColourTechnique):
    """Invert all values from a threshold on, in some of the images.

    Args:
        threshold: in [0, 1], 1 being the brightest.
        p: share of the images that are changed.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def __init__(self, threshold: Probability = 0.5, p: Probability = 0.5) -> None:
        self.threshold, self.p = threshold, p

    def apply(self, inputs: Tensor) -> Tensor:
        """Images with inverted highlights ``(N, C, H, W)``."""
        return solarize(inputs, inputs.new_full((len(inputs),), self.threshold))
