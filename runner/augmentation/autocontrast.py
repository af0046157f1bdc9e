"""As much contrast as there can be."""

from __future__ import annotations

from torch import Tensor

from runner.augmentation.base import ColourTechnique


def autocontrast(pixels: Tensor) -> Tensor:
    """``(x - min) / (max - min)`` of each channel of each image ``(N, C, H, W)``; one that is even stays as it is."""
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    even = low == high
    return (pixels - low.masked_fill(even, 0.0)).div_((high - low).masked_fill_(even, 1.0)).clamp_(0.0, 1.0)


class Autocontrast(ColourTechnique):
    """Stretch each channel so that its darkest value is 0 and its brightest 1, in some of the images.

    Args:
        p: share of the images that are changed.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def apply(self, inputs: Tensor) -> Tensor:
        """Images of full contrast ``(N, C, H, W)``."""
        return autocontrast(inputs)
