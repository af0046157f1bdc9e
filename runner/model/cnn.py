"""Plain convolutional network."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import ONE_VECTOR, Chain, Residual
from runner.model.layers.activation import Activation, Slope, activation_layer
from runner.model.layers.attention import Attention, attention_layer
from runner.model.layers.dropout import DropoutRate, dropout_layer, spatial_dropout_layer
from runner.model.layers.normalization import Norm, image_norm, needs_bias

POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class Skip(Residual):
    """A convolution and its normalization beside a shortcut: ``norm(conv(x)) + shortcut(x)``.

    The shortcut is the identity where shapes agree, otherwise a 1x1 convolution with its own normalization.

    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", equation 2.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("conv",)

    def __init__(self, conv: nn.Conv2d, norm: Norm) -> None:
        super().__init__()
        inputs, outputs = conv.in_channels, conv.out_channels
        self.conv, self.norm = conv, image_norm(norm, outputs)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or conv.stride != (1, 1):
            beside = nn.Conv2d(inputs, outputs, 1, conv.stride, bias=needs_bias(norm))  # type: ignore[arg-type]
            self.shortcut = nn.Sequential(beside, image_norm(norm, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, H, W)`` to ``(N, outputs, H', W')``."""
        return self.norm(self.conv(x)) + self.shortcut(x)  # type: ignore[no-any-return]


class CNN(Chain):
    """Stages of convolution, normalization, activation and pooling, then dense layers.

    The layers are named ``conv1``, ``norm1`` (both in ``skip1`` when there are shortcuts), ``activation1``, ``pool1``,
    ``attention1``, ``conv2``, ..., ``linear1``, ... and ``output``. Shapes: ``(N, C, H, W)`` to ``(N, num_outputs)``; a
    convolution makes a side of s pixels ``(s + 2 padding - kernel_size) // stride + 1``, a pooling ``s // pool_size``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        channels: output channels of each stage's convolution.
        kernel_size: side of every convolution's kernel, in pixels.
        stride: step of every convolution, in pixels.
        padding: zeros around every convolution's input, in pixels; None gives half the kernel, ``(kernel_size - 1) //
            2``, which keeps the size for odd kernels with stride 1.
        pool: kind of pooling at the end of every stage.
        pool_size: side and step of the pooling window, in pixels.
        head: units of each hidden dense layer; may be empty.
        attention: what stands at the end of every stage: ``se`` weighs channels, ``cbam`` channels and positions,
            ``self`` lets positions look at each other, ``none``.
        skip: whether there is a shortcut around every convolution.
        activation: activation of all hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        norm: normalization of the convolutions; dense layers have none.
        dropout: probability of dropping a unit of the hidden dense layers, or of the flattened features when `head` is
            empty, in [0, 1).
        spatial_dropout: probability of dropping a channel at the end of a stage, in [0, 1).

    Raises:
        ConfigError: the images are so small that the stages leave nothing of them; or `skip` with
            convolutions that change the size by more than their stride.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR

    def __init__(
        self,
        spec: Spec,
        channels: tuple[Annotated[int, Ge(1)], ...] = (32, 64),
        kernel_size: Annotated[int, Ge(1)] = 3,
        stride: Annotated[int, Ge(1)] = 1,
        padding: Annotated[int, Ge(0)] | None = None,
        pool: Literal["max", "avg", "none"] = "max",
        pool_size: Annotated[int, Ge(1)] = 2,
        head: tuple[Annotated[int, Ge(1)], ...] = (128,),
        attention: Attention = "none",
        skip: bool = False,
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        norm: Norm = "batch",
        dropout: DropoutRate = 0.0,
        spatial_dropout: DropoutRate = 0.0,
    ) -> None:
        width, *sides = spec.input_shape
        pad = (kernel_size - 1) // 2 if padding is None else padding
        layers: dict[str, nn.Module] = {}
        for i, out in enumerate(channels, start=1):
            strided = [(s - 1) // stride + 1 for s in sides]
            sides = [(s + 2 * pad - kernel_size) // stride + 1 for s in sides]
            if min(sides) >= 1 and norm == "instance" and max(sides) == 1:
                raise ConfigError(
                    f"model.norm=instance normalizes over the pixels of a channel, but only one is left in stage {i}. "
                    "Shorten model.channels, lower model.stride or model.pool_size, or take model.norm=group."
                )
            if skip and sides != strided:
                raise ConfigError(
                    "model.skip=true adds the input of a convolution to its output, so both must be of one size, but "
                    f"kernel_size={kernel_size} with {pad} pixels of padding changes it. Take an odd model.kernel_size "
                    "and model.padding=null."
                )
            conv = nn.Conv2d(width, out, kernel_size, stride, pad, bias=needs_bias(norm))
            if skip:
                layers[f"skip{i}"] = Skip(conv, norm)
            else:
                layers[f"conv{i}"], layers[f"norm{i}"] = conv, image_norm(norm, out)
            layers[f"activation{i}"] = activation_layer(activation, negative_slope)
            if pool != "none":
                sides = [s // pool_size for s in sides]
                layers[f"pool{i}"] = POOLS[pool](pool_size)
            if min(sides) < 1:
                height, breadth = spec.input_shape[1:]
                raise ConfigError(
                    f"model.channels has {len(channels)} stages, but nothing is left of a {height} x {breadth} image "
                    f"after stage {i}. Shorten model.channels, lower model.stride, model.kernel_size or "
                    "model.pool_size, or take model.pool=none."
                )
            layers[f"attention{i}"] = attention_layer(attention, out)
            layers[f"dropout{i}"] = spatial_dropout_layer(spatial_dropout)
            width = out
        layers["flatten"] = nn.Flatten()
        width *= sides[0] * sides[1]
        if not head:
            layers["dropout"] = dropout_layer(dropout)
        for i, units in enumerate(head, start=1):
            layers[f"linear{i}"] = nn.Linear(width, units)
            layers[f"linear{i}_activation"] = activation_layer(activation, negative_slope)
            layers[f"linear{i}_dropout"] = dropout_layer(dropout)
            width = units
        layers["output"] = nn.Linear(width, spec.num_outputs)
        super().__init__(activation, layers)
