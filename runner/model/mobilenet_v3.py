"""MobileNetV3."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt
from torchvision import models
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images


class MobileNetV3(models.MobileNetV3, PublishedNetwork):  # type: ignore[misc]
    """MobileNetV2's blocks with squeeze-and-excitation and hard swish; torchvision's class and parameter names.

    Images of up to 64 pixels enter through a convolution of stride 1. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        size: which of the paper's two networks.
        width: factor on the channels of every layer, above 0; rounded to multiples of 8.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Howard et al. 2019, "Searching for MobileNetV3", tables 1 and 2.
    """

    def __init__(
        self,
        spec: Spec,
        size: Literal["small", "large"] = "small",
        width: Annotated[float, Gt(0)] = 1.0,
        dropout: DropoutRate = 0.2,
        stem: Stem = "auto",
    ) -> None:
        blocks, last = _mobilenet_v3_conf(f"mobilenet_v3_{size}", width_mult=width)
        super().__init__(blocks, last, spec.num_outputs, dropout=dropout)
        self.builder = f"mobilenet_v3_{size}" if width == 1 else ""
        fit_to_images(self, spec, stem)
