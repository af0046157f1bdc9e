"""The operations that policies draw from, and how each image of a batch gets its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from runner.augmentation.autocontrast import autocontrast
from runner.augmentation.base import Padding
from runner.augmentation.color_jitter import adjust_brightness_, adjust_contrast_, adjust_saturation_
from runner.augmentation.equalize import equalize
from runner.augmentation.geometry.boxes import moved
from runner.augmentation.geometry.warp import affine_matrix, warp, warp_mask
from runner.augmentation.posterize import posterize
from runner.augmentation.sharpness import adjust_sharpness
from runner.augmentation.solarize import solarize

# What moves pixels: all images of a batch at once, by a matrix each.
MOVING = ("shear_x", "shear_y", "translate_x", "translate_y", "rotation")

# What changes colours, by the magnitude ``(N,)``; it may write into the pixels.
COLOURS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": lambda pixels, magnitude: adjust_brightness_(pixels, 1 + magnitude),
    "saturation": lambda pixels, magnitude: adjust_saturation_(pixels, 1 + magnitude),
    "contrast": lambda pixels, magnitude: adjust_contrast_(pixels, 1 + magnitude),
    "sharpness": lambda pixels, magnitude: adjust_sharpness(pixels, 1 + magnitude),
    "posterize": posterize,
    "solarize": solarize,
    "autocontrast": lambda pixels, magnitude: autocontrast(pixels),
    "equalize": lambda pixels, magnitude: equalize(pixels),
}


class Strength(NamedTuple):
    """How strong an operation is, from the weakest to the strongest.

    Attributes:
        weakest: magnitude of the first of the bins.
        strongest: of the last; bins lie evenly between them.
        signed: whether either sign is as likely.
        of: ``width`` or ``height`` where magnitudes are shares of it; shifts are of whole pixels, towards 0.
        whole: whether magnitudes are rounded.
    """

    weakest: float
    strongest: float
    signed: bool = False
    of: str = ""
    whole: bool = False

    def bins(self, count: int, height: int, width: int) -> Tensor:
        """The magnitudes of so many bins ``(count,)`` for images of a size."""
        side = {"width": width, "height": height, "": 1}[self.of]
        bins = torch.linspace(self.weakest * side, self.strongest * side, count)
        return bins.round() if self.whole else bins


# What needs no strength.
NONE = Strength(0.0, 0.0)

Space = dict[str, Strength]


class Draw(NamedTuple):
    """One operation for each image.

    Attributes:
        number: of the operation in the space ``(N,)`` int64, on the CPU, so that nothing waits for a GPU.
        magnitude: how strong it is ``(N,)``, on the CPU.
    """

    number: Tensor
    magnitude: Tensor


def drawn(space: Space, count: int, bins: Tensor, of: int, height: int, width: int) -> Draw:
    """An operation for each of `count` images, all as likely, each sign as likely.

    Args:
        space: operations and their strengths.
        count: images.
        bins: the bin of the strength for each image ``(count,)``.
        of: bins there are.
        height: pixels of the images.
        width: likewise.
    """
    number = torch.randint(len(space), (count,))
    table = torch.stack([strength.bins(of, height, width) for strength in space.values()])
    signed = torch.tensor([strength.signed for strength in space.values()])[number]
    negative = (torch.rand(count) <= 0.5) & signed
    magnitude = table[number, bins]
    return Draw(number, torch.where(negative, -magnitude, magnitude))


def matrices(space: Space, draw: Draw, height: int, width: int) -> Tensor | None:
    """From places in each image to where they go ``(N, 3, 3)``, on the CPU; None where nothing moves."""
    names = list(space)
    by = {name: torch.where(draw.number == names.index(name), draw.magnitude, 0.0) for name in MOVING if name in space}
    if not any(bool(values.any()) for values in by.values()):
        return None
    zero = torch.zeros_like(draw.magnitude)
    shear_x, shear_y, right, down, degrees = (by.get(name, zero) for name in MOVING)
    # Slants keep the upper left corner where it is, not the centre.
    right, down = right.trunc() - shear_x * height / 2, down.trunc() - shear_y * width / 2
    lean = torch.rad2deg(shear_x.atan()), torch.rad2deg(shear_y.atan())
    return affine_matrix(-degrees, right, down, zero + 1, *lean)


def apply(space: Space, pixels: Tensor, draw: Draw, padding_mode: Padding) -> Tensor:
    """Do to each image what was drawn for it, all images of one operation together.

    Args:
        space: operations.
        pixels: ``(N, C, H, W)`` in [0, 1].
        draw: for each image.
        padding_mode: what moves in from outside; 0 is black.

    Returns:
        Pixels ``(N, C, H, W)``.
    """
    result, names = pixels.clone(), list(space)
    matrix = matrices(space, draw, *pixels.shape[-2:])
    if matrix is not None:
        rows = _rows(draw, [names.index(name) for name in MOVING if name in space])
        there = rows.to(pixels.device, non_blocking=True)
        result[there] = warp(pixels[there], matrix[rows].to(pixels.device, non_blocking=True), padding_mode)
    for name, change in COLOURS.items():
        rows = _rows(draw, [names.index(name)] if name in space else [])
        if len(rows):
            there = rows.to(pixels.device, non_blocking=True)
            magnitude = draw.magnitude[rows].to(pixels.device, non_blocking=True)
            result[there] = change(pixels[there], magnitude)
    return result


def _rows(draw: Draw, numbers: Sequence[int]) -> Tensor:
    return torch.isin(draw.number, torch.tensor(numbers, dtype=torch.int64)).nonzero()[:, 0]


def apply_to_mask(space: Space, mask: Tensor, draw: Draw, padding_mode: Padding) -> Tensor:
    """Masks ``(N, H, W)`` that go with the images."""
    matrix = matrices(space, draw, *mask.shape[-2:])
    return mask if matrix is None else warp_mask(mask, matrix.to(mask.device, non_blocking=True), padding_mode)


def apply_to_boxes(space: Space, boxes: Tensor, draw: Draw, height: int, width: int) -> Tensor:
    """Boxes ``(N, M, 5)`` that go with the images."""
    matrix = matrices(space, draw, height, width)
    return boxes if matrix is None else moved(boxes, matrix.to(boxes.device, non_blocking=True), height, width)
