"""Random squares cut out of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from runner.augmentation.base import ImageTechnique
from runner.engine.technique import Slot
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def cutout(inputs: Tensor, row: Tensor, column: Tensor, size: int) -> Tensor:
    """``x'[i, j] = 0`` where ``-size/2 <= i - row < size/2`` and the same for j and column, ``x[i, j]`` elsewhere.

    Args:
        inputs: images ``(N, C, H, W)``.
        row: where each square has its centre, int64 ``(N,)``; what of it lies outside the image is cut off.
        column: the same across.
        size: side of the squares in pixels.

    Returns:
        Images ``(N, C, H, W)``.
    """
    height, width = inputs.shape[-2:]
    down = torch.arange(height, device=inputs.device) - (row - size // 2)[:, None]
    right = torch.arange(width, device=inputs.device) - (column - size // 2)[:, None]
    inside = ((down >= 0) & (down < size))[:, :, None] & ((right >= 0) & (right < size))[:, None, :]
    return inputs.masked_fill(inside[:, None], 0.0)


class Cutout(ImageTechnique):
    """Set a square of each image to 0, its centre drawn uniformly from all pixels, in all channels alike.

    Inputs are scaled before they get here, so 0 is the mean of standardized images, as in the paper. Acts after
    what moves pixels or changes their colours, so that the hole stays as it is. Masks and boxes stay: what is behind
    the hole is to be told from what is around it.

    Args:
        size: side of the square in pixels, less than the images' shorter side; None: half of that. The paper takes a
            half for CIFAR-10 and a quarter for CIFAR-100.

    Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout", section 3.
    """

    slot: ClassVar[Slot] = Slot.ERASE

    def __init__(self, size: Annotated[int, Ge(1)] | None = None) -> None:
        self.size = size

    def setup(self, fit: Fit) -> None:
        """Fill in the size.

        Raises:
            ConfigError: the images are not larger than the square.
        """
        super().setup(fit)
        side = min(fit.spec.input_shape[1:])
        if self.size is not None and self.size >= side:
            raise ConfigError(
                f"augmentation.cutout.size={self.size}: expected less than the images' shorter side, which is {side}."
            )
        self.side = self.size or side // 2

    def draw(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Row and column of the centre of each hole ``(N,)``."""
        return tuple(torch.randint(side, (len(inputs),), device=inputs.device) for side in inputs.shape[-2:])

    def apply(self, inputs: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` with a hole."""
        return cutout(inputs, row, column, self.side)
