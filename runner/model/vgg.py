"""VGG networks."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torch import nn

from runner.engine.spec import Spec
from runner.model.base import Chain, PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images, has_small_stem
from runner.model.layers.normalization import Norm, image_norm

# 3x3 convolutions in each of the five stages (table 1 of the paper: A, B, D, E).
STAGES: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class VGG(Chain, PublishedNetwork):
    """Stages of 3x3 convolutions, each ended by a pooling, and three dense layers.

    With all the width and ``norm`` none or batch, torchvision's networks (``vgg16``, ``vgg16_bn``) under their
    parameter names. For small images the maps are pooled to a single position and the hidden dense layers have 512
    units instead of 4096 (Liu and Deng 2015), and a pooling that would leave a single pixel is left out. Weights start
    as torchvision's: convolutions He-normal over fan-out. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers with weights.
        width: factor on the channels and hidden units of every layer, above 0.
        norm: normalization of the convolutions; the paper had none.
        dropout: probability of dropping a unit of the hidden dense layers, in [0, 1).
        stem: here the dense layers: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size.

    Source: Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", table 1;
    Liu and Deng 2015, "Very deep convolutional neural network based image classification using small training sample
    size".
    """

    def __init__(
        self,
        spec: Spec,
        depth: Literal[11, 13, 16, 19] = 16,
        width: Annotated[float, Gt(0)] = 1.0,
        norm: Norm = "none",
        dropout: DropoutRate = 0.5,
        stem: Stem = "auto",
    ) -> None:
        features: list[nn.Module] = []
        inputs = 3
        for channels, number in zip((64, 128, 256, 512, 512), STAGES[depth], strict=True):
            outputs = max(1, round(width * channels))
            for _ in range(number):
                conv = nn.Conv2d(inputs, outputs, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                features += [conv, *([] if norm == "none" else [image_norm(norm, outputs)]), nn.ReLU()]
                inputs = outputs
            features.append(nn.MaxPool2d(2))
        side, hidden = (1, 512) if has_small_stem(spec, stem) else (7, 4096)
        units = max(1, round(width * hidden))
        classifier = nn.Sequential(
            nn.Linear(inputs * side**2, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, spec.num_outputs),
        )
        layers = {"features": nn.Sequential(*features), "avgpool": nn.AdaptiveAvgPool2d(side), "flatten": nn.Flatten()}
        super().__init__("relu", {**layers, "classifier": classifier})
        suffix = {"none": "", "batch": "_bn"}.get(norm)
        self.builder = f"vgg{depth}{suffix}" if width == 1 and suffix is not None else ""
        fit_to_images(self, spec, stem)
