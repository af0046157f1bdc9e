"""Random mirroring."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ImageTechnique


def flip(inputs: Tensor, chosen: Tensor, dim: int) -> Tensor:
    """Mirror the chosen images along one dimension.

    Args:
        inputs: images ``(N, C, H, W)``.
        chosen: bool ``(N,)``.
        dim: -1 swaps left and right, -2 top and bottom.

    Returns:
        Images ``(N, C, H, W)``.
    """
    return torch.where(chosen[:, None, None, None], inputs.flip(dim), inputs)


class Flip(ImageTechnique):
    """Mirror each image with some probability, apart for the two directions.

    Args:
        horizontal: probability of swapping left and right, in [0, 1].
        vertical: probability of swapping top and bottom, in [0, 1].
    """

    def __init__(
        self, horizontal: Annotated[float, Ge(0), Le(1)] = 0.5, vertical: Annotated[float, Ge(0), Le(1)] = 0.0
    ) -> None:
        self.horizontal, self.vertical = horizontal, vertical

    def draw_and_apply(self, inputs: Tensor) -> Tensor:
        """Mirrored images ``(N, C, H, W)``."""
        for p, dim in ((self.horizontal, -1), (self.vertical, -2)):
            if p > 0:
                inputs = flip(inputs, torch.rand(len(inputs), device=inputs.device) < p, dim)
        return inputs
