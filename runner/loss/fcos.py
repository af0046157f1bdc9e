"""The loss of detectors without anchors: focal for classes, overlap for boxes."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.task.boxes.overlap import giou


def sigmoid_focal(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """``-α (1 - p)^γ log p`` where the target is 1, ``-(1 - α) p^γ log(1 - p)`` where it is 0; p the sigmoid.

    Args:
        logits: of any shape.
        targets: 0 or 1, of the same shape.
        alpha: weight of the targets that are 1.
        gamma: how little what is right already counts.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 5.
    """
    p = logits.sigmoid()
    wrong = targets * (1 - p) + (1 - targets) * p
    weight = targets * alpha + (1 - targets) * (1 - alpha)
    return weight * wrong**gamma * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def assign(boxes: Tensor, rows: int, columns: int, height: int, width: int, radius: float) -> tuple[Tensor, Tensor]:
    """Which box each cell of a grid is to tell.

    That whose inside and whose middle part have the cell's centre, or whose centre the cell has; of several the
    smallest.

    Args:
        boxes: class, left, top, right and bottom ``(N, M, 5)``; class -1 is no box.
        rows: of the grid.
        columns: likewise.
        height: pixels of the image.
        width: likewise.
        radius: cells from a box's centre to the border of its middle part.

    Returns:
        The box of each cell ``(N, rows * columns, 5)``, and whether it has one.
    """
    down, right = height / rows, width / columns
    y = (torch.arange(rows, device=boxes.device) + 0.5).repeat_interleave(columns)[:, None] * down
    x = (torch.arange(columns, device=boxes.device) + 0.5).repeat(rows)[:, None] * right
    label, left, top, far, bottom = boxes[:, None].unbind(-1)  # (N, 1, M) each, against cells (G, 1)
    off_y, off_x = (y - (top + bottom) / 2).abs() / down, (x - (left + far) / 2).abs() / right  # in cells
    inside = (x > left) & (x < far) & (y > top) & (y < bottom) & (off_x <= radius) & (off_y <= radius)
    fits = (label >= 0) & (inside | ((off_x <= 0.5) & (off_y <= 0.5)))
    least, index = ((far - left) * (bottom - top)).where(fits, torch.inf).min(-1)
    return boxes.gather(1, index[..., None].expand(-1, -1, 5)), least < torch.inf


class FCOS(Loss):
    """Mean over images of ``Σ focal + box_weight Σ (1 - GIoU)``, over cells and classes, and over cells with a box.

    A cell that has no box is to tell no class. Without the centre-ness of the source.

    Args:
        spec: facts about the data.
        alpha: weight of a cell that has a thing of a class against one that has not, in [0, 1].
        gamma: at least 0: how little what is right already counts.
        box_weight: above 0.
        radius: cells from a box's centre within which cells tell it, at least 0.

    Source: Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection", equation 2; the overlap is that
    of Rezatofighi et al. 2019, "Generalized Intersection over Union", and cells near the centre alone tell a box, as
    in the authors' later code. The sums are divided by images instead of cells that have a box, so that micro-batches
    add up to the loss of the whole batch.
    """

    tasks = frozenset({"detection"})
    link = "sigmoid"

    def __init__(
        self,
        spec: Spec,
        alpha: Annotated[float, Ge(0), Le(1)] = 0.25,
        gamma: Annotated[float, Ge(0)] = 2.0,
        box_weight: Annotated[float, Gt(0)] = 1.0,
        radius: Annotated[float, Ge(0)] = 1.5,
    ) -> None:
        self.sides = spec.input_shape[1:]
        self.alpha, self.gamma, self.box_weight, self.radius = alpha, gamma, box_weight, radius

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of a grid of boxes and logits ``(N, rows, columns, 4 + C)`` for boxes ``(N, M, 5)``."""
        cells = outputs.flatten(1, 2)
        cells = cells if cells.element_size() >= 4 else cells.float()
        (rows, columns), (height, width) = outputs.shape[1:3], self.sides
        boxes, there = assign(batch.targets, rows, columns, height, width, self.radius)
        classes = torch.zeros_like(cells[..., 4:])
        classes.scatter_(2, boxes[..., :1].long().clamp(min=0), there[..., None].to(classes.dtype))
        focal = sigmoid_focal(cells[..., 4:], classes, self.alpha, self.gamma).sum()
        apart = (1 - giou(cells[..., :4], boxes[..., 1:])).where(there, 0.0).sum()
        return (focal + self.box_weight * apart) / len(outputs)
