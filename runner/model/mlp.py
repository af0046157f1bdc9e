"""Multilayer perceptron."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import ONE_VECTOR, Chain
from runner.model.layers.activation import Activation, Slope, activation_layer
from runner.model.layers.categories import CategoryEmbedding, sizes_of
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.normalization import DenseNorm, dense_norm, needs_bias


class MLP(Chain):
    """Dense layers over the flattened input, each followed by normalization, activation and dropout.

    Of tables with categories beside the numbers, a vector for each stands behind the input.

    The layers are named ``linear1``, ``norm1``, ``activation1``, ``dropout1``, ``linear2``, ... and ``output``;
    vectors of categories (`CategoryEmbedding`) are ``embedding``.

    Args:
        spec: facts about the data; inputs of any shape are flattened.
        hidden: units of each hidden layer; empty gives a linear model.
        activation: activation of the hidden layers.
        negative_slope: slope of ``leaky_relu`` for negative inputs.
        norm: normalization of the hidden layers.
        dropout: probability of dropping a hidden unit, in [0, 1).

    Raises:
        ConfigError: `dropout` is set and there is no hidden layer for it to act on.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("table", "series", "image")
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR
    categories: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (128,),
        activation: Activation = "relu",
        negative_slope: Slope = 0.01,
        norm: DenseNorm = "none",
        dropout: DropoutRate = 0.0,
    ) -> None:
        if dropout and not hidden:
            raise ConfigError(
                f"model.dropout={dropout} drops hidden units, but model.hidden is empty. "
                "Give model.hidden at least one layer, or set model.dropout=0."
            )
        layers: dict[str, nn.Module] = {}
        if len(spec.input_shape) != 1:
            layers["flatten"] = nn.Flatten()
        width = math.prod(spec.input_shape)
        if sizes := sizes_of(spec):
            layers["embedding"] = embedding = CategoryEmbedding(sizes)
            width += embedding.width
        for i, units in enumerate(hidden, start=1):
            layers[f"linear{i}"] = nn.Linear(width, units, bias=needs_bias(norm))
            layers[f"norm{i}"] = dense_norm(norm, units)
            layers[f"activation{i}"] = activation_layer(activation, negative_slope)
            layers[f"dropout{i}"] = dropout_layer(dropout)
            width = units
        layers["output"] = nn.Linear(width, spec.num_outputs)
        super().__init__(activation, layers)

    def forward(self, inputs: Tensor, categories: Tensor | None = None) -> Tensor:
        """Outputs ``(N, num_outputs)``.

        Args:
            inputs: ``(N, ...)``.
            categories: of each of K columns the number of the word ``(N, K)``; None where the data have none.
        """
        outputs: Tensor
        if categories is None:
            outputs = super().forward(inputs)  # type: ignore[no-untyped-call]
            return outputs
        embedding, *layers = self
        outputs = embedding(inputs, categories)
        for layer in layers:
            outputs = layer(outputs)
        return outputs
