"""Negatives."""

from __future__ import annotations

from torch import Tensor

from runner.augmentation.base import ColourTechnique


class Invert(ColourTechnique):
    """``1 - x``, in some of the images.

    Args:
        p: share of the images that are inverted.

    Source: Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data", table 6.
    """

    def apply(self, inputs: Tensor) -> Tensor:
        """Negatives ``(N, C, H, W)``."""
        return 1.0 - inputs
