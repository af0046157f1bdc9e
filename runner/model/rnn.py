"""Plain recurrent network."""

from __future__ import annotations

from typing import Literal

from torch import nn

from runner.engine.spec import Spec
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.recurrent import Pooling, Recurrent, StepNorm, Units


class RNN(Recurrent):
    """Layers of ``h_t = tanh(W x_t + b + U h_{t-1} + c)`` over a series.

    Args:
        spec: facts about the data: series ``(steps, features)``, images, whose rows are the steps, or tokens.
        hidden: units of each recurrent layer and direction.
        layers: number of recurrent layers.
        bidirectional: also read the series backwards, with as many units again.
        activation: what bounds the state.
        pooling: what is made of the steps: the state after the last one, their mean, their mean weighted by learned
            attention, or an output at every step (none). Auto: none where the targets are tokens, else last.
        norm: normalization behind every recurrent layer, at each step by itself.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        dropout_between: probability of dropping a feature between recurrent layers, in [0, 1).
        dropout_input: probability of dropping a feature of the input at a step, in [0, 1).
        embedding: numbers that stand for each token; used for tokens only.
        mask_padding: whether padding behind series of unequal length counts for nothing; false reads it as steps.

    Raises:
        ConfigError: see `Recurrent`.

    Source: Elman 1990, "Finding Structure in Time".
    """

    def __init__(
        self,
        spec: Spec,
        hidden: Units = 128,
        layers: Units = 1,
        bidirectional: bool = False,
        activation: Literal["tanh", "relu"] = "tanh",
        pooling: Pooling = "auto",
        norm: StepNorm = "none",
        dropout: DropoutRate = 0.0,
        dropout_between: DropoutRate = 0.0,
        dropout_input: DropoutRate = 0.0,
        embedding: Units = 64,
        mask_padding: bool = True,
    ) -> None:
        super().__init__(
            spec,
            lambda inputs: nn.RNN(
                inputs, hidden, batch_first=True, bidirectional=bidirectional, nonlinearity=activation
            ),
            activation,
            layers=layers,
            pooling=pooling,
            norm=norm,
            dropout=dropout,
            dropout_between=dropout_between,
            dropout_input=dropout_input,
            embedding=embedding,
            mask_padding=mask_padding,
        )
