"""Colours taken away."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability


def luminance(pixels: Tensor) -> Tensor:
    """``0.2989 R + 0.587 G + 0.114 B``: how bright each pixel is ``(N, 1, H, W)``; not of three channels, the mean.

    Args:
        pixels: ``(N, C, H, W)``.
    """
    if pixels.shape[1] != 3:
        return pixels if pixels.shape[1] == 1 else pixels.mean(1, keepdim=True)
    red, green, blue = pixels.split(1, 1)
    return torch.add(red * 0.2989, green, alpha=0.587).add_(blue, alpha=0.114)


class Grayscale(ColourTechnique):
    """Replace all channels by the luminance, in some of the images.

    Args:
        p: share of the images that lose their colours.

    Source: Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", section 4.
    """

    def __init__(self, p: Probability = 0.1) -> None:
        self.p = p

    def apply(self, inputs: Tensor) -> Tensor:
        """Grey images, of as many channels ``(N, C, H, W)``."""
        return luminance(inputs).expand_as(inputs).clone()
