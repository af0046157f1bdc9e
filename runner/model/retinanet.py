"""RetinaNet: each of a pyramid's anchors tells a box near it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.backbone.pyramid import Pyramid, anchors, shapes
from runner.model.backbone.stages import Depth
from runner.model.base import Network
from runner.task.boxes.coding import decode

_GROUPS = 32  # of channels, that the head normalizes


class RetinaNet(Network):
    """Nine anchors at each cell of a feature pyramid tell how a box lies beside them, and its class.

    At more than 64 pixels, depth 50, 256 channels and without `norm` this is torchvision's network, under the same
    parameter names; its anchors too where the sides of the images are multiples of the largest stride, 128. Shapes:
    ``(N, C, H, W)`` to ``(N, anchors, 4 + classes + 4)``: box in pixels, a logit for each class, the anchor in pixels.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images: up to 64 pixels (shorter side) the smallest anchors are some 8 pixels large, else 32.
        width: factor on the number of its channels, above 0.
        channels: of the pyramid and the head; with `norm` a multiple of 32.
        norm: normalization of the head's convolutions. The source has none: with few channels, or without pretrained
            weights, it then learns nothing for a long time, as what comes in is all but lost in four layers of small
            weights. With ``group`` the head is that of torchvision's second version.

    Raises:
        ConfigError: `channels` is no multiple of 32 with ``norm=group``.

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
        norm: Literal["group", "none"] = "group",
    ) -> None:
        from torchvision.models.detection.retinanet import RetinaNetHead

        if norm == "group" and channels % _GROUPS:
            raise ConfigError(
                f"model.channels={channels}: expected a multiple of {_GROUPS}, as 64, 128 or 256, or model.norm=none."
            )
        super().__init__()
        self.backbone = Pyramid(spec, depth, width, channels)
        strides = self.backbone.strides
        self.shapes = [shapes([int(4 * stride * 2 ** (third / 3)) for third in range(3)]) for stride in strides]
        if depth == 50 and width == 1 and channels == 256 and norm == "none" and strides[0] == 8:
            self.builder = "retinanet_resnet50_fpn"
        norm_layer = partial(nn.GroupNorm, _GROUPS) if norm == "group" else None
        self.head = RetinaNetHead(channels, len(self.shapes[0]), spec.num_classes or 0, norm_layer)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, anchors, 8 + classes)`` in at least float32."""
        maps = self.backbone(x)
        found = self.head(maps)
        places = anchors(maps, self.backbone.strides, self.shapes)
        boxes = decode(found["bbox_regression"], places)
        parts = [boxes, found["cls_logits"], places.expand(len(x), -1, -1)]
        return torch.cat([part.to(boxes.dtype) for part in parts], -1)
