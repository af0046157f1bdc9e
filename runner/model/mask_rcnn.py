"""Mask R-CNN: Faster R-CNN that also tells which pixels of a box belong to its thing."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.backbone.stages import Depth
from runner.model.faster_rcnn import FasterRCNN
from runner.task.boxes.overlap import nearest
from runner.task.boxes.stages import MASKED, NONE, Stage, rows
from runner.task.boxes.suppression import suppress

_OVERLAP = 0.5  # largest of two boxes of a class that get a mask


class MaskRCNN(FasterRCNN):
    """Faster R-CNN, with a third part that looks at the boxes that are told, and tells a mask of each.

    At more than 64 pixels, depth 50, 256 channels, 1024 hidden units, 1000 proposals, 28 pixels of a mask and 100 boxes
    this is torchvision's network, as `FasterRCNN` is.

    Only the boxes with the highest scores of those of a class that overlap by a half at most get a mask, and only those
    are told. While it is trained the proposals that overlap true boxes most get one, of the true box's class.

    Shapes: ``(N, C, H, W)`` to ``(N, rows, 4 + classes + 6 + mask_size ** 2)``, see
    `runner.task.instance_segmentation.InstanceSegmentation`.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: see `FasterRCNN`.
        width: see `FasterRCNN`.
        channels: of the pyramid, and of the layers that look at a box for its mask.
        hidden: see `FasterRCNN`.
        proposals: see `FasterRCNN`.
        mask_size: pixels of a mask's side, even.
        boxes: of an image that get a mask, at most.

    Raises:
        ConfigError: `mask_size` is odd.

    Source: He et al. 2017, "Mask R-CNN", section 3; as torchvision has it.
    """

    tasks: ClassVar[tuple[str, ...]] = ("instance_segmentation",)
    loss: ClassVar[str] = "runner.loss.mask_rcnn.MaskRCNN"

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        channels: Annotated[int, Ge(1)] = 64,
        hidden: Annotated[int, Ge(1)] = 256,
        proposals: Annotated[int, Ge(1)] = 32,
        mask_size: Annotated[int, Ge(2)] = 14,
        boxes: Annotated[int, Ge(1)] = 25,
    ) -> None:
        from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
        from torchvision.ops import MultiScaleRoIAlign

        if mask_size % 2:
            raise ConfigError(f"model.mask_size={mask_size}: expected an even number of pixels, such as 14 or 28.")
        super().__init__(spec, depth, width, channels, hidden, proposals)
        self.mask_pool = MultiScaleRoIAlign(self.names, mask_size // 2, 2)
        self.roi_heads["mask_head"] = MaskRCNNHeads(channels, [channels] * 4, 1)
        self.roi_heads["mask_predictor"] = MaskRCNNPredictor(channels, channels, 1 + self.classes)
        self.boxes = boxes
        if self.builder:
            self.builder = "maskrcnn_resnet50_fpn" if mask_size == 28 else ""

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, rows, 10 + classes + mask_size ** 2)`` in at least float32.

        Args:
            x: the images.
            targets: the true boxes and masks ``(N, M, 5 + H * W)``; None: it is not learning from these images.
        """
        shown = None if targets is None else targets[..., :5]
        maps, first, second = self._stages(x, shown)
        made = rows(first, second, self.classes, second.kinds.shape[1])  # boxes without a mask are not told
        boxes, labels, scores = self._told(second, 0 if shown is None else shown.shape[1], x.shape[-2:])
        if shown is None:
            third = [self._third(maps, boxes, labels, scores, x, scores > 0)]
        else:
            with torch.no_grad():  # for predictions alone
                told = self._third(maps, boxes, labels, scores, x, torch.zeros_like(scores, dtype=torch.bool))
            overlap, index = nearest(second.anchors, shown)
            best = overlap.topk(min(self.boxes, overlap.shape[1]), 1).indices
            boxes = second.anchors.gather(1, best[..., None].expand(-1, -1, 4))
            labels = shown[..., 0].gather(1, index.gather(1, best))
            hidden = torch.zeros_like(labels, dtype=boxes.dtype)
            third = [told, self._third(maps, boxes, labels, hidden, x, overlap.gather(1, best) > 0)]
        pixels = third[0].shape[2] - made.shape[2]
        return torch.cat([torch.cat([made, made.new_zeros(*made.shape[:2], pixels)], 2), *third], 1)

    def _told(self, second: Stage, shown: int, sides: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes ``(N, K, 4)``, classes and scores ``(N, K)`` of those that are told; those of score 0 are none."""
        from torchvision.ops import clip_boxes_to_image

        places = second.boxes.shape[1] - shown
        boxes = clip_boxes_to_image(second.boxes[:, :places, 1:].flatten(1, 2), (sides[0], sides[1]))
        each = second.logits[:, :places, 1:].sigmoid().where(second.kinds[:, :places, 1:] != NONE, 0.0)
        found = suppress(boxes, each.diag_embed().flatten(1, 2), 0.0, _OVERLAP, self.boxes)
        there = found[..., 0] >= 0
        return found[..., 1:5].detach(), found[..., 0], found[..., 5].where(there, 0.0)

    def _third(
        self, maps: list[Tensor], boxes: Tensor, labels: Tensor, scores: Tensor, x: Tensor, asked: Tensor
    ) -> Tensor:
        """Rows of boxes with masks.

        Args:
            maps: of the pyramid.
            boxes: ``(N, K, 4)``.
            labels: their classes ``(N, K)``.
            scores: likewise; those of 0 are in no prediction.
            x: the images.
            asked: whether the loss is to look at them.
        """
        wanted = labels.clamp(min=0).long()
        looked = self._pooled(self.mask_pool, maps, boxes, x.shape[-2:])
        each = self.roi_heads["mask_predictor"](self.roi_heads["mask_head"](looked)).unflatten(0, labels.shape)
        index = (1 + wanted)[..., None, None, None].expand(-1, -1, 1, *each.shape[3:])
        masks = each.gather(2, index)[:, :, 0].flatten(2).to(boxes.dtype)
        logits = torch.logit(scores, 1e-6).where(scores > 0, -torch.inf)[..., None]
        own = wanted[..., None] == torch.arange(self.classes, device=x.device)
        kinds = (MASKED - labels.to(boxes.dtype)).where(asked, NONE)[..., None]
        return torch.cat([boxes, logits.where(own, -torch.inf), boxes, logits.new_zeros(logits.shape), kinds, masks], 2)
