"""FCOS: each cell of a pyramid tells a box around it."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.backbone.pyramid import Pyramid, anchors
from runner.model.backbone.stages import Depth
from runner.model.base import Network

_GROUPS = 32  # of channels, that the head normalizes


class FCOS(Network):
    """Each cell of the maps of a feature pyramid tells the distances to the sides of a box, its class, its centre-ness.

    At more than 64 pixels, depth 50 and 256 channels this is torchvision's network, under the same parameter names;
    its anchors too where the sides of the images are multiples of the largest stride, 128. Shapes: ``(N, C, H, W)`` to
    ``(N, cells, 4 + classes + 4 + 1)``: box in pixels, a logit for each class, the cell around its centre (as large as
    the stride), and the logit of its centre-ness.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images: up to 64 pixels (shorter side) the largest map has a cell for two pixels, else for eight.
        width: factor on the number of its channels, above 0.
        channels: of the pyramid and the head; a multiple of 32.

    Raises:
        ConfigError: `channels` is no multiple of 32.

    Source: Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection", section 3; as torchvision has it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("detection",)

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        channels: Annotated[int, Ge(32)] = 64,
    ) -> None:
        from torchvision.models.detection.fcos import FCOSHead

        if channels % _GROUPS:
            raise ConfigError(f"model.channels={channels}: expected a multiple of {_GROUPS}, as 64, 128 or 256.")
        super().__init__()
        self.backbone = Pyramid(spec, depth, width, channels)
        self.head = FCOSHead(channels, 1, spec.num_classes or 0)
        if depth == 50 and width == 1 and channels == 256 and self.backbone.strides[0] == 8:
            self.builder = "fcos_resnet50_fpn"
        self.halves = [stride / 2 for stride in self.backbone.strides]

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, cells, 9 + classes)`` in at least float32."""
        maps = self.backbone(x)
        found = self.head(maps)
        cells = anchors(maps, self.backbone.strides, [[[-h, -h, h, h]] for h in self.halves])
        centres, size = (cells[:, :2] + cells[:, 2:]) / 2, cells[:, 2:] - cells[:, :2]
        reach = found["bbox_regression"]
        reach = (reach if reach.element_size() >= 4 else reach.float()) * size.repeat(
            1, 2
        )  # bf16 can't tell pixels apart
        boxes = torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], -1)
        parts = [boxes, found["cls_logits"], cells.expand(len(x), -1, -1), found["bbox_ctrness"]]
        return torch.cat([part.to(boxes.dtype) for part in parts], -1)
