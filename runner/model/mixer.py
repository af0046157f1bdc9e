"""MLP-Mixer."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import ClassVar, Literal

from torch import Tensor, nn

from runner.engine.spec import Spec
from runner.model.base import PublishedNetwork, Residual
from runner.model.layers.dropout import DropoutRate, stochastic_depth
from runner.model.layers.patches import PatchSize, patch_side

# Layers and width; the hidden units of the two mlps are half and four times the width (table 1 of the paper).
SIZES: dict[str, tuple[int, int]] = {
    "compact": (8, 128),
    "small": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
    "huge": (32, 1280),
}
_norm = partial(nn.LayerNorm, eps=1e-6)


def mlp(features: int, hidden: int) -> nn.Sequential:
    """Two dense layers with gelu between them, ``(..., features)`` to the same shape."""
    layers = {"fc1": nn.Linear(features, hidden), "act": nn.GELU(), "fc2": nn.Linear(hidden, features)}
    return nn.Sequential(OrderedDict(layers))


class Mix(Residual):
    """``u = x + mlp(norm(x)ᵀ)ᵀ``, over the patches, then ``u + mlp(norm(u))``, over the channels (equation 1).

    Args:
        patches: S.
        width: C.
        drop: probability that an example's branches are left out in training.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("mlp_tokens.fc2", "mlp_channels.fc2")

    def __init__(self, patches: int, width: int, drop: float) -> None:
        super().__init__()
        self.norm1, self.mlp_tokens = _norm(width), mlp(patches, width // 2)
        self.norm2, self.mlp_channels = _norm(width), mlp(width, 4 * width)
        self.drop = stochastic_depth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, S, C)`` to the same shape."""
        x = x + self.drop(self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2))
        return x + self.drop(self.mlp_channels(self.norm2(x)))  # type: ignore[no-any-return]


class Mixer(PublishedNetwork):
    """Dense layers over the patches of an image and over its channels in turn; timm's parameter names.

    Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        size: depth and width; ``compact`` is ours, for images of up to 64 pixels.
        patch_size: side of a patch in pixels; None: 16 at 224 pixels, 8 at 64, 4 at 28 and 32.
        stochastic_depth: probability that the last layer's branches are left out for an example in training, in [0, 1);
            layer l of L has l/L of it.

    Raises:
        ConfigError: the images can't be cut into such patches.

    Source: Tolstikhin et al. 2021, "MLP-Mixer: An all-MLP Architecture for Vision", equation 1 and table 1.
    """

    activation = "gelu"

    def __init__(
        self,
        spec: Spec,
        size: Literal["compact", "small", "base", "large", "huge"] = "compact",
        patch_size: PatchSize = None,
        stochastic_depth: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        colours, height, breadth = spec.input_shape
        patch, (depth, width) = patch_side(spec, patch_size), SIZES[size]
        patches = (height // patch) * (breadth // patch)
        self.stem = nn.Sequential(OrderedDict(proj=nn.Conv2d(colours, width, patch, stride=patch)))
        drops = [stochastic_depth * layer / depth for layer in range(1, depth + 1)]
        self.blocks = nn.Sequential(*(Mix(patches, width, drop) for drop in drops))
        self.norm = _norm(width)
        self.head = nn.Linear(width, spec.num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs."""
        patches = self.stem(x).flatten(2).transpose(1, 2)  # (N, S, C)
        return self.head(self.norm(self.blocks(patches)).mean(1))  # type: ignore[no-any-return]
