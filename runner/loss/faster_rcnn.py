"""The loss of two-stage detectors."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.task.boxes.coding import encode
from runner.task.boxes.matching import match, refuse_crossed
from runner.task.boxes.stages import ANYTHING, NOTHING, PROPOSAL_WEIGHTS, stages, two_stage

_BEND = 1 / 9  # below this distance the loss of boxes is a square
Share = Annotated[float, Ge(0), Le(1)]


def shares(positive: Tensor, negative: Tensor, count: int, share: float) -> Tensor:
    """The mean over `count` of an image's places, drawn so that at most a `share` is positive: weights ``(N, P)``.

    That of a place is how likely it is drawn, by how many are: so the weighted sum is what the mean over those drawn
    comes to on average, without drawing. Of an image the weights sum to 1, or to 0 where there is neither.

    Args:
        positive: places that have something ``(N, P)``.
        negative: places that have nothing; others are neither.
        count: places that are drawn of an image, at most.
        share: of them positive, at most.
    """
    some, none = positive.sum(1, keepdim=True), negative.sum(1, keepdim=True)
    drawn = some.clamp(max=int(count * share))
    rest = torch.minimum(none, count - drawn)
    weights = positive * (drawn / some.clamp(min=1)) + negative * (rest / none.clamp(min=1))
    return weights / (drawn + rest).clamp(min=1)


class FasterRCNN(Loss):
    """Mean over images of the losses of the two stages, each the binary or the plain cross-entropy and that of boxes.

    Each stage's are means over anchors or proposals, drawn so that not nearly all have nothing; in place of drawing,
    the mean that it comes to on average is taken. The loss of boxes is the smooth L1 distance of how they lie beside
    what they were made of, over those that have something.

    Args:
        spec: facts about the data.
        foreground: least overlap (intersection over union) of an anchor that has something, in [0, 1]; the anchors that
            overlap a box most have it anyhow.
        background: overlap below which an anchor has nothing, in [0, 1], at most `foreground`.
        anchors: how many are drawn of an image.
        anchor_share: of them with something, at most, in [0, 1].
        overlap: least overlap of a proposal with the thing that it has, in [0, 1]; below it has nothing.
        proposals: how many are drawn of an image.
        proposal_share: of them with something, at most, in [0, 1].

    Raises:
        ConfigError: `background` is above `foreground`; or the network has one stage.

    Source: Ren et al. 2015, "Faster R-CNN", section 3.1.2, and Girshick 2015, "Fast R-CNN", section 2.3, as torchvision
    has it, which draws.
    """

    tasks = frozenset({"detection"})
    link = "sigmoid"

    def __init__(
        self,
        spec: Spec,
        foreground: Share = 0.7,
        background: Share = 0.3,
        anchors: Annotated[int, Ge(1)] = 256,
        anchor_share: Share = 0.5,
        overlap: Share = 0.5,
        proposals: Annotated[int, Ge(1)] = 512,
        proposal_share: Share = 0.25,
    ) -> None:
        refuse_crossed(foreground, background)
        self.classes = spec.num_classes or 0
        self.foreground, self.background, self.overlap = foreground, background, overlap
        self.anchors, self.anchor_share = anchors, anchor_share
        self.proposals, self.proposal_share = proposals, proposal_share

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of rows ``(N, rows, 10 + C)``, for boxes ``(N, M, 5)``."""
        if not two_stage(outputs, self.classes):
            raise ConfigError("loss=faster_rcnn is for two-stage networks, such as model=faster_rcnn.")
        found = stages(outputs, self.classes)
        first = (found.kinds == ANYTHING)[..., None]
        boxes, tells, empty = match(
            batch.targets, found.anchors.where(first, 0.0), self.foreground, self.background, nearest=True
        )
        tells, empty = tells & first[..., 0], empty & first[..., 0]
        weights = shares(tells, empty, self.anchors, self.anchor_share)
        logits = found.logits.where(tells | empty, 0.0)
        off = F.binary_cross_entropy_with_logits(logits, tells.to(logits.dtype), reduction="none")
        total = weights * (off + _apart(found.boxes, found.anchors, boxes[..., 1:], tells, (1.0, 1.0)))

        boxes, has, _ = match(batch.targets, found.anchors, self.overlap, self.overlap, nearest=False)
        proposed = found.kinds >= NOTHING
        has = has & proposed
        right = proposed & (found.kinds == boxes[..., 0].where(has, NOTHING))  # one row of each proposal
        weights = shares(right & has, right & ~has, self.proposals, self.proposal_share)
        off = F.softplus(-found.logits.where(right, 0.0))
        apart = _apart(found.boxes, found.anchors, boxes[..., 1:], right & has, PROPOSAL_WEIGHTS)
        return (total + weights * (off + apart)).sum(1).mean()


def _apart(boxes: Tensor, anchors: Tensor, wanted: Tensor, there: Tensor, weights: tuple[float, float]) -> Tensor:
    """The distance of boxes from those wanted, beside their anchors ``(N, P)``; 0 where there is none."""
    unit = anchors.new_tensor([0.0, 0.0, 1.0, 1.0])
    boxes, anchors, wanted = (part.where(there[..., None], unit) for part in (boxes, anchors, wanted))
    off = encode(boxes, anchors, weights), encode(wanted, anchors, weights)
    return F.smooth_l1_loss(*off, beta=_BEND, reduction="none").sum(-1)
