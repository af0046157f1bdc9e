"""The base of policies that do operations one after the other."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from runner.augmentation.base import ColourTechnique, Padding
from runner.augmentation.policy.operations import Draw, Space, apply, apply_to_boxes, apply_to_mask


class Policy(ColourTechnique):
    """Operations on pixels drawn for each image, some of which move them. A subclass draws them.

    Attributes:
        space: operations and their strengths.
        padding_mode: what moves in from outside.
    """

    space: ClassVar[Space]
    padding_mode: Padding

    def apply(self, inputs: Tensor, height: int, width: int, *draws: Draw) -> Tensor:
        """Changed pixels ``(N, C, H, W)``."""
        for draw in draws:
            inputs = apply(self.space, inputs, draw, self.padding_mode)
        return inputs

    def apply_to_mask(self, mask: Tensor, height: int, width: int, *draws: Draw) -> Tensor:
        """Masks ``(N, H, W)`` moved likewise."""
        for draw in draws:
            mask = apply_to_mask(self.space, mask, draw, self.padding_mode)
        return mask

    def apply_to_boxes(self, boxes: Tensor, height: int, width: int, *draws: Draw) -> Tensor:
        """Boxes ``(N, M, 5)`` moved likewise."""
        for draw in draws:
            boxes = apply_to_boxes(self.space, boxes, draw, height, width)
        return boxes
