"""Boxes that follow the pixels they are around."""

from __future__ import annotations

import torch
from torch import Tensor


def clipped(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes cut at the borders of their image; those of which nothing is left, and those that were none, become -1.

    Args:
        boxes: class, left, top, right and bottom ``(N, M, 5)``; class -1 is no box, below it a crowd.
        height: pixels of the image.
        width: likewise.
    """
    x, y = boxes[..., 1::2].clamp(0, width), boxes[..., 2::2].clamp(0, height)
    corners = torch.stack([x, y], -1).flatten(-2)
    there = (boxes[..., 0] != -1) & (corners[..., 2:] > corners[..., :2]).all(-1)
    return torch.cat([boxes[..., :1], corners], -1).where(there[..., None], -1.0)


def flipped(boxes: Tensor, chosen: Tensor, dim: int, size: int) -> Tensor:
    """Boxes of images of which the chosen ones are mirrored.

    Args:
        boxes: ``(N, M, 5)``; class -1 is no box.
        chosen: bool ``(N,)``.
        dim: -1 swaps left and right, -2 top and bottom.
        size: pixels of the image along that dimension.
    """
    low, high = (1, 3) if dim == -1 else (2, 4)
    mirrored = boxes.clone()
    mirrored[..., low], mirrored[..., high] = size - boxes[..., high], size - boxes[..., low]
    return mirrored.where(chosen[:, None, None] & (boxes[..., :1] != -1), boxes)


def moved(boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    """The upright boxes around the corners of boxes that are moved by a matrix, cut at the borders of their image.

    Args:
        boxes: ``(N, M, 5)``; class -1 is no box.
        matrix: from places in the image, from its centre, to where they go ``(N, 3, 3)``, x before y.
        height: pixels of the image.
        width: likewise.
    """
    x, y = boxes[..., [1, 3, 3, 1]] - width / 2, boxes[..., [2, 2, 4, 4]] - height / 2
    corners = torch.stack([x, y, torch.ones_like(x)], -1) @ matrix[:, None].transpose(-1, -2).to(x.dtype)
    corners = corners[..., :2] / corners[..., 2:]  # (N, M, 4, 2)
    ends = torch.cat([corners.amin(2), corners.amax(2)], -1)
    ends[..., 0::2] += width / 2
    ends[..., 1::2] += height / 2
    return clipped(torch.cat([boxes[..., :1], ends], -1), height, width)
