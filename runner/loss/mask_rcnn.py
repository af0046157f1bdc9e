"""The loss of two-stage detectors that tell masks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.errors import ConfigError
from runner.loss.faster_rcnn import FasterRCNN
from runner.task.boxes.overlap import nearest
from runner.task.boxes.stages import MASKED, MORE, stages


class MaskRCNN(FasterRCNN):
    """That of Faster R-CNN, and the binary cross-entropy of the pixels of masks.

    The mean over images of the mean over those boxes with a mask that overlap a thing of their class by at least
    `overlap`. In training these are proposals, under the true class; in evaluation the boxes that are told. What a mask
    is to be is the thing's, bilinear at its pixels; these lie at their centres, where torchvision is half a pixel off,
    which is much of a thing of 8 pixels.

    Args: see `runner.loss.faster_rcnn.FasterRCNN`.

    Source: He et al. 2017, "Mask R-CNN", section 3, "Mask Representation", as torchvision has it.
    """

    tasks = frozenset({"instance_segmentation"})

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of rows ``(N, rows, 10 + C + m * m)``, for boxes with masks ``(N, M, 5 + H * W)``."""
        from torchvision.ops import roi_align

        width = 4 + self.classes + MORE
        if outputs.ndim != 3 or outputs.shape[2] <= width:
            raise ConfigError("loss=mask_rcnn is for networks that tell masks, such as model=mask_rcnn.")
        true, masks = batch.targets[..., :5], batch.targets[..., 5:]
        total = super().__call__(outputs[..., :width], batch.changed(targets=true))

        found, side = stages(outputs[..., :width], self.classes), round((outputs.shape[2] - width) ** 0.5)
        overlap, index = nearest(found.anchors, true)
        right = (found.kinds == MASKED - true[..., 0].gather(1, index)) & (overlap >= self.overlap)
        image, row = right.nonzero(as_tuple=True)
        thing = (image * true.shape[1] + index[image, row])[:, None].to(found.anchors.dtype)
        pixels = masks.reshape(-1, 1, *batch.inputs.shape[-2:]).to(found.anchors.dtype)
        boxes = torch.cat([thing, found.anchors[image, row]], 1)
        wanted = roi_align(pixels, boxes, (side, side), aligned=True).flatten(1)
        logits = outputs[image, row, width:].to(wanted.dtype)
        off = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1)
        each = off / right.sum(1)[image]
        return total + each.sum() / len(outputs)
