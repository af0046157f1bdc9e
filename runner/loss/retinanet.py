"""The loss of detectors with anchors: focal for classes, distances for boxes."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.fcos import sigmoid_focal
from runner.task.boxes.coding import encode
from runner.task.boxes.matching import match, refuse_crossed
from runner.task.boxes.told import told


class RetinaNet(Loss):
    """Mean over images of ``(Σ focal + box_weight Σ |Δ|) / A``: A the anchors that tell a box, at least 1.

    The focal loss is summed over classes and all anchors that tell a box or nothing, the distance Δ of boxes, beside
    their anchors, over those that tell a box.

    Args:
        spec: facts about the data.
        alpha: weight of an anchor that has a thing of a class against one that has not, in [0, 1].
        gamma: at least 0: how little what is right already counts.
        box_weight: above 0.
        foreground: least overlap (intersection over union) of an anchor that tells a box, in [0, 1].
        background: overlap below which an anchor tells that there is nothing, in [0, 1], at most `foreground`.

    Raises:
        ConfigError: `background` is above `foreground`; or the network has no anchors.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", section 4.1, as torchvision has it.
    """

    tasks = frozenset({"detection"})
    link = "sigmoid"

    def __init__(
        self,
        spec: Spec,
        alpha: Annotated[float, Ge(0), Le(1)] = 0.25,
        gamma: Annotated[float, Ge(0)] = 2.0,
        box_weight: Annotated[float, Gt(0)] = 1.0,
        foreground: Annotated[float, Ge(0), Le(1)] = 0.5,
        background: Annotated[float, Ge(0), Le(1)] = 0.4,
    ) -> None:
        refuse_crossed(foreground, background)
        self.classes = spec.num_classes or 0
        self.alpha, self.gamma, self.box_weight = alpha, gamma, box_weight
        self.foreground, self.background = foreground, background

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of places with anchors ``(N, P, 8 + C)`` or ``(N, P, 9 + C)``, for boxes ``(N, M, 5)``."""
        found = told(outputs, self.classes)
        if found.anchors is None:
            raise ConfigError("loss=retinanet is for networks with anchors, such as model=retinanet. Take loss=auto.")
        boxes, tells, empty = match(batch.targets, found.anchors, self.foreground, self.background)
        classes = torch.zeros_like(found.logits)
        classes.scatter_(2, boxes[..., :1].long().clamp(min=0), tells[..., None].to(classes.dtype))
        focal = sigmoid_focal(found.logits, classes, self.alpha, self.gamma).sum(2).where(tells | empty, 0.0).sum(1)
        off = (encode(found.boxes, found.anchors) - encode(boxes[..., 1:], found.anchors)).abs().sum(2)
        total = focal + self.box_weight * off.where(tells, 0.0).sum(1)
        return (total / tells.sum(1).clamp(min=1)).mean()
