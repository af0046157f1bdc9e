"""DeepLab: a residual network whose last map is looked at through holes of several sizes."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt
from torch import nn

from runner.engine.spec import Spec
from runner.model.backbone.stages import Depth, OutputStride
from runner.model.fcn import FCN
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import SMALL


class DeepLab(FCN):
    """As `FCN`, but convolutions of several dilations and the mean of the map see the surroundings of each cell.

    At more than 64 pixels, depth 50 or 101 and output stride 8 these are torchvision's ``deeplabv3`` networks (without
    their auxiliary classifier), under the same parameter names.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers of the residual network.
        width: factor on the number of its channels, above 0.
        output_stride: pixels of the image, along a side, that a cell of the last map stands for, at most.
        rates: dilations, in cells of the last map. None: 12, 24 and 36, the source's at output stride 8; 2, 4 and 6
            for images of at most 64 pixels (shorter side).
        dropout: probability of dropping a value behind the convolutions of several dilations, in [0, 1).

    Raises:
        ConfigError: `output_stride` is too small for such images.

    Source: Chen et al. 2017, "Rethinking Atrous Convolution for Semantic Image Segmentation", section 3.3.
    """

    family: ClassVar[str] = "deeplabv3"

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        output_stride: OutputStride = 8,
        rates: tuple[Annotated[int, Ge(1)], ...] | None = None,
        dropout: DropoutRate = 0.5,
    ) -> None:
        self.rates = rates or ((2, 4, 6) if min(spec.input_shape[1:]) <= SMALL else (12, 24, 36))
        super().__init__(spec, depth, width, output_stride, dropout)

    def head(self, channels: int, spec: Spec) -> nn.Module:
        """See `FCN.head`."""
        from torchvision.models.segmentation.deeplabv3 import DeepLabHead

        head: nn.Module = DeepLabHead(channels, spec.num_outputs, self.rates)
        return head
