"""What a two-stage detector tells of an image, as rows of one tensor."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PROPOSAL_WEIGHTS = (10.0, 5.0)  # of how boxes lie beside proposals: so that the numbers are about as large as 1
NOTHING, ANYTHING, NONE = -1, -2, -3  # what a row's logit is of, besides classes: see `Stages`
MASKED = -4  # a row with a mask of class c is of -4 - c
MORE = 6  # numbers of a row besides a box and a logit for each class


@dataclass(frozen=True)
class Stage:
    """What one of the two stages tells.

    Attributes:
        boxes: of each place and entry ``(N, P, K, 4)``.
        anchors: what they lie beside ``(N, P, 4)``.
        logits: of sigmoids ``(N, P, K)``.
        kinds: what each entry is, ``(N, P, K)``: see `Stages`.
    """

    boxes: Tensor
    anchors: Tensor
    logits: Tensor
    kinds: Tensor

    @classmethod
    def first(cls, boxes: Tensor, anchors: Tensor, logits: Tensor) -> Stage:
        """Of anchors and boxes ``(N, P, 4)``: whether there is anything ``(N, P)``."""
        logits = logits.to(boxes.dtype)[..., None]
        return cls(boxes[:, :, None], anchors, logits, torch.full_like(logits, ANYTHING))

    @classmethod
    def second(cls, boxes: Tensor, proposals: Tensor, scores: Tensor, there: Tensor) -> Stage:
        """Of proposals ``(N, P, 4)``: logits of a softmax over nothing and the classes ``(N, P, 1 + C)``.

        Args:
            boxes: for nothing and each class ``(N, P, 1 + C, 4)``.
            proposals: what they lie beside.
            scores: the logits, which become those of sigmoids of the same probabilities.
            there: which of the proposals there are ``(N, P)``.
        """
        entries = scores.shape[-1]
        scores = scores.to(boxes.dtype)
        same = torch.eye(entries, dtype=torch.bool, device=scores.device)
        others = scores[..., None, :].masked_fill(same, -torch.inf).logsumexp(-1)
        kinds = torch.arange(entries, device=scores.device, dtype=boxes.dtype) + NOTHING
        return cls(boxes, proposals, scores - others, kinds.where(there[..., None], NONE))


def rows(first: Stage, second: Stage, classes: int, shown: int) -> Tensor:
    """The outputs ``(N, rows, 10 + classes)`` that `Stages` reads; boxes and logits of classes are for predictions.

    Args:
        first: the first stage.
        second: the second one.
        classes: C.
        shown: of the second stage's places the last ones, which are true boxes that the network was shown; no
            prediction takes them.
    """
    made = []
    for stage, hidden in ((first, 0), (second, shown)):
        own = stage.kinds[..., None] == torch.arange(classes, device=stage.kinds.device)
        told = torch.arange(own.shape[1], device=own.device) < own.shape[1] - hidden
        logits = stage.logits[..., None].where(own & told[:, None, None], -torch.inf)
        anchors = stage.anchors[:, :, None].expand_as(stage.boxes)
        parts = [stage.boxes, logits, anchors, stage.logits[..., None], stage.kinds[..., None]]
        made.append(torch.cat(parts, -1).flatten(1, 2))
    return torch.cat(made, 1)


@dataclass(frozen=True)
class Stages:
    """Rows of a two-stage detector, each with one logit.

    Attributes:
        boxes: left, top, right and bottom in pixels ``(N, rows, 4)``.
        anchors: what they lie beside: an anchor in the first stage, a proposal in the second ``(N, rows, 4)``.
        logits: of a sigmoid ``(N, rows)``.
        kinds: what it is of: a class, `NOTHING` (there is nothing in this proposal), `ANYTHING` (there is something
            about this anchor), `NONE` (there is no such proposal), at most `MASKED` (a box whose mask is told).
    """

    boxes: Tensor
    anchors: Tensor
    logits: Tensor
    kinds: Tensor


def two_stage(outputs: Tensor, classes: int) -> bool:
    """Whether outputs are those of a two-stage detector."""
    return outputs.ndim == 3 and outputs.shape[-1] == 4 + classes + MORE


def stages(outputs: Tensor, classes: int) -> Stages:
    """Read outputs ``(N, rows, 10 + C)``: box, a logit for each class, anchor, the row's own logit, what it is of.

    The logits of classes are infinitely low but for a row's own class: so that rows are read as `told` reads places.
    """
    boxes, _, anchors, logits, kinds = outputs.tensor_split([4, 4 + classes, 8 + classes, 9 + classes], -1)
    return Stages(boxes, anchors.detach(), logits[..., 0], kinds[..., 0].detach())
