"""Faster R-CNN: a first stage proposes boxes, a second one tells what is in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.model.backbone.pyramid import Pyramid, anchors, shapes
from runner.model.backbone.stages import Depth
from runner.model.base import Network
from runner.task.boxes.coding import decode
from runner.task.boxes.stages import PROPOSAL_WEIGHTS, Stage, rows

_OVERLAP = 0.7  # largest of two proposals
_LEAST = 1e-3  # pixels of a proposal's side
_CELLS = 7  # along a side, in which a proposal is looked at
_POINTS = 2  # along a side of such a cell


class FasterRCNN(Network):
    """Anchors on a feature pyramid propose boxes; of each proposal a second part tells its class and a better box.

    At more than 64 pixels, depth 50, 256 channels, 1024 hidden units and 1000 proposals this is torchvision's network,
    under the same parameter names; its anchors too where the sides of the images are multiples of the largest stride,
    64. Proposals are the boxes with the highest scores of those that overlap by 0.7 at most.

    While it is trained it is given the true boxes, which then are proposals too: at first there would be hardly any
    other that has a thing in it. What it tells of them is for the loss alone, no prediction takes it.

    Shapes: ``(N, C, H, W)`` to ``(N, rows, 4 + classes + 6)``, see `runner.task.boxes.stages.Stages`.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images: up to 64 pixels (shorter side) the smallest anchors are 8 pixels large, else 32.
        width: factor on the number of its channels, above 0.
        channels: of the pyramid.
        hidden: units of the two layers that look at a proposal.
        proposals: of an image that are looked at, at most.

    Source: Ren et al. 2015, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks", with the
    pyramid of Lin et al. 2017, "Feature Pyramid Networks for Object Detection"; as torchvision has it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    loss: ClassVar[str] = "runner.loss.faster_rcnn.FasterRCNN"
    takes_targets: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        channels: Annotated[int, Ge(1)] = 64,
        hidden: Annotated[int, Ge(1)] = 256,
        proposals: Annotated[int, Ge(1)] = 32,
    ) -> None:
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.models.detection.rpn import RPNHead
        from torchvision.ops import MultiScaleRoIAlign

        super().__init__()
        self.backbone = Pyramid(spec, depth, width, channels, pooled=True)
        strides = self.backbone.strides
        self.shapes = [shapes([(4 if strides[0] < 4 else 8) * stride]) for stride in strides]
        self.rpn = nn.ModuleDict({"head": RPNHead(channels, len(self.shapes[0]))})
        self.names = [str(number) for number in range(len(strides) - 1)]
        self.pool = MultiScaleRoIAlign(self.names, _CELLS, _POINTS)
        self.classes = spec.num_classes or 0
        self.roi_heads = nn.ModuleDict(
            {
                "box_head": TwoMLPHead(channels * _CELLS**2, hidden),
                "box_predictor": FastRCNNPredictor(hidden, 1 + self.classes),
            }
        )
        self.proposals = proposals
        if depth == 50 and width == 1 and channels == 256 and hidden == 1024 and strides[0] == 4:
            self.builder = "fasterrcnn_resnet50_fpn"

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, rows, 10 + classes)`` in at least float32.

        Args:
            x: the images.
            targets: the true boxes ``(N, M, 5)``; None: it is not learning from these images.
        """
        _, first, second = self._stages(x, targets)
        return rows(first, second, self.classes, 0 if targets is None else targets.shape[1])

    def _stages(self, x: Tensor, targets: Tensor | None) -> tuple[list[Tensor], Stage, Stage]:
        """The maps of the pyramid, and both stages; the true boxes are the last places of the second one."""
        maps = self.backbone(x)
        places = anchors(maps, self.backbone.strides, self.shapes)
        logits, moved = ([_by_place(part, len(self.shapes[0])) for part in parts] for parts in self.rpn["head"](maps))
        boxes = decode(torch.cat(moved, 1), places)
        first = Stage.first(boxes, places.expand_as(boxes), torch.cat(logits, 1)[..., 0])
        proposed, there = self._proposed(first, [part.shape[1] for part in logits], x.shape[-2:])
        if targets is not None:
            proposed = torch.cat([proposed, targets[..., 1:].to(proposed)], 1)
            there = torch.cat([there, targets[..., 0] >= 0], 1)
        return maps, first, self._looked_at(maps, proposed, there, x.shape[-2:])

    def _proposed(self, first: Stage, sizes: Sequence[int], sides: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The boxes to be looked at ``(N, proposals, 4)``, and which of them there are; the others are zeros.

        Which boxes overlap is found out image by image, and waits for the device.
        """
        from torchvision.ops import batched_nms, clip_boxes_to_image

        scores, boxes = first.logits[..., 0].detach(), first.boxes[..., 0, :].detach()
        boxes = clip_boxes_to_image(boxes, (sides[0], sides[1]))
        found = boxes.new_zeros(len(boxes), self.proposals, 4)
        there = torch.zeros(found.shape[:2], dtype=torch.bool, device=boxes.device)
        for image, (own, score) in enumerate(zip(boxes, scores, strict=True)):
            parts = [part.topk(min(self.proposals, len(part))).indices for part in score.split(list(sizes))]
            starts = torch.tensor([0, *sizes]).cumsum(0).tolist()
            index = torch.cat([part + start for part, start in zip(parts, starts, strict=False)])
            level = torch.cat([torch.full_like(part, number) for number, part in enumerate(parts)])
            large = ((own[index, 2:] - own[index, :2]) >= _LEAST).all(1)
            index, level = index[large], level[large]
            kept = index[batched_nms(own[index], score[index], level, _OVERLAP)[: self.proposals]]
            found[image, : len(kept)] = own[kept]
            there[image, : len(kept)] = True
        return found, there

    def _looked_at(self, maps: Sequence[Tensor], proposed: Tensor, there: Tensor, sides: Sequence[int]) -> Stage:
        """What the second part tells of boxes ``(N, R, 4)``."""
        looked = self._pooled(self.pool, maps, proposed, sides)
        scores, moved = self.roi_heads["box_predictor"](self.roi_heads["box_head"](looked))
        scores, moved = scores.unflatten(0, there.shape), moved.unflatten(0, there.shape).unflatten(2, (-1, 4))
        boxes = decode(moved, proposed[:, :, None], PROPOSAL_WEIGHTS)
        return Stage.second(boxes, proposed, scores, there)

    def _pooled(self, pool: nn.Module, maps: Sequence[Tensor], boxes: Tensor, sides: Sequence[int]) -> Tensor:
        """What the maps have in boxes ``(N, R, 4)``: ``(N * R, channels, cells, cells)``."""
        named = {name: part.to(boxes.dtype) for name, part in zip(self.names, maps, strict=False)}
        looked: Tensor = pool(named, list(boxes), [(sides[0], sides[1])] * len(boxes))
        return looked


def _by_place(part: Tensor, anchors: int) -> Tensor:
    """What is told of a cell's anchors ``(N, anchors * K, H, W)``, anchor by anchor ``(N, H * W * anchors, K)``."""
    by_anchor: Tensor = part.unflatten(1, (anchors, -1))
    return by_anchor.permute(0, 3, 4, 1, 2).flatten(1, 3)
