"""Leaving out boxes that tell of the same thing."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.task.boxes.overlap import iou

_AT_ONCE = 2**22  # overlaps that are looked at together


def suppress(boxes: Tensor, scores: Tensor, least: float, overlap: float, most: int) -> Tensor:
    """Of boxes of one class that overlap the one with the highest score stays (greedy non-maximum suppression).

    Of an image the ``4 * most`` highest scores are looked at. Nothing waits for the device.

    Args:
        boxes: left, top, right and bottom, and numbers that go with them ``(N, B, 4 + E)``.
        scores: of each box for each class ``(N, B, C)``.
        least: scores below it are left out, and those of 0.
        overlap: largest intersection over union with a box that stays, for one to stay as well.
        most: boxes of an image that stay, at most.

    Returns:
        Class, left, top, right, bottom, score and the numbers that go with the box ``(N, most, 6 + E)``, highest score
        first; filled up with rows of -1.
    """
    classes, looked_at = scores.shape[2], min(4 * most, scores[0].numel())
    parts = max(1, _AT_ONCE // looked_at**2)
    return torch.cat(
        [
            _suppressed(*part, least, overlap, most, classes, looked_at)
            for part in zip(boxes.split(parts), scores.flatten(1).split(parts), strict=True)
        ]
    )


def _suppressed(
    boxes: Tensor, scores: Tensor, least: float, overlap: float, most: int, classes: int, looked_at: int
) -> Tensor:
    top, index = scores.topk(looked_at, 1)
    own = boxes.gather(1, (index // classes)[..., None].expand(-1, -1, boxes.shape[2]))
    label = index % classes
    rivals = (iou(own[:, :, None, :4], own[:, None, :, :4]) > overlap) & (label[:, :, None] == label[:, None])
    stays = (top >= least) & (top > 0)
    for i in range(looked_at - 1):  # what box i leaves out can leave out no other
        stays[:, i + 1 :] &= ~(rivals[:, i, i + 1 :] & stays[:, i : i + 1])
    rows = torch.cat([label[..., None].to(own.dtype), own[..., :4], top[..., None], own[..., 4:]], 2)
    first = stays.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    rows = rows.gather(1, first[..., None].expand(-1, -1, rows.shape[2]))
    found = rows.where(stays.gather(1, first)[..., None], -1.0)
    return torch.nn.functional.pad(found, (0, 0, 0, most - found.shape[1]), value=-1.0)
