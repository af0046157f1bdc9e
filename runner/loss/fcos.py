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
from runner.errors import ConfigError
from runner.task.boxes.overlap import giou
from runner.task.boxes.stages import two_stage
from runner.task.boxes.told import told


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


def grid(rows: int, columns: int, height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The cells of a grid over an image: left, top, right and bottom in pixels ``(rows * columns, 4)``."""
    down, right = height / rows, width / columns
    top = torch.arange(rows, device=device).repeat_interleave(columns) * down
    left = torch.arange(columns, device=device).repeat(rows) * right
    return torch.stack([left, top, left + right, top + down], 1)


def assign(boxes: Tensor, cells: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Which box each cell is to tell.

    That whose inside and whose middle part have the cell's centre, or whose centre the cell has; of several the
    smallest. With cells of several sizes, those of s pixels tell boxes whose farthest side is 4 s to 8 s pixels away,
    the smallest also nearer ones, the largest also farther ones.

    Args:
        boxes: class, left, top, right and bottom ``(N, M, 5)``; class -1 is no box.
        cells: left, top, right and bottom ``(G, 4)``.
        radius: cells from a box's centre to the border of its middle part.

    Returns:
        The box of each cell ``(N, G, 5)``, and whether it has one.
    """
    across, down = (cells[:, 2:] - cells[:, :2])[..., None].unbind(1)  # (G, 1) each
    x, y = ((cells[:, 2:] + cells[:, :2]) / 2)[..., None].unbind(1)
    label, left, top, far, bottom = boxes[:, None].unbind(-1)  # (N, 1, M) each, against cells (G, 1)
    off_y, off_x = (y - (top + bottom) / 2).abs() / down, (x - (left + far) / 2).abs() / across  # in cells
    inside = (x > left) & (x < far) & (y > top) & (y < bottom) & (off_x <= radius) & (off_y <= radius)
    size = torch.maximum(across, down)
    reach = torch.stack([x - left, far - x, y - top, bottom - y]).amax(0)
    near = (reach > 4 * size) | (size <= size.amin())
    fits = (label >= 0) & (inside | ((off_x <= 0.5) & (off_y <= 0.5))) & near
    fits = fits & ((reach < 8 * size) | (size >= size.amax()))
    least, index = ((far - left) * (bottom - top)).where(fits, torch.inf).min(-1)
    return boxes.gather(1, index[..., None].expand(-1, -1, 5)), least < torch.inf


def centreness(boxes: Tensor, cells: Tensor) -> Tensor:
    """How near the centres of cells are to those of the boxes they are in: 1 in the centre, 0 at a side.

    Args:
        boxes: left, top, right and bottom ``(N, G, 4)``.
        cells: likewise ``(G, 4)``.

    Source: Tian et al. 2019, equation 3.
    """
    centres = (cells[:, 2:] + cells[:, :2]) / 2
    before, behind = (centres - boxes[..., :2]).clamp(min=0), (boxes[..., 2:] - centres).clamp(min=0)
    nearer, farther = torch.minimum(before, behind), torch.maximum(before, behind)
    return (nearer / farther.where(farther > 0, 1.0)).prod(-1).sqrt()


class FCOS(Loss):
    """Mean over images of ``Σ focal + box_weight Σ (1 - GIoU)``, over cells and classes, and over cells with a box.

    A cell that has no box is to tell no class. Of networks that tell centre-ness, its binary cross-entropy over cells
    with a box is added.

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
        self.sides, self.classes = spec.input_shape[1:], spec.num_classes or 0
        self.alpha, self.gamma, self.box_weight, self.radius = alpha, gamma, box_weight, radius

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of what `runner.task.detection.Detection` takes, for boxes ``(N, M, 5)``."""
        found = told(outputs, self.classes)
        cells = found.anchors
        if two_stage(outputs, self.classes):
            raise ConfigError("loss=fcos is for one-stage networks, such as model=fcos. Take loss=auto.")
        if cells is None:
            (rows, columns), (height, width) = outputs.shape[1:3], self.sides
            cells = grid(rows, columns, height, width, outputs.device)
        boxes, there = assign(batch.targets, cells, self.radius)
        classes = torch.zeros_like(found.logits)
        classes.scatter_(2, boxes[..., :1].long().clamp(min=0), there[..., None].to(classes.dtype))
        focal = sigmoid_focal(found.logits, classes, self.alpha, self.gamma).sum()
        apart = (1 - giou(found.boxes, boxes[..., 1:])).where(there, 0.0).sum()
        total = focal + self.box_weight * apart
        if found.centreness is not None:
            wanted = centreness(boxes[..., 1:], cells)
            off = F.binary_cross_entropy_with_logits(found.centreness, wanted, reduction="none")
            total = total + off.where(there, 0.0).sum()
        return total / len(outputs)
