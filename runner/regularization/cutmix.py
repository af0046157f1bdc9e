"""Training on images with a patch of another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch

from runner.regularization.targets.mixing import Mixing

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Kind

Box = tuple[int, int, int, int]


def draw_box(height: int, width: int, lam: float) -> Box:
    """A box around a uniformly drawn centre whose sides are ``sqrt(1 - lam)`` of the image's, cut at its borders.

    Returns:
        Left, top, right and bottom in pixels; right and bottom are outside.

    Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
    equation 2.
    """
    x, y = int(torch.randint(width, (1,))), int(torch.randint(height, (1,)))
    half = 0.5 * math.sqrt(1.0 - lam)
    dx, dy = int(half * width), int(half * height)
    return max(x - dx, 0), max(y - dy, 0), min(x + dx, width), min(y + dy, height)


def cutmix(images: Tensor, box: Box) -> tuple[Tensor, float]:
    """Each image with `box` filled from the one before it in the batch (the first from the last).

    Args:
        images: ``(N, C, H, W)``.
        box: left, top, right, bottom in pixels.

    Returns:
        The images, and the share of each that is its own.
    """
    left, top, right, bottom = box
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
    return mixed, 1.0 - (right - left) * (bottom - top) / (images.shape[-1] * images.shape[-2])


class CutMix(Mixing):
    """Fill a box of each image from another, and mix their targets by area.

    Args:
        alpha: both parameters of the Beta distribution that the share of each image is drawn from, above 0.
        p: share of the micro-batches that are mixed, in [0, 1]; the paper takes 0.5 for CIFAR and 1 for ImageNet.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)

    def mix(self, inputs: Tensor, lam: float) -> tuple[Tensor, float]:
        """Images with a patch of another, and the share of each that is its own."""
        height, width = inputs.shape[-2:]
        return cutmix(inputs, draw_box(height, width, lam))
