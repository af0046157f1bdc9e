"""Residual networks."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt
from torch import nn

from runner.engine.spec import Kind, Spec
from runner.model.base import ONE_VECTOR, Chain
from runner.model.layers.activation import Activation, Slope, activation_layer
from runner.model.layers.attention import Attention
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.fitted import MIN_MAP, SMALL, Stem, has_small_stem
from runner.model.layers.normalization import Norm, image_norm
from runner.model.layers.residual import Basic, Block, Bottleneck, Parts, PreBasic, PreBottleneck, shortcut

# Whether blocks are bottlenecks, and blocks per stage (table 1 of the paper); other depths are 6n + 2 layers in three
# stages of n basic blocks.
STAGES: dict[int, tuple[bool, tuple[int, ...]]] = {
    18: (False, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    152: (True, (3, 8, 36, 3)),
}
BLOCKS: dict[tuple[str, bool], type[Block]] = {
    ("post", False): Basic,
    ("post", True): Bottleneck,
    ("pre", False): PreBasic,
    ("pre", True): PreBottleneck,
}


class ResNet(Chain):
    """Residual network of any published depth, fitted to the size of the images.

    Two families. Depths 18 to 152 have four stages that start with 64 channels, and projection shortcuts; at 224
    pixels with batch norm and relu they are torchvision's networks, under the same parameter names. Depths 20, 32, 56,
    110 and 1202 are the small ones for CIFAR: three stages of 16, 32 and 64 channels with shortcuts without parameters.

    Images of more than 64 pixels (shorter side) enter through a 7x7 convolution of stride 2 and a max pooling; smaller
    ones through a 3x3 convolution of stride 1, and there a stage that would leave a single pixel keeps its size: 8
    pixels are halved twice at any depth, and 16 or more as often as there are stages for it.

    Weights start as in the paper: convolutions He-normal over fan-out. Shapes: ``(N, C, H, W)`` to ``(N,
    num_outputs)``.

    Args:
        spec: facts about the data, which must be images ``(channels, height, width)``.
        depth: number of layers.
        width: factor on the number of channels of every layer, above 0 (Zagoruyko and Komodakis 2016).
        block: where a block normalizes and activates: ``post``, after each convolution and the sum; ``pre``, before
            each convolution, which leaves the way along the shortcuts free and trains better from about 100 layers on.
        attention: what stands at the end of every block's branch, in front of the sum: ``se`` weighs channels, ``cbam``
            channels and positions, ``self`` lets positions look at each other, ``none``.
        activation: activation of all layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        norm: normalization of the convolutions.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        stochastic_depth: probability that the last block's branch is left out for an example in training, in [0, 1);
            block l of L has l/L of it (Huang et al. 2016).
        stem: ``small`` (for images of up to 64 pixels), ``large``, or ``auto``, by the size of the images.

    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", table 1 and section 4.2; for ``pre`` He et
    al. 2016, "Identity Mappings in Deep Residual Networks"; attention where Hu et al. 2018 (figure 3) and Woo et al.
    2018 (figure 3) have it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR

    def __init__(
        self,
        spec: Spec,
        depth: Literal[18, 34, 50, 101, 152, 20, 32, 56, 110, 1202] = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        block: Literal["post", "pre"] = "post",
        attention: Attention = "none",
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        norm: Norm = "batch",
        dropout: DropoutRate = 0.0,
        stochastic_depth: DropoutRate = 0.0,
        stem: Stem = "auto",
    ) -> None:
        colours, *sides = spec.input_shape
        bottleneck, blocks = STAGES.get(depth, (False, ((depth - 2) // 6,) * 3))
        kind = BLOCKS[block, bottleneck]
        parts = Parts(partial(activation_layer, activation, negative_slope), norm, attention)
        channels = max(1, round((64 if depth in STAGES else 16) * width))
        small = has_small_stem(spec, stem)
        side = min(sides) if small else -(-min(sides) // 4)
        layers: dict[str, nn.Module] = {
            "conv1": parts.conv(colours, channels, 3) if small else parts.conv(colours, channels, 7, 2),
            "bn1": image_norm(norm, channels),
            "relu": parts.activation(),
        }
        if not small:
            layers["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
        inputs, made = channels, 0
        for i, count in enumerate(blocks):
            stride = 1 if i == 0 or (min(sides) <= SMALL and (side + 1) // 2 < MIN_MAP) else 2
            side = -(-side // stride)
            stage = []
            for j in range(count):
                step, outputs = (stride if j == 0 else 1), channels * kind.expansion
                beside = shortcut(parts, inputs, outputs, step, projected=depth in STAGES)
                made += 1
                drop = stochastic_depth * made / sum(blocks)
                stage.append(kind(parts, inputs, channels, step, beside, drop, first=made == 1))
                inputs = outputs
            layers[f"layer{i + 1}"] = nn.Sequential(*stage)
            channels *= 2
        if block == "pre":
            layers["bn2"], layers["relu2"] = image_norm(norm, inputs), parts.activation()
        layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["dropout"] = dropout_layer(dropout)
        layers["fc"] = nn.Linear(inputs, spec.num_outputs)
        super().__init__(activation, layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        alike = depth in STAGES and block == "post" and (width, norm, attention) == (1, "batch", "none")
        self.builder = f"resnet{depth}" if alike else ""
