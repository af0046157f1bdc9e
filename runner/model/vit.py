"""Vision transformers."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torchvision import models

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.base import PublishedNetwork
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.fitted import fit_to_images
from runner.model.layers.patches import PatchSize, patch_side

# Layers, heads, width, and hidden units of each layer's mlp: Lee et al. 2021 (section 4.1), Touvron et al. 2021
# (table 1), and table 1 of the paper.
SIZES: dict[str, tuple[int, int, int, int]] = {
    "compact": (9, 12, 192, 384),
    "tiny": (12, 3, 192, 768),
    "small": (12, 6, 384, 1536),
    "base": (12, 12, 768, 3072),
    "large": (24, 16, 1024, 4096),
    "huge": (32, 16, 1280, 5120),
}


class ViT(models.VisionTransformer, PublishedNetwork):  # type: ignore[misc]
    """A transformer over the patches of an image; torchvision's class and parameter names.

    Shapes: ``(N, C, H, H)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be square images ``(channels, height, height)``.
        size: ``compact`` is made for images of 28 to 64 pixels and few of them; torchvision has weights from base on.
        patch_size: side of a patch in pixels; None: 16 at 224 pixels, 8 at 64, 4 at 28 and 32.
        dropout: probability of dropping a value behind every layer, in [0, 1).

    Raises:
        ConfigError: the images are not square, or can't be cut into such patches.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale";
    compact: Lee et al. 2021, "Vision Transformer for Small-Size Datasets".
    """

    activation = "gelu"

    def __init__(
        self,
        spec: Spec,
        size: Literal["compact", "tiny", "small", "base", "large", "huge"] = "compact",
        patch_size: PatchSize = None,
        dropout: DropoutRate = 0.0,
    ) -> None:
        _, height, width = spec.input_shape
        if height != width:
            raise ConfigError(
                f"model=vit: takes square images, and these are {width} x {height}. Take another network."
            )
        patch = patch_side(spec, patch_size)
        layers, heads, hidden, units = SIZES[size]
        super().__init__(height, patch, layers, heads, hidden, units, dropout, num_classes=spec.num_outputs)
        # torchvision's zeros are for fine-tuning: no gradient would reach the other layers in the first step
        nn.init.trunc_normal_(self.get_submodule("heads.head").weight, std=0.02)  # type: ignore[arg-type]
        named = {"base": "b", "large": "l", "huge": "h"}.get(size)
        self.builder = f"vit_{named}_{patch}" if f"vit_{named}_{patch}" in models.list_models(module=models) else ""
        fit_to_images(self, spec)
