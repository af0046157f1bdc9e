"""A residual network without its head."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.layers.residual import Block, Subsample
from runner.model.resnet import ResNet

Depth = Literal[18, 34, 50, 101, 152, 20, 32, 56, 110, 1202]
OutputStride = Literal[1, 2, 4, 8, 16, 32]


class Stages(nn.Sequential):
    """The stages of a `ResNet`: images ``(N, C, H, W)`` to the map of every stage, from the largest on.

    Layers are named as in torchvision's networks.

    Args:
        spec: facts about the data.
        depth: number of layers; see `ResNet`.
        width: factor on the number of channels of every layer, above 0.
        output_stride: pixels of the image, along a side, that a cell of the last map stands for, at most: stages that
            would go beyond keep the size, and the 3x3 convolutions behind are dilated instead (Chen et al. 2017,
            section 3.1). None: no limit.

    Attributes:
        channels: of each map.
        strides: pixels of the image to a cell of each map, along a side.

    Raises:
        ConfigError: the layers in front of the stages go beyond `output_stride`.
    """

    def __init__(self, spec: Spec, depth: Depth, width: float, output_stride: OutputStride | None = None) -> None:
        super().__init__()
        parts = dict(ResNet(spec, depth, width).named_children())
        stride = 4 if "maxpool" in parts else 1
        if output_stride is not None and output_stride < stride:
            raise ConfigError(
                f"model.output_stride={output_stride}: images of more than 64 pixels are halved twice in front of the "
                f"first stage. Expected at least {stride}, or smaller images."
            )
        self.channels: list[int] = []
        self.strides: list[int] = []
        dilation = 1
        for name, part in parts.items():
            if name.startswith("layer"):
                step = max(m.stride[0] for m in part.modules() if isinstance(m, nn.Conv2d))
                if output_stride is not None and stride * step > output_stride:
                    dilation = _dilated(part, dilation, step)
                else:
                    stride *= step
                    _dilated(part, dilation, 1)
                end: Block = part[-1]  # type: ignore[index]
                self.strides.append(stride)
                self.channels.append(getattr(end, end.residual_ends[0]).out_channels)
            elif name not in ("conv1", "bn1", "relu", "maxpool"):
                continue
            self.add_module(name, part)

    def forward(self, x: Tensor) -> list[Tensor]:
        """``(N, C, H, W)`` to maps ``(N, channels[i], H / stride, W / stride)``."""
        maps = []
        for name, part in self.named_children():
            x = part(x)
            if name.startswith("layer"):
                maps.append(x)
        return maps


def _dilated(stage: nn.Module, before: int, step: int) -> int:
    """Dilate a stage's 3x3 convolutions, those of its first block by what is `before` it, and drop its own step."""
    for number, block in enumerate(stage.children()):
        dilation = before if number == 0 else before * step
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                if layer.kernel_size == (3, 3):
                    layer.dilation = layer.padding = (dilation, dilation)
                layer.stride = layer.stride if step == 1 else (1, 1)
            elif isinstance(layer, Subsample):
                layer.stride = layer.stride if step == 1 else 1
    return before * step
