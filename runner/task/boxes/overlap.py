"""How much boxes overlap."""

from __future__ import annotations

import torch
from torch import Tensor


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection and union."""
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    both = sides[..., 0] * sides[..., 1]
    first, second = ((c[..., 2] - c[..., 0]) * (c[..., 3] - c[..., 1]) for c in (a, b))
    return both, first + second - both


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes, in [0, 1]; 0 of two without area.

    Args:
        a: left, top, right and bottom ``(..., 4)``.
        b: others, of a shape that can be broadcast with it.
    """
    both, union = _areas(a, b)
    return both / union.where(union > 0, 1.0)


def inside(a: Tensor, b: Tensor) -> Tensor:
    """The share of the area of boxes that lies in others, in [0, 1]; 0 of one without area.

    Args:
        a: left, top, right and bottom ``(..., 4)``.
        b: the others, of a shape that can be broadcast with it.
    """
    both, _ = _areas(a, b)
    own = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    return both / own.where(own > 0, 1.0)


def nearest(boxes: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Of each box its largest intersection over union with a true one, -1 where there is none, and which that is.

    Args:
        boxes: left, top, right and bottom ``(N, P, 4)``.
        true: class, left, top, right and bottom ``(N, M, 5)``; those of a class below 0 are none.

    Returns:
        Both ``(N, P)``.
    """
    found = iou(boxes[:, :, None], true[:, None, :, 1:]).where((true[..., 0] >= 0)[:, None], -1.0).max(2)
    return found.values, found.indices


def giou(a: Tensor, b: Tensor) -> Tensor:
    """``IoU - (hull - union) / hull``, in (-1, 1]: with a slope also where boxes do not overlap.

    Args:
        a: left, top, right and bottom ``(..., 4)``.
        b: others, of a shape that can be broadcast with it.

    Source: Rezatofighi et al. 2019, "Generalized Intersection over Union", algorithm 1.
    """
    both, union = _areas(a, b)
    sides = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    hull = sides[..., 0] * sides[..., 1]
    return both / union.where(union > 0, 1.0) - (hull - union) / hull.where(hull > 0, 1.0)
