"""MobileNetV2."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torchvision import models

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images


class MobileNetV2(models.MobileNetV2, PublishedNetwork):  # type: ignore[misc]
    """Inverted residuals around depthwise convolutions: few operations; torchvision's class and parameter names.

    Images of up to 64 pixels enter through a convolution of stride 1. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        width: factor on the channels of every layer, above 0; rounded to multiples of 8.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2.
    """

    def __init__(
        self, spec: Spec, width: Annotated[float, Gt(0)] = 1.0, dropout: DropoutRate = 0.2, stem: Stem = "auto"
    ) -> None:
        super().__init__(spec.num_outputs, width, dropout=dropout)
        self.builder = "mobilenet_v2" if width == 1 else ""
        fit_to_images(self, spec, stem)
