"""Random sharpness."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability, in_range, uniform


def adjust_sharpness(pixels: Tensor, factor: Tensor) -> Tensor:
    """``clamp(f x + (1 - f) smooth(x))``, smooth being the mean of 3 x 3 pixels with weight 5 in the middle, else 1.

    Args:
        pixels: ``(N, C, H, W)``; the outermost pixels stay as they are.
        factor: f ``(N,)``: 0 is smooth, 1 leaves the image as it is, 2 sharpens it.
    """
    if min(pixels.shape[-2:]) <= 2:
        return pixels.clone()
    inner = pixels[..., 1:-1, 1:-1]
    rows = pixels[..., :-2, :] + pixels[..., 1:-1, :]
    rows += pixels[..., 2:, :]
    smooth = rows[..., :-2] + rows[..., 1:-1]
    smooth += rows[..., 2:]
    smooth.add_(inner, alpha=4.0).div_(13.0)
    result = pixels.clone()
    result[..., 1:-1, 1:-1] = torch.lerp(smooth, inner, factor.view(-1, 1, 1, 1)).clamp_(0.0, 1.0)
    return result


class Sharpness(ColourTechnique):
    """Smooth or sharpen some of the images.

    Args:
        factor: smallest and largest, at least 0; drawn uniformly. 0 is smooth, 1 as it was, 2 sharp.
        p: share of the images that are changed.

    Raises:
        ConfigError: `factor` is no range.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def __init__(self, factor: tuple[float, float] = (0.1, 1.9), p: Probability = 0.5) -> None:
        self.factor, self.p = in_range("sharpness.factor", factor, 0.0), p

    def draw(self, inputs: Tensor) -> tuple[Tensor]:
        """The factor of each image ``(N,)``."""
        return (uniform(*self.factor, inputs),)

    def apply(self, inputs: Tensor, factor: Tensor) -> Tensor:
        """Images ``(N, C, H, W)``, smoother or sharper."""
        return adjust_sharpness(inputs, factor)
