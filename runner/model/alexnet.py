"""AlexNet."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import nn

from runner.engine.spec import Spec
from runner.model.base import Chain, PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images


class AlexNet(Chain, PublishedNetwork):
    """Five convolutions and three dense layers; with all the width, torchvision's network under its parameter names.

    Images of up to 64 pixels enter through a 3x3 convolution of stride 1, without the pooling behind it. Shapes: ``(N,
    C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        width: factor on the channels and hidden units of every layer, above 0.
        dropout: probability of dropping a unit in front of the hidden dense layers, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Raises:
        ConfigError: the images are too small.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", with the widths
    of Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks".
    """

    def __init__(
        self,
        spec: Spec,
        width: Annotated[float, Gt(0)] = 1.0,
        dropout: DropoutRate = 0.5,
        stem: Stem = "auto",
    ) -> None:
        a, b, c, d, units = (max(1, round(width * channels)) for channels in (64, 192, 384, 256, 4096))
        features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(a, b, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(d, d, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(d * 6 * 6, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, spec.num_outputs),
        )
        pool, flatten = nn.AdaptiveAvgPool2d(6), nn.Flatten()
        super().__init__("relu", {"features": features, "avgpool": pool, "flatten": flatten, "classifier": classifier})
        self.builder = "alexnet" if width == 1 else ""
        fit_to_images(self, spec, stem)
