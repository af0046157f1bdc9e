"""Densely connected networks."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torchvision import models

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images

# Growth rate and layers of each block: table 1 of the paper, and its networks for CIFAR (table 2, DenseNet-BC), whose
# three blocks have (depth - 4) / 6 layers each.
BLOCKS: dict[int, tuple[int, tuple[int, ...]]] = {
    121: (32, (6, 12, 24, 16)),
    161: (48, (6, 12, 36, 24)),
    169: (32, (6, 12, 32, 32)),
    201: (32, (6, 12, 48, 32)),
    40: (12, (6, 6, 6)),
    100: (12, (16, 16, 16)),
    190: (40, (31, 31, 31)),
    250: (24, (41, 41, 41)),
}


class DenseNet(models.DenseNet, PublishedNetwork):  # type: ignore[misc]
    """Every layer of a block sees what all before it gave (DenseNet-BC); torchvision's class and parameter names.

    Depths 121 to 201 are those for ImageNet, with four blocks; 40, 100, 190 and 250 those for CIFAR, with three. Images
    of up to 64 pixels enter through a 3x3 convolution of stride 1, without the pooling behind it. Shapes: ``(N, C, H,
    W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers.
        growth_rate: channels that each layer adds (k); None: that of the paper's network of this depth.
        dropout: probability of dropping a value behind each layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Huang et al. 2017, "Densely Connected Convolutional Networks", tables 1 and 2.
    """

    def __init__(
        self,
        spec: Spec,
        depth: Literal[121, 161, 169, 201, 40, 100, 190, 250] = 100,
        growth_rate: Annotated[int, Ge(1)] | None = None,
        dropout: DropoutRate = 0.0,
        stem: Stem = "auto",
    ) -> None:
        published, blocks = BLOCKS[depth]
        growth = growth_rate or published
        super().__init__(growth, blocks, 2 * growth, drop_rate=dropout, num_classes=spec.num_outputs)
        self.builder = f"densenet{depth}" if len(blocks) == 4 and growth == published else ""
        fit_to_images(self, spec, stem)
