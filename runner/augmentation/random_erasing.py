"""Random rectangles of images replaced by noise or the mean."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from runner.augmentation.base import ImageTechnique, Probability, in_range
from runner.engine.technique import Slot

TRIES = 10  # rectangles drawn for each image; where none fits, it stays whole


def erase(inputs: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, value: Tensor) -> Tensor:
    """``value`` inside a rectangle of each image, x elsewhere.

    Args:
        inputs: images ``(N, C, H, W)``.
        top: first row of each rectangle ``(N,)``.
        left: first column ``(N,)``.
        height: rows ``(N,)``; 0 erases nothing.
        width: columns ``(N,)``.
        value: values that go with ``(C, H, W)``.
    """
    h, w = inputs.shape[-2:]
    down = torch.arange(h, device=inputs.device) - top[:, None]
    right = torch.arange(w, device=inputs.device) - left[:, None]
    rows, columns = (down >= 0) & (down < height[:, None]), (right >= 0) & (right < width[:, None])
    inside = (rows[:, :, None] & columns[:, None, :])[:, None].to(inputs.dtype)
    # By 0 or 1 it takes one of two exactly, and is five times as fast as `where`.
    return torch.lerp(inputs, value.to(inputs.dtype).expand_as(inputs), inside)


class RandomErasing(ImageTechnique):
    """Replace a rectangle of random size and place by noise or the mean, in some of the images.

    Acts after what moves pixels or changes their colours. Masks and boxes stay, as with cutout, whose square has one
    size.

    Args:
        p: share of the images that lose a rectangle.
        scale: smallest and largest share of the area, in [0, 1].
        ratio: smallest and largest height by width, above 0; drawn uniformly on a logarithmic scale.
        value: ``random``, normal in units of the inputs for each value of its own, the best of the paper; or ``zeros``,
            the mean of standardized images. Rectangles are cut out of one image of noise, anew for each batch: noise
            for every image would take longer than all the rest.

    Raises:
        ConfigError: `scale` or `ratio` is no range.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation", algorithm 1.
    """

    slot: ClassVar[Slot] = Slot.ERASE

    def __init__(
        self,
        p: Probability = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Literal["random", "zeros"] = "random",
    ) -> None:
        self.p, self.value = p, value
        self.scale = in_range("random_erasing.scale", scale, 0.0, 1.0)
        self.ratio = in_range("random_erasing.ratio", ratio, 1e-3)

    def draw(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """First row and column of each rectangle, its rows (0: none) and columns ``(N,)``, and what is put there."""
        (n, _, h, w), device = inputs.shape, inputs.device
        area = h * w * (torch.rand(n, TRIES, device=device) * (self.scale[1] - self.scale[0]) + self.scale[0])
        low, high = (math.log(ratio) for ratio in self.ratio)
        ratio = (torch.rand(n, TRIES, device=device) * (high - low) + low).exp()
        height, width = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (height < h) & (width < w)
        first = fits.byte().argmax(1, keepdim=True)
        height, width = height.gather(1, first)[:, 0], width.gather(1, first)[:, 0]
        top, left = (
            (torch.rand(n, device=device) * (side - size + 1)).floor() for side, size in ((h, height), (w, width))
        )
        erased = (torch.rand(n, device=device) < self.p) & fits.any(1)
        value = torch.randn_like(inputs[0]) if self.value == "random" else inputs.new_zeros(())
        return top, left, torch.where(erased, height, 0), width, value

    def apply(self, inputs: Tensor, *draws: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` without a rectangle each."""
        return erase(inputs, *draws)
