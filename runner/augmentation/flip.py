"""Random mirroring."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ImageTechnique
from runner.augmentation.geometry.boxes import flipped


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

    def draw(self, inputs: Tensor) -> tuple[tuple[Tensor, int, int], ...]:
        """Of each direction that is mirrored at all: which images, the dimension and its pixels."""
        return tuple(
            (torch.rand(len(inputs), device=inputs.device) < p, dim, inputs.shape[dim])
            for p, dim in ((self.horizontal, -1), (self.vertical, -2))
            if p > 0
        )

    def apply(self, inputs: Tensor, *draws: tuple[Tensor, int, int]) -> Tensor:
        """Mirrored images ``(N, C, H, W)``."""
        for chosen, dim, _ in draws:
            inputs = flip(inputs, chosen, dim)
        return inputs

    def apply_to_mask(self, mask: Tensor, *draws: tuple[Tensor, int, int]) -> Tensor:
        """Mirrored masks ``(N, H, W)``."""
        return self.apply(mask[:, None], *draws)[:, 0]

    def apply_to_boxes(self, boxes: Tensor, *draws: tuple[Tensor, int, int]) -> Tensor:
        """Mirrored boxes ``(N, M, 5)``."""
        for chosen, dim, size in draws:
            boxes = flipped(boxes, chosen, dim, size)
        return boxes
