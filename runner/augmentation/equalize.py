"""Every shade as often as any other."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.augmentation.base import ColourTechnique

SHADES = 256


def equalize(pixels: Tensor) -> Tensor:
    """Flatten the histogram of each channel of each image: x becomes the share of the pixels that are darker.

    As Pillow does it: of 256 shades, in steps of a 255th of the pixels that are not of the brightest shade; an image
    with too few of them stays as it is.

    Args:
        pixels: ``(N, C, H, W)`` in [0, 1].

    Returns:
        Multiples of 1/255 in the type of `pixels`.
    """
    n, c, h, w = pixels.shape
    # As torchvision counts: each of the shades has an equally wide share of [0, 1].
    shades = (pixels.float() * (SHADES - 1e-3)).long().reshape(n, c, h * w)
    counts = torch.zeros(n, c, SHADES, dtype=torch.int32, device=pixels.device)
    counts.scatter_add_(2, shades, torch.ones((), dtype=torch.int32, device=pixels.device).expand_as(shades))
    below = counts.cumsum(2)
    brightest = counts.gather(2, below.argmax(2, keepdim=True))
    step = (h * w - brightest).div_(SHADES - 1, rounding_mode="floor")
    table = ((below - counts) + step // 2).div_(step.clamp(min=1), rounding_mode="floor").clamp_(0, SHADES - 1)
    table[..., 0] = 0
    even = step == 0
    found = torch.where(even, shades, table.gather(2, shades))
    return found.view(n, c, h, w).to(pixels.dtype).div_(SHADES - 1)


class Equalize(ColourTechnique):
    """Flatten the histogram of each channel, in some of the images.

    Args:
        p: share of the images that are changed.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def apply(self, inputs: Tensor) -> Tensor:
        """Images whose shades are equally frequent ``(N, C, H, W)``."""
        return equalize(inputs)
