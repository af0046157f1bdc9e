"""U-Net."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Chain, Network
from runner.model.layers.activation import Activation, Slope, activation_layer
from runner.model.layers.dropout import DropoutRate, spatial_dropout_layer
from runner.model.layers.normalization import Norm, image_norm, needs_bias


def double_conv(
    inputs: int, outputs: int, activation: Activation, negative_slope: float, norm: Norm, spatial_dropout: float
) -> Chain:
    """Two 3x3 convolutions that keep the size, each with normalization and activation."""
    layers: dict[str, nn.Module] = {}
    for i, width in enumerate((inputs, outputs), start=1):
        layers[f"conv{i}"] = nn.Conv2d(width, outputs, 3, padding=1, bias=needs_bias(norm))
        layers[f"norm{i}"] = image_norm(norm, outputs)
        layers[f"activation{i}"] = activation_layer(activation, negative_slope)
    layers["dropout"] = spatial_dropout_layer(spatial_dropout)
    return Chain(activation, layers)


class UNet(Network):
    """Stages that halve images, then stages that double them again, each seeing the one of its size on the way down.

    A stage is two 3x3 convolutions with normalization and activation. Images of any size are taken: they are filled
    up to a multiple of ``2 ** (depth - 1)`` with their border pixels, and the answer is cut. Shapes: ``(N, C, H, W)``
    to ``(N, num_outputs, H, W)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of sizes, at least 1: images are halved ``depth - 1`` times.
        channels: of the first stage; each smaller size has twice as many.
        activation: activation of all hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        norm: normalization of the convolutions.
        spatial_dropout: probability of dropping a channel at the end of a stage, in [0, 1).

    Raises:
        ConfigError: images are so small that `norm` has a single pixel to normalize over.

    Source: Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", figure 1; with
    padded convolutions, so that the answer is as large as the image.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)

    def __init__(
        self,
        spec: Spec,
        depth: Annotated[int, Ge(1)] = 3,
        channels: Annotated[int, Ge(1)] = 16,
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        norm: Norm = "batch",
        spatial_dropout: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        self.activation, self.multiple = activation, 2 ** (depth - 1)
        colours, *sides = spec.input_shape
        if norm == "instance" and max(sides) <= self.multiple:
            raise ConfigError(
                f"model.norm=instance normalizes over the pixels of a channel, but model.depth={depth} leaves only one "
                f"of {sides[0]} x {sides[1]}. Lower model.depth, or take model.norm=group."
            )

        def stage(inputs: int, outputs: int) -> Chain:
            return double_conv(inputs, outputs, activation, negative_slope, norm, spatial_dropout)

        widths = [channels * 2**i for i in range(depth)]
        self.down = nn.ModuleList(stage(i, o) for i, o in zip([colours, *widths], widths, strict=False))
        pairs = list(zip(widths[1:], widths, strict=False))[::-1]  # from below, and beside
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(below, beside, 2, 2) for below, beside in pairs)
        self.up = nn.ModuleList(stage(2 * beside, beside) for _, beside in pairs)
        self.output = nn.Conv2d(channels, spec.num_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, num_outputs, H, W)``."""
        height, width = x.shape[-2:]
        if height % self.multiple or width % self.multiple:
            x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        beside: list[Tensor] = []
        for number, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if number else x)
            beside.append(x)
        beside.pop()
        for enlarge, stage in zip(self.enlarge, self.up, strict=True):
            x = stage(torch.cat([beside.pop(), enlarge(x)], 1))
        outputs: Tensor = self.output(x)
        return outputs[..., :height, :width]
