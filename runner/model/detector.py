"""Small detector without anchors."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.activation import Activation, Slope
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.normalization import Norm
from runner.model.unet import double_conv

_PRIOR = 0.01  # probability of every class in every cell before training
_LARGEST = 8.0  # of the logarithm of a distance in cells


class Detector(Network):
    """Stages of two convolutions; each cell of the last one's map tells a box around it, and what is in the box.

    Every stage but the first halves the image. A cell gives the distances from its centre to the four sides of the
    box, as ``stride * e^z``, hence the box in pixels. Shapes: ``(N, C, H, W)`` to ``(N, H / stride, W / stride,
    num_outputs)``, the first four left, top, right and bottom, the others logits of the classes.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        channels: of each stage; the stride is 2 to the number of stages less one.
        activation: activation of all hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        norm: normalization of the convolutions.
        spatial_dropout: probability of dropping a channel at the end of a stage, in [0, 1).

    Raises:
        ConfigError: the sides of the images are no multiples of the stride.

    Source: Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection", section 3; with a map of one size
    and without centre-ness. The classes' biases start as in Lin et al. 2017, section 4.1.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("detection",)

    def __init__(
        self,
        spec: Spec,
        channels: tuple[Annotated[int, Ge(1)], ...] = (16, 32, 64),
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        norm: Norm = "batch",
        spatial_dropout: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        self.activation, self.stride = activation, 2 ** max(0, len(channels) - 1)
        colours, *sides = spec.input_shape
        if not channels or any(side % self.stride for side in sides):
            raise ConfigError(
                f"model.channels={list(channels)}: {len(channels)} stages halve images to a {self.stride}th, expected "
                f"at least one stage and a number that divides {sides[0]} and {sides[1]} pixels. Take images of "
                "another size, or another number of stages."
            )
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(zip([colours, *channels], channels, strict=False)):
            layers += [nn.MaxPool2d(2)] if number else []
            layers.append(double_conv(inputs, outputs, activation, negative_slope, norm, spatial_dropout))
        self.stages = nn.Sequential(*layers)
        self.output = nn.Conv2d(channels[-1], spec.num_outputs, 1)
        nn.init.constant_(self.output.bias[4:], -math.log((1 - _PRIOR) / _PRIOR))  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, H / stride, W / stride, num_outputs)``, boxes in at least float32."""
        found: Tensor = self.output(self.stages(x)).movedim(1, -1)
        found = found if found.element_size() >= 4 else found.float()  # bf16 can't tell pixels apart
        rows, columns = found.shape[1:3]
        y = (torch.arange(rows, device=x.device, dtype=found.dtype) + 0.5)[:, None].expand(rows, columns)
        x = (torch.arange(columns, device=x.device, dtype=found.dtype) + 0.5).expand(rows, columns)
        reach = found[..., :4].clamp(max=_LARGEST).exp()
        sides = torch.stack([x, y], -1)
        corners = torch.cat([sides - reach[..., :2], sides + reach[..., 2:]], -1) * self.stride
        return torch.cat([corners, found[..., 4:]], -1)
