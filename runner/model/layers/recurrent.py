"""What recurrent networks have in common: everything around their cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.activation import Activation
from runner.model.layers.dropout import dropout_layer

Pooling = Literal["last", "mean", "attention"]
StepNorm = Literal["batch", "layer", "rms", "none"]
Units = Annotated[int, Ge(1)]


class StepBatchNorm(nn.Module):
    """Batch normalization at each time step by itself, with one scale and shift for all steps.

    Early steps are distributed unlike late ones, so each has statistics of its own.

    Args:
        steps: T.
        features: F.

    Source: Cooijmans et al. 2017, "Recurrent Batch Normalization", section 3.
    """

    def __init__(self, steps: int, features: int) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm1d(steps * features, affine=False)
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, F)`` to the same shape."""
        return self.statistics(x.flatten(1)).view(x.shape) * self.weight + self.bias  # type: ignore[no-any-return]


class AttentionPool(nn.Module):
    """Mean over the steps, weighted by how much each has to say: ``a = softmax_t(u · tanh(W h_t + b))``.

    Args:
        features: F.

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, features)
        self.score = nn.Linear(features, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, F)`` to ``(N, F)``."""
        weights: Tensor = self.score(torch.tanh(self.hidden(x))).softmax(1)
        return (weights * x).sum(1)


def step_norm(name: StepNorm, steps: int, features: int) -> nn.Module:
    """The normalization called `name` for ``(N, steps, features)``; layer and rms take each step by itself."""
    if name == "batch":
        return StepBatchNorm(steps, features)
    if name == "layer":
        return nn.LayerNorm(features)
    return nn.RMSNorm(features, eps=1e-5) if name == "rms" else nn.Identity()


def recur(layer: nn.RNNBase, x: Tensor) -> Tensor:
    """The states of a recurrent layer at all steps; in float32 under float16 on CPUs, which have no kernels for it."""
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.float16:
        with torch.autocast("cpu", enabled=False):
            return layer(x.float())[0]  # type: ignore[no-any-return]
    return layer(x)[0]  # type: ignore[no-any-return]


def series_shape(spec: Spec) -> tuple[int, int]:
    """Steps and features of the data's series; the rows of an image are its steps."""
    if len(spec.input_shape) == 3:
        channels, height, width = spec.input_shape
        return height, channels * width
    steps, features = spec.input_shape
    return steps, features


class Recurrent(Network):
    """Recurrent layers over a series, pooled over its steps into one vector, and a dense layer.

    The layers are named ``rnn1``, ``norm1``, ``rnn2``, ..., and ``output``. Shapes: ``(N, steps, features)``, or images
    ``(N, C, H, W)`` as H steps of C·W features, to ``(N, num_outputs)``.

    Args:
        spec: facts about the data.
        cell: makes one recurrent layer with ``batch_first`` from its input width.
        activation: what bounds the hidden state; `runner.init` takes the gain of dense layers from it.
        layers: number of recurrent layers.
        pooling: ``last``: the state after the last step (backwards: after the first); ``mean`` over the steps;
            ``attention``: a weighted mean (`AttentionPool`).
        norm: normalization behind every recurrent layer (`step_norm`).
        dropout: probability of dropping a pooled feature, in [0, 1).
        dropout_between: the same between recurrent layers.
        dropout_input: the same of the input's features, at each step by itself.

    Raises:
        ConfigError: `dropout_between` with one layer.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("series", "image")

    def __init__(
        self,
        spec: Spec,
        cell: Callable[[int], nn.RNNBase],
        activation: Activation,
        *,
        layers: int,
        pooling: Pooling,
        norm: StepNorm,
        dropout: float,
        dropout_between: float,
        dropout_input: float,
    ) -> None:
        super().__init__()
        if dropout_between and layers == 1:
            raise ConfigError(
                f"model.dropout_between={dropout_between} acts between recurrent layers, and model.layers=1 leaves "
                "nothing between. Take model.layers=2, or model.dropout for the output."
            )
        steps, width = series_shape(spec)
        self.activation, self.pooling = activation, pooling
        self.recurrent: list[str] = []
        self._add("dropout_input", dropout_layer(dropout_input))
        for i in range(1, layers + 1):
            layer = cell(width)
            width = layer.hidden_size * (2 if layer.bidirectional else 1)
            self._add(f"rnn{i}", layer)
            self._add(f"norm{i}", step_norm(norm, steps, width))
            if i < layers:
                self._add(f"dropout{i}", dropout_layer(dropout_between))
        self.forwards = layer.hidden_size
        self.attention = AttentionPool(width) if pooling == "attention" else None
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(width, spec.num_outputs)

    def _add(self, name: str, layer: nn.Module) -> None:
        if not isinstance(layer, nn.Identity):
            self.add_module(name, layer)
            self.recurrent.append(name)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, F)`` or ``(N, C, H, W)`` to ``(N, num_outputs)``."""
        if x.ndim == 4:
            x = x.transpose(1, 2).flatten(2)  # (N, H, C W)
        for name in self.recurrent:
            layer = getattr(self, name)
            x = recur(layer, x) if isinstance(layer, nn.RNNBase) else layer(x)
        return self.output(self.dropout(self._pooled(x)))  # type: ignore[no-any-return]

    def _pooled(self, x: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(x)  # type: ignore[no-any-return]
        if self.pooling == "mean":
            return x.mean(1)
        backwards = x[:, 0, self.forwards :]  # empty with one direction
        return torch.cat([x[:, -1, : self.forwards], backwards], 1) if backwards.shape[1] else x[:, -1]
