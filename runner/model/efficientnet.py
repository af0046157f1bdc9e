"""EfficientNets."""

from __future__ import annotations

from functools import partial
from typing import Literal

from torch import nn
from torchvision import models
from torchvision.models.efficientnet import _efficientnet_conf

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images

# Factors on width and depth, and dropout before the last layer, as in the authors' program.
SIZES: dict[str, tuple[float, float, float]] = {
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4),
    "b5": (1.6, 2.2, 0.4),
    "b6": (1.8, 2.6, 0.5),
    "b7": (2.0, 3.1, 0.5),
}


class EfficientNet(models.EfficientNet, PublishedNetwork):  # type: ignore[misc]
    """Width and depth grown together from one searched network; torchvision's class and parameter names.

    Images of up to 64 pixels enter through a convolution of stride 1. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        size: ``b0`` to ``b7``; made for 224 to 600 pixels.
        dropout: probability of dropping a feature before the last layer, in [0, 1); None: 0.2 to 0.5, by size.
        stochastic_depth: probability that the last block's branch is left out for an example in training, in [0, 1);
            block l of L has l/L of it.
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1.
    """

    activation = "silu"

    def __init__(
        self,
        spec: Spec,
        size: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"] = "b0",
        dropout: DropoutRate | None = None,
        stochastic_depth: DropoutRate = 0.2,
        stem: Stem = "auto",
    ) -> None:
        width, depth, usual = SIZES[size]
        blocks, last = _efficientnet_conf(f"efficientnet_{size}", width_mult=width, depth_mult=depth)
        # b5 to b7 were trained with other constants (torchvision's note on their weights)
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01) if size in ("b5", "b6", "b7") else None
        super().__init__(
            blocks,
            usual if dropout is None else dropout,
            stochastic_depth,
            spec.num_outputs,
            norm_layer=norm,
            last_channel=last,
        )
        self.builder = f"efficientnet_{size}"
        fit_to_images(self, spec, stem)
