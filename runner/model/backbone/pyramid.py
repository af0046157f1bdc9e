"""Maps of several sizes that all know what the smallest knows, and the anchors on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from runner.engine.spec import Spec
from runner.model.backbone.stages import Depth, Stages


class Pyramid(nn.Module):
    """A feature pyramid over all stages of a residual network but the first, and two halvings more.

    Images ``(N, C, H, W)`` to maps ``(N, channels, H / stride, W / stride)``, from the largest on. Torchvision's, under
    the same parameter names.

    Args:
        spec: facts about the data.
        depth: number of layers; see `runner.model.resnet.ResNet`.
        width: factor on the number of channels of the residual network, above 0.
        channels: of the maps.

    Attributes:
        strides: pixels of the image to a cell of each map, along a side.

    Source: Lin et al. 2017, "Feature Pyramid Networks for Object Detection", section 3; the two halvings are those of
    Lin et al. 2017, "Focal Loss for Dense Object Detection", section 4.
    """

    def __init__(self, spec: Spec, depth: Depth, width: float, channels: int) -> None:
        from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelP6P7

        super().__init__()
        self.body = Stages(spec, depth, width)
        self.fpn = FeaturePyramidNetwork(self.body.channels[1:], channels, LastLevelP6P7(channels, channels))
        last = self.body.strides[-1]
        self.strides = [*self.body.strides[1:], 2 * last, 4 * last]

    def forward(self, x: Tensor) -> list[Tensor]:
        """``(N, C, H, W)`` to a map for each of `strides`."""
        maps = {str(number): part for number, part in enumerate(self.body(x)[1:])}
        return list(self.fpn(maps).values())


def anchors(maps: Sequence[Tensor], strides: Sequence[int], shapes: Sequence[Sequence[Sequence[float]]]) -> Tensor:
    """Boxes of given sizes around the places of the maps' cells, cell by cell ``(P, 4)`` in float32.

    A cell's place is ``stride`` times its number, in pixels: what its convolutions have in their middle.

    Args:
        maps: ``(N, C, H, W)`` each.
        strides: pixels of the image to a cell of each.
        shapes: for each map the boxes of a cell: left, top, right and bottom around its place.
    """
    found = []
    for part, stride, boxes in zip(maps, strides, shapes, strict=True):
        rows, columns = part.shape[-2:]
        y = torch.arange(rows, device=part.device, dtype=torch.float32).repeat_interleave(columns) * stride
        x = torch.arange(columns, device=part.device, dtype=torch.float32).repeat(rows) * stride
        around = torch.tensor(boxes, device=part.device, dtype=torch.float32)
        found.append((torch.stack([x, y, x, y], 1)[:, None] + around).flatten(0, 1))
    return torch.cat(found)
