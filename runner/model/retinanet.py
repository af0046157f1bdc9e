"""RetinaNet: each of a pyramid's anchors tells a box near it."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from runner.engine.spec import Kind, Spec
from runner.model.backbone.pyramid import Pyramid, anchors
from runner.model.backbone.stages import Depth
from runner.model.base import Network

_RATIOS = (0.5, 1.0, 2.0)  # height by width
_LARGEST = math.log(1000 / 16)  # of the logarithm of how much a box is larger than its anchor


def shapes_for(stride: int) -> list[list[float]]:
    """The nine anchors of a cell, around its place: three ratios, each 4, 5 and 6.3 strides large; whole pixels."""
    sizes = [int(4 * stride * 2 ** (third / 3)) for third in range(3)]
    sides = [(size / math.sqrt(ratio), size * math.sqrt(ratio)) for ratio in _RATIOS for size in sizes]
    halves = [(max(1, round(w / 2)), max(1, round(h / 2))) for w, h in sides]
    return [[-w, -h, w, h] for w, h in halves]


class RetinaNet(Network):
    """Nine anchors at each cell of a feature pyramid tell how a box lies beside them, and its class.

    At more than 64 pixels, depth 50 and 256 channels this is torchvision's network, under the same parameter names;
    its anchors too where the sides of the images are multiples of the largest stride, 128. Shapes: ``(N, C, H, W)`` to
    ``(N, anchors, 4 + classes + 4)``: box in pixels, a logit for each class, the anchor in pixels.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images: up to 64 pixels (shorter side) the smallest anchors are some 8 pixels large, else 32.
        width: factor on the number of its channels, above 0.
        channels: of the pyramid and the head.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", section 4; as torchvision has it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    loss: ClassVar[str] = "runner.loss.retinanet.RetinaNet"

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        channels: Annotated[int, Ge(1)] = 64,
    ) -> None:
        from torchvision.models.detection.retinanet import RetinaNetHead

        super().__init__()
        self.backbone = Pyramid(spec, depth, width, channels)
        self.shapes = [shapes_for(stride) for stride in self.backbone.strides]
        self.head = RetinaNetHead(channels, len(self.shapes[0]), spec.num_classes or 0)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, anchors, 8 + classes)`` in at least float32."""
        maps = self.backbone(x)
        found = self.head(maps)
        places = anchors(maps, self.backbone.strides, self.shapes)
        centres, size = (places[:, :2] + places[:, 2:]) / 2, places[:, 2:] - places[:, :2]
        moved = found["bbox_regression"]
        moved = moved if moved.element_size() >= 4 else moved.float()  # bf16 can't tell pixels apart
        middle = moved[..., :2] * size + centres
        half = moved[..., 2:].clamp(max=_LARGEST).exp() * size / 2
        boxes = torch.cat([middle - half, middle + half], -1)
        parts = [boxes, found["cls_logits"], places.expand(len(x), -1, -1)]
        return torch.cat([part.to(boxes.dtype) for part in parts], -1)
