"""Random rotation."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ImageTechnique, Padding
from runner.augmentation.geometry.boxes import moved
from runner.augmentation.geometry.warp import GRID_MODES, affine_matrix
from runner.engine.spec import IGNORED


def rotate(
    inputs: Tensor,
    degrees: Tensor,
    padding_mode: Padding = "reflect",
    mode: Literal["bilinear", "nearest"] = "bilinear",
) -> Tensor:
    """Turn each image about its centre, counter-clockwise.

    Args:
        inputs: images ``(N, C, H, W)``.
        degrees: angles ``(N,)``.
        padding_mode: what lies outside: the image mirrored at its edge, the border pixel, or 0.
        mode: interpolation.

    Returns:
        Images ``(N, C, H, W)``.
    """
    n, _, h, w = inputs.shape
    angle = degrees * (math.pi / 180.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # From places in the result to places in the input, in coordinates that run from -1 to 1 along either side; hence
    # the ratios of the sides.
    matrix = torch.stack([cos, -sin * (h / w), zero, sin * (w / h), cos, zero], dim=1).view(n, 2, 3)
    grid = F.affine_grid(matrix.to(inputs.dtype), list(inputs.shape), align_corners=False)
    return F.grid_sample(inputs, grid, mode=mode, padding_mode=GRID_MODES[padding_mode], align_corners=False)


class Rotation(ImageTechnique):
    """Turn each image by an angle drawn uniformly from [-degrees, degrees].

    Inputs are scaled before they get here, so ``zeros`` means the mean of standardized images, not black; ``reflect``
    and ``replicate`` keep to values that the image has, whatever the scaling.

    Args:
        degrees: largest angle, in [0, 180].
        padding_mode: what fills the corners.

    Source: Simard et al. 2003, "Best Practices for Convolutional Neural Networks", section 2.
    """

    def __init__(self, degrees: Annotated[float, Ge(0), Le(180)] = 15.0, padding_mode: Padding = "reflect") -> None:
        self.degrees, self.padding_mode = degrees, padding_mode

    def draw(self, inputs: Tensor) -> tuple[Tensor, int, int]:
        """The angle of each image ``(N,)``, and the images' height and width."""
        degrees = (2.0 * torch.rand(len(inputs), device=inputs.device) - 1.0) * self.degrees
        return degrees, inputs.shape[-2], inputs.shape[-1]

    def apply(self, inputs: Tensor, degrees: Tensor, height: int, width: int) -> Tensor:
        """Turned images ``(N, C, H, W)``."""
        return rotate(inputs, degrees, self.padding_mode)

    def apply_to_mask(self, mask: Tensor, degrees: Tensor, height: int, width: int) -> Tensor:
        """Turned masks ``(N, H, W)``, each pixel with the class of the nearest."""
        shifted = (mask - IGNORED).to(degrees.dtype)[:, None]  # what lies outside becomes 0, which is then `IGNORED`
        return rotate(shifted, degrees, self.padding_mode, "nearest")[:, 0].to(mask.dtype) + IGNORED

    def apply_to_boxes(self, boxes: Tensor, degrees: Tensor, height: int, width: int) -> Tensor:
        """Upright boxes around the turned ones ``(N, M, 5)``, cut at the borders."""
        zero = torch.zeros_like(degrees)
        return moved(boxes, affine_matrix(-degrees, zero, zero, zero + 1, zero, zero), height, width)
