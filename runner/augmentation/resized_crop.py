"""Random parts of an image, brought to its size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from runner.augmentation.base import ImageTechnique, in_range
from runner.augmentation.geometry.boxes import clipped

if TYPE_CHECKING:
    from runner.engine.fit import Fit

TRIES = 10  # rectangles drawn for each image; where none fits, the middle is taken


def resized_crop(inputs: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Cut a rectangle out of each image and enlarge it to the size of the image, by bilinear interpolation.

    Args:
        inputs: images ``(N, C, H, W)``.
        top: first row of each rectangle ``(N,)``.
        left: first column ``(N,)``.
        height: rows ``(N,)``.
        width: columns ``(N,)``.

    Returns:
        Images ``(N, C, H, W)``.
    """
    n, _, h, w = inputs.shape
    rows, columns = (
        # Interpolation looks at no pixel outside of the rectangle.
        _places(start, length, side).maximum(start[:, None] + 0.5).minimum((start + length)[:, None] - 0.5)
        for start, length, side in ((top, height, h), (left, width, w))
    )
    y, x = (2 * rows / h - 1)[:, :, None].expand(n, h, w), (2 * columns / w - 1)[:, None].expand(n, h, w)
    grid = torch.stack([x, y], -1).to(inputs.dtype)
    return F.grid_sample(inputs, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _places(start: Tensor, length: Tensor, side: int) -> Tensor:
    """Where along a side each pixel of the result is from, in pixels of the image, centres at 0.5 ``(N, side)``."""
    steps = (torch.arange(side, device=start.device) + 0.5) / side
    return start[:, None] + steps * length[:, None]


class ResizedCrop(ImageTechnique):
    """Cut a random part out of each image, and enlarge it to the size that the image had.

    Of rectangles drawn with area and ratio in their ranges, the first that fits; where none of ten does, the largest in
    the middle whose ratio is in its range.

    Args:
        scale: smallest and largest share of the area, in (0, 1].
        ratio: smallest and largest width by height, above 0; drawn uniformly on a logarithmic scale.

    Raises:
        ConfigError: one of them is no range.

    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", section 6.
    """

    def __init__(self, scale: tuple[float, float] = (0.3, 1.0), ratio: tuple[float, float] = (0.75, 4 / 3)) -> None:
        self.scale = in_range("resized_crop.scale", scale, 1e-3, 1.0)
        self.ratio = in_range("resized_crop.ratio", ratio, 1e-3)

    def setup(self, fit: Fit) -> None:
        """See `ImageTechnique.setup`."""
        super().setup(fit)
        self.sides = fit.spec.input_shape[1:]

    def draw(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """First row and column of each rectangle, its rows and columns ``(N,)``."""
        (n, _, h, w), device = inputs.shape, inputs.device
        area = h * w * (torch.rand(n, TRIES, device=device) * (self.scale[1] - self.scale[0]) + self.scale[0])
        low, high = (math.log(ratio) for ratio in self.ratio)
        ratio = (torch.rand(n, TRIES, device=device) * (high - low) + low).exp()
        width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (width > 0) & (width <= w) & (height > 0) & (height <= h)
        first = fits.byte().argmax(1, keepdim=True)
        found = fits.gather(1, first)[:, 0]
        middle_height = min(h, round(w / self.ratio[0]))
        middle_width = min(w, round(h * self.ratio[1]))
        height = torch.where(found, height.gather(1, first)[:, 0], middle_height)
        width = torch.where(found, width.gather(1, first)[:, 0], middle_width)
        top = torch.where(found, (torch.rand(n, device=device) * (h - height + 1)).floor(), (h - middle_height) // 2)
        left = torch.where(found, (torch.rand(n, device=device) * (w - width + 1)).floor(), (w - middle_width) // 2)
        return top, left, height, width

    def apply(self, inputs: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
        """Parts of images ``(N, C, H, W)``."""
        return resized_crop(inputs, top, left, height, width)

    def apply_to_mask(self, mask: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
        """Parts of masks ``(N, H, W)``, each pixel with the class of the nearest."""
        h, w = mask.shape[1:]
        rows, columns = _places(top, height, h).long(), _places(left, width, w).long()
        return mask.gather(1, rows[:, :, None].expand(-1, h, w)).gather(2, columns[:, None].expand(-1, h, w))

    def apply_to_boxes(self, boxes: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
        """Boxes ``(N, M, 5)`` in the part, cut at its borders."""
        h, w = self.sides
        x = (boxes[..., 1::2] - left[:, None, None]) * (w / width)[:, None, None]
        y = (boxes[..., 2::2] - top[:, None, None]) * (h / height)[:, None, None]
        return clipped(torch.cat([boxes[..., :1], torch.stack([x, y], -1).flatten(-2)], -1), h, w)
