"""Maps of several sizes that all know what the smallest knows, and the anchors on them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from runner.engine.spec import Spec
from runner.model.backbone.stages import Depth, Stages

_RATIOS = (0.5, 1.0, 2.0)  # of an anchor, height by width


class Pyramid(nn.Module):
    """A feature pyramid over all stages of a residual network but the first, and two halvings more.

    With `pooled` over all stages that halve the image at least once, and one halving more, which takes every other cell
    of the smallest map.

    Images ``(N, C, H, W)`` to maps ``(N, channels, H / stride, W / stride)``, from the largest on. Torchvision's, under
    the same parameter names.

    Args:
        spec: facts about the data.
        depth: number of layers; see `runner.model.resnet.ResNet`.
        width: factor on the number of channels of the residual network, above 0.
        channels: of the maps.
        pooled: whether it is that of Faster R-CNN.

    Attributes:
        strides: pixels of the image to a cell of each map, along a side.

    Source: Lin et al. 2017, "Feature Pyramid Networks for Object Detection", section 3; the two halvings are those of
    Lin et al. 2017, "Focal Loss for Dense Object Detection", section 4.
    """

    def __init__(self, spec: Spec, depth: Depth, width: float, channels: int, pooled: bool = False) -> None:
        from torchvision.ops import feature_pyramid_network as torchvisions

        super().__init__()
        self.body = Stages(spec, depth, width)
        last = self.body.strides[-1]
        if pooled:
            self.first, more = int(self.body.strides[0] == 1), torchvisions.LastLevelMaxPool()
        else:
            self.first, more = 1, torchvisions.LastLevelP6P7(channels, channels)
        self.fpn = torchvisions.FeaturePyramidNetwork(self.body.channels[self.first :], channels, more)
        self.strides = [*self.body.strides[self.first :], 2 * last, *([] if pooled else [4 * last])]

    def forward(self, x: Tensor) -> list[Tensor]:
        """``(N, C, H, W)`` to a map for each of `strides`."""
        maps = {str(number): part for number, part in enumerate(self.body(x)[self.first :])}
        return list(self.fpn(maps).values())


def shapes(sizes: Sequence[float]) -> list[list[float]]:
    """Anchors of a cell, around its place: of three ratios, each in all `sizes` (sides of a square); whole pixels."""
    sides = [(size / math.sqrt(ratio), size * math.sqrt(ratio)) for ratio in _RATIOS for size in sizes]
    halves = [(max(1, round(w / 2)), max(1, round(h / 2))) for w, h in sides]
    return [[-w, -h, w, h] for w, h in halves]


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
