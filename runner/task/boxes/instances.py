"""Masks of things in boxes: from a box's frame to pixels, and as COCO writes them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def pasted(boxes: Tensor, masks: Tensor, height: int, width: int) -> Tensor:
    """Masks in boxes as masks of the image ``(K, height, width)``: bilinear between cells, 0 outside the box.

    Args:
        boxes: left, top, right and bottom in pixels ``(K, 4)``.
        masks: from 0 to 1, with the sides of the box ``(K, m, m)``.
        height: of the image.
        width: of the image.

    Source: He et al. 2017, "Mask R-CNN", section 3.1, "resized to the RoI size"; without rounding, as Detectron2 does.
    """
    x, y = (0.5 + torch.arange(side, device=boxes.device, dtype=boxes.dtype) for side in (width, height))
    start, size = boxes[:, :2], (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3)
    x, y = (2 * (at - start[:, i, None]) / size[:, i, None] - 1 for i, at in enumerate((x, y)))
    grid = torch.stack([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
    found = F.grid_sample(masks[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
    return found * (grid.abs() <= 1).all(-1)


def run_lengths(mask: Tensor) -> dict[str, Any]:
    """A mask ``(H, W)`` as COCO writes it: ``size`` and ``counts``, the lengths of runs of 0 and 1 column by column."""
    flat = mask.T.flatten().int()
    changes = (flat.diff(prepend=flat.new_zeros(1), append=1 - flat[-1:]) != 0).nonzero()[:, 0]
    return {"size": list(mask.shape), "counts": changes.diff(prepend=changes.new_zeros(1)).tolist()}
