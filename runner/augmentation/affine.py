"""Random affine maps."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor

from runner.augmentation.base import ImageTechnique, Padding, in_range, uniform
from runner.augmentation.geometry.boxes import moved
from runner.augmentation.geometry.warp import affine_matrix, warp, warp_mask


class Affine(ImageTechnique):
    """Slant, scale, turn and move each image, about its centre, in a single interpolation.

    A translation, a change of scale, a shear or a rotation alone: the others set to 0, `scale` to [1,1]. Each is drawn
    uniformly; the shift is of whole pixels.

    Inputs are scaled before they get here, so ``zeros`` means the mean of standardized images, not black.

    Args:
        degrees: largest angle either way, in [0, 180].
        translate: largest shift either way, as a share of the width and of the height, in [0, 1).
        scale: smallest and largest factor, above 0.
        shear: largest slant of vertical lines either way, in degrees, in [0, 90).
        padding_mode: what lies outside: the image mirrored at its edge, the border pixel, or 0.

    Raises:
        ConfigError: `scale` is no range.

    Source: Simard et al. 2003, "Best Practices for Convolutional Neural Networks", section 2.
    """

    def __init__(
        self,
        degrees: Annotated[float, Ge(0), Le(180)] = 10.0,
        translate: Annotated[float, Ge(0), Lt(1)] = 0.1,
        scale: tuple[float, float] = (0.9, 1.1),
        shear: Annotated[float, Ge(0), Lt(90)] = 5.0,
        padding_mode: Padding = "reflect",
    ) -> None:
        self.degrees, self.translate, self.shear, self.padding_mode = degrees, translate, shear, padding_mode
        self.scale = in_range("affine.scale", scale, 1e-3)

    def draw(self, inputs: Tensor) -> tuple[Tensor, int, int]:
        """From places in each image to where they go ``(N, 3, 3)``; the images' height and width."""
        height, width = inputs.shape[-2:]
        degrees = uniform(-self.degrees, self.degrees, inputs)
        right, down = (
            uniform(-self.translate * side, self.translate * side, inputs).round() for side in (width, height)
        )
        slant = uniform(-self.shear, self.shear, inputs)
        matrix = affine_matrix(degrees, right, down, uniform(*self.scale, inputs), slant, torch.zeros_like(slant))
        return matrix, height, width

    def apply(self, inputs: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Moved images ``(N, C, H, W)``."""
        return warp(inputs, matrix, self.padding_mode)

    def apply_to_mask(self, mask: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Moved masks ``(N, H, W)``, each pixel with the class of the nearest."""
        return warp_mask(mask, matrix, self.padding_mode)

    def apply_to_boxes(self, boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Upright boxes around the moved ones ``(N, M, 5)``, cut at the borders."""
        return moved(boxes, matrix, height, width)
