"""ConvNeXt."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import SMALL, fit_to_images

# Channels and blocks of the four stages: section 3 of the paper, and below tiny Woo et al. 2023, appendix A.
SIZES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "atto": ((40, 80, 160, 320), (2, 2, 6, 2)),
    "femto": ((48, 96, 192, 384), (2, 2, 6, 2)),
    "pico": ((64, 128, 256, 512), (2, 2, 6, 2)),
    "nano": ((80, 160, 320, 640), (2, 2, 8, 2)),
    "tiny": ((96, 192, 384, 768), (3, 3, 9, 3)),
    "small": ((96, 192, 384, 768), (3, 3, 27, 3)),
    "base": ((128, 256, 512, 1024), (3, 3, 27, 3)),
    "large": ((192, 384, 768, 1536), (3, 3, 27, 3)),
}


class ConvNeXt(models.ConvNeXt, PublishedNetwork):  # type: ignore[misc]
    """A convolutional network with the proportions of a transformer; torchvision's class and parameter names.

    Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        size: channels and depth; torchvision has weights from tiny on.
        patch_size: side of the patches that the image is cut into, in pixels; None: 4 as in the paper, 2 for images of
            up to 64 pixels.
        stochastic_depth: probability that the last block's branch is left out for an example in training, in [0, 1);
            the paper's 0.1 to 0.5 grow with the size.

    Source: Liu et al. 2022, "A ConvNet for the 2020s", section 3; Woo et al. 2023, "ConvNeXt V2", appendix A.
    """

    activation = "gelu"

    def __init__(
        self,
        spec: Spec,
        size: Literal["atto", "femto", "pico", "nano", "tiny", "small", "base", "large"] = "tiny",
        patch_size: Annotated[int, Ge(1)] | None = None,
        stochastic_depth: DropoutRate = 0.1,
    ) -> None:
        channels, depths = SIZES[size]
        stages = zip(channels, (*channels[1:], None), depths, strict=True)
        super().__init__([CNBlockConfig(*stage) for stage in stages], stochastic_depth, num_classes=spec.num_outputs)
        colours, *sides = spec.input_shape
        patch = patch_size or (2 if min(sides) <= SMALL else 4)
        if (colours, patch) != (3, 4):
            stem = nn.Conv2d(colours, channels[0], patch, stride=patch)
            nn.init.trunc_normal_(stem.weight, std=0.02)
            self.set_submodule("features.0.0", stem)
        self.builder = f"convnext_{size}" if size in ("tiny", "small", "base", "large") else ""
        fit_to_images(self, spec)
