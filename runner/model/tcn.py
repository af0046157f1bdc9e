"""Temporal convolutional network."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.model.base import ONE_VECTOR, Network, Residual
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.recurrent import (
    AttentionPool,
    Pooling,
    Units,
    at_every_step,
    at_steps,
    check_answers,
    series_shape,
)


class CausalConv(nn.Conv1d):
    """A dilated convolution whose output at a step sees that step and earlier ones only: padded in front with zeros.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel_size: steps that it looks at, k.
        dilation: steps from one of them to the next, d.
        weight_norm: learn length and direction of each output's weights apart, ``w = g v / |v|``. The lengths start at
            √2, which is what He's initialization gives in the mean, whatever the weights are drawn by.

    Source: van den Oord et al. 2016, "WaveNet", section 2.1; Salimans and Kingma 2016, "Weight Normalization",
        equation 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, dilation: int, weight_norm: bool) -> None:
        super().__init__(inputs, outputs, kernel_size, dilation=dilation)
        self.gain = nn.Parameter(torch.full((outputs, 1, 1), math.sqrt(2))) if weight_norm else None

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, T)`` to ``(N, outputs, T)``."""
        weight = self.weight
        if self.gain is not None:
            weight = self.gain * F.normalize(weight.flatten(1)).view_as(weight)
        reach = (self.kernel_size[0] - 1) * self.dilation[0]
        return F.conv1d(F.pad(x, (reach, 0)), weight, self.bias, dilation=self.dilation)


class TemporalBlock(Residual):
    """Two causal convolutions, each with relu and dropout, beside a shortcut; relu behind their sum.

    Args:
        inputs: channels of the input.
        outputs: channels of the output; where they differ, the shortcut is a convolution of width 1.
        kernel_size: of both convolutions.
        dilation: of both.
        weight_norm: of both.
        dropout: probability of dropping a number, in [0, 1).

    Source: Bai et al. 2018, section 3.4.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("conv2",)

    def __init__(
        self, inputs: int, outputs: int, kernel_size: int, dilation: int, weight_norm: bool, dropout: float
    ) -> None:
        super().__init__()
        self.conv1 = CausalConv(inputs, outputs, kernel_size, dilation, weight_norm)
        self.conv2 = CausalConv(outputs, outputs, kernel_size, dilation, weight_norm)
        self.dropout = dropout_layer(dropout)
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, T)`` to ``(N, outputs, T)``."""
        inside = self.dropout(self.conv1(x).relu())
        inside = self.dropout(self.conv2(inside).relu())
        return (inside + self.shortcut(x)).relu()  # type: ignore[no-any-return]


class TCN(Network):
    """Dilated causal convolutions over a series, pooled over its steps into one vector, and a dense layer.

    Block i looks ``2^i`` steps apart, i from 0: what comes later than a step never changes its output, and a step sees
    ``1 + 2 (kernel_size - 1) (2^layers - 1)`` steps, itself included (`receptive_field`). Shapes: ``(N, steps,
    features)``, images ``(N, C, H, W)`` as H steps of C·W features, or tokens ``(N, steps)``, to ``(N, num_outputs)``,
    or ``(N, steps, num_outputs)`` without pooling. Series may be padded at their ends, when their `lengths` are given:
    padding changes nothing.

    The blocks are named ``block1``, ``block2``, ...; before them may stand an ``embedding`` (of tokens), behind them
    ``output``. With F features in, C channels and K outputs, ``(k C F + C) + (k C C + C)``, with weight norm another 2
    C, are the parameters of the first block, with ``C F + C`` for the shortcut where C differs from F; the others have
    ``2 (k C C + C)``, and again 2 C; the last layer has ``C K + K``.

    Args:
        spec: facts about the data: series ``(steps, features)``, images, whose rows are the steps, or tokens.
        channels: of every block, C.
        layers: number of blocks; each doubles the receptive field.
        kernel_size: steps that a convolution looks at, k, at least 2.
        weight_norm: learn length and direction of the weights apart.
        dropout: probability of dropping a number behind each convolution, in [0, 1).
        pooling: what is made of the steps: the last one, their mean, their mean weighted by learned attention, or an
            output at every step (none). Auto: none where the targets are tokens, else last.
        embedding: numbers that stand for each token; used for tokens only.

    Attributes:
        receptive_field: steps that the output at a step sees, itself included.

    Raises:
        ConfigError: a pooling that does not give what the data ask for.

    Source: Bai et al. 2018, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
        Modeling", section 3.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("series", "image", "tokens")
    tasks: ClassVar[tuple[str, ...]] = (*ONE_VECTOR, "tokens")
    lengths: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        channels: Units = 64,
        layers: Units = 5,
        kernel_size: Annotated[int, Ge(2)] = 3,
        weight_norm: bool = True,
        dropout: DropoutRate = 0.0,
        pooling: Pooling = "auto",
        embedding: Units = 64,
    ) -> None:
        super().__init__()
        check_answers(spec, pooling)
        self.embedding = None
        if spec.inputs is not None and spec.inputs.kind == "tokens":
            assert spec.inputs.size is not None
            self.embedding = nn.Embedding(spec.inputs.size, embedding)
            steps, width = spec.input_shape[0], embedding
        else:
            steps, width = series_shape(spec)
        if pooling == "auto":
            pooling = "none" if at_every_step(spec) else "last"
        self.pooling, self.layers = pooling, layers
        for i in range(layers):
            block = TemporalBlock(width, channels, kernel_size, 2**i, weight_norm, dropout)
            self.add_module(f"block{i + 1}", block)
            width = channels
        self.attention = AttentionPool(width) if pooling == "attention" else None
        self.output = nn.Linear(width, spec.num_outputs)
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**layers - 1)
        if pooling == "last" and steps > self.receptive_field:
            self.notes = (
                f"model=tcn: its answer sees the last {self.receptive_field} of {steps} steps. More of model.layers or "
                "model.kernel_size, or model.pooling=mean, lets it see all.",
            )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``(N, T, F)``, ``(N, C, H, W)`` or tokens ``(N, T)`` to ``(N, num_outputs)``, or ``(N, T, num_outputs)``.

        Args:
            x: the series, padded at their ends where they are of unequal length.
            lengths: steps of each ``(N,)``, at least 1; None: all.
        """
        if x.ndim == 4:
            x = x.transpose(1, 2).flatten(2)  # (N, H, C W)
        if self.embedding is not None:
            x = self.embedding(x)
        x = x.transpose(1, 2)  # (N, F, T)
        for i in range(self.layers):
            x = getattr(self, f"block{i + 1}")(x)
        x = x.transpose(1, 2)
        return self.output(self._pooled(x) if lengths is None else self._pooled_within(x, lengths))  # type: ignore[no-any-return]

    def _pooled(self, x: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(x)  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return x.mean(1)
        return x if self.pooling == "none" else x[:, -1]

    def _pooled_within(self, x: Tensor, lengths: Tensor) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)
        inside, last = steps < lengths[:, None], lengths[:, None] - 1
        if self.attention is not None:
            return self.attention(x, inside)  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return x.where(inside[..., None], 0.0).sum(1) / lengths[:, None].to(x.dtype)
        return at_steps(x, steps.minimum(last)) if self.pooling == "none" else at_steps(x, last)[:, 0]
