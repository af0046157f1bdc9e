"""How boxes lie beside anchors, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_LEAST = 1e-4  # of a side against its anchor's: a box without any would lie infinitely far
_LARGEST = math.log(1000 / 16)  # of the logarithm of how much a box is larger than its anchor


def encode(boxes: Tensor, anchors: Tensor, weights: Sequence[float] = (1.0, 1.0)) -> Tensor:
    """How boxes lie beside anchors: ``(Δx / w, Δy / h, log w' / w, log h' / h)`` of centres and sides.

    Args:
        boxes: left, top, right and bottom ``(..., 4)``.
        anchors: likewise, of a shape that can be broadcast with it.
        weights: factors on the two numbers of centres, and on the two of sides.

    Source: Girshick et al. 2014, "Rich feature hierarchies for accurate object detection", equations 6 to 9.
    """
    size, sides = anchors[..., 2:] - anchors[..., :2], boxes[..., 2:] - boxes[..., :2]
    off = (boxes[..., 2:] + boxes[..., :2] - anchors[..., 2:] - anchors[..., :2]) / (2 * size)
    return torch.cat([weights[0] * off, weights[1] * (sides / size).clamp(min=_LEAST).log()], -1)


def decode(moved: Tensor, anchors: Tensor, weights: Sequence[float] = (1.0, 1.0)) -> Tensor:
    """The boxes that `encode` tells of, in at least float32; none is more than 62.5 times as large as its anchor.

    Args:
        moved: what `encode` gives ``(..., 4)``.
        anchors: left, top, right and bottom, of a shape that can be broadcast with it.
        weights: see `encode`.
    """
    moved = moved if moved.element_size() >= 4 else moved.float()  # bf16 can't tell pixels apart
    centres, size = (anchors[..., :2] + anchors[..., 2:]) / 2, anchors[..., 2:] - anchors[..., :2]
    middle = moved[..., :2] / weights[0] * size + centres
    half = (moved[..., 2:] / weights[1]).clamp(max=_LARGEST).exp() * size / 2
    return torch.cat([middle - half, middle + half], -1)
