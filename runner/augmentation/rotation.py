"""Random rotation."""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ImageTechnique, Padding

GRID_MODES: dict[Padding, str] = {"reflect": "reflection", "replicate": "border", "zeros": "zeros"}


def rotate(inputs: Tensor, degrees: Tensor, padding_mode: Padding = "reflect") -> Tensor:
    """Turn each image about its centre, counter-clockwise, with bilinear interpolation.

    Args:
        inputs: images ``(N, C, H, W)``.
        degrees: angles ``(N,)``.
        padding_mode: what lies outside: the image mirrored at its edge, the border pixel, or 0.

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
    return F.grid_sample(inputs, grid, mode="bilinear", padding_mode=GRID_MODES[padding_mode], align_corners=False)


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

    def draw_and_apply(self, inputs: Tensor) -> Tensor:
        """Turned images ``(N, C, H, W)``."""
        degrees = (2.0 * torch.rand(len(inputs), device=inputs.device) - 1.0) * self.degrees
        return rotate(inputs, degrees, self.padding_mode)
