"""GoogLeNet."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, Inception

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import Stem, fit_to_images


class GoogLeNet(models.GoogLeNet, PublishedNetwork):  # type: ignore[misc]
    """Nine modules of parallel convolutions (Inception v1); torchvision's class and parameter names.

    The two auxiliary classifiers of the paper are left out: batch normalization, which torchvision added, does what
    they were for (Szegedy et al. 2016, section 4). Images of up to 64 pixels enter through a 3x3 convolution of stride
    1, without the pooling behind it. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        kernel_size: side of the kernel in each module's third branch, in pixels: 3 as in torchvision, whose weights fit
            that only, or 5 as in the paper.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", table 1.
    """

    def __init__(
        self,
        spec: Spec,
        kernel_size: Literal[3, 5] = 3,
        dropout: DropoutRate = 0.2,
        stem: Stem = "auto",
    ) -> None:
        super().__init__(spec.num_outputs, aux_logits=False, init_weights=True, dropout=dropout)
        for module in self.modules() if kernel_size == 5 else ():
            if isinstance(module, Inception):
                before = module.branch3[1].conv
                module.branch3[1] = BasicConv2d(before.in_channels, before.out_channels, kernel_size=5, padding=2)
                nn.init.trunc_normal_(module.branch3[1].conv.weight, std=0.01)
        self.builder = "googlenet" if kernel_size == 3 else ""
        fit_to_images(self, spec, stem)
