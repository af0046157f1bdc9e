"""Fully convolutional network: a residual network's last map, enlarged."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Gt
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.model.backbone.stages import Depth, OutputStride, Stages
from runner.model.base import Network
from runner.model.layers.dropout import DropoutRate


class FCN(Network):
    """The last map of a residual network tells the classes of its cells, which are enlarged to pixels (bilinear).

    At more than 64 pixels, depth 50 or 101 and output stride 8 these are torchvision's networks (without their
    auxiliary classifier), under the same parameter names. Images of any size are taken. Shapes: ``(N, C, H, W)`` to
    ``(N, num_outputs, H, W)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images.
        width: factor on the number of its channels, above 0.
        output_stride: pixels of the image, along a side, that a cell of the last map stands for, at most; at least 4
            for images of more than 64 pixels (shorter side).
        dropout: probability of dropping a value before the last layer, in [0, 1).

    Raises:
        ConfigError: `output_stride` is too small for such images.

    Source: Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation", FCN-32s; with dilation in place
    of the last strides, as torchvision has it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    family: ClassVar[str] = "fcn"  # torchvision's name, without the backbone's

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        output_stride: OutputStride = 8,
        dropout: DropoutRate = 0.1,
    ) -> None:
        super().__init__()
        self.backbone = Stages(spec, depth, width, output_stride)
        self.classifier = self.head(self.backbone.channels[-1], spec)
        for layer in self.classifier.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = dropout
        if depth in (50, 101) and width == 1 and output_stride == 8 and self.backbone.strides[0] == 4:
            self.builder = f"{self.family}_resnet{depth}"

    def head(self, channels: int, spec: Spec) -> nn.Module:
        """What tells the classes of a map's cells: ``(N, channels, h, w)`` to ``(N, num_outputs, h, w)``."""
        from torchvision.models.segmentation.fcn import FCNHead

        head: nn.Module = FCNHead(channels, spec.num_outputs)
        return head

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, num_outputs, H, W)``."""
        cells = self.classifier(self.backbone(x)[-1])
        return F.interpolate(cells, size=x.shape[-2:], mode="bilinear", align_corners=False)
