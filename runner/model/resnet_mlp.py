"""Residual network of dense layers, for tables."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.model.base import ONE_VECTOR, Network, Residual
from runner.model.layers.categories import CategoryEmbedding, sizes_of
from runner.model.layers.dropout import DropoutRate, dropout_layer


class DenseBlock(Residual):
    """``x + Dropout(Linear(Dropout(ReLU(Linear(BatchNorm(x))))))``, all ``(N, width)``.

    Args:
        width: numbers that come in and go out.
        units: of the layer between.
        dropout: behind the activation.
        residual_dropout: at the end of the branch.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("linear2",)

    def __init__(self, width: int, units: int, dropout: float, residual_dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.linear1 = nn.Linear(width, units)
        self.activation = nn.ReLU()
        self.dropout1 = dropout_layer(dropout)
        self.linear2 = nn.Linear(units, width)
        self.dropout2 = dropout_layer(residual_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """The input and what the branch adds to it."""
        branch = self.linear2(self.dropout1(self.activation(self.linear1(self.norm(x)))))
        added: Tensor = x + self.dropout2(branch)
        return added


class ResNetMLP(Network):
    """A dense layer, residual blocks of dense layers, and ``Linear(ReLU(BatchNorm(x)))``.

    Args:
        spec: facts about the data: a table; its categories come as vectors behind the numbers.
        width: numbers between the blocks.
        blocks: how many.
        factor: units within a block, as a multiple of `width`, above 0.
        dropout: probability of dropping a unit within a block, in [0, 1).
        residual_dropout: the same at the end of a block's branch.

    Source: Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data", section 3.2; the defaults are
        those of its appendix for data without a search.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("table",)
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR
    categories: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        width: Annotated[int, Ge(1)] = 192,
        blocks: Annotated[int, Ge(1)] = 3,
        factor: Annotated[float, Gt(0)] = 2.0,
        dropout: DropoutRate = 0.2,
        residual_dropout: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        (features,) = spec.input_shape
        sizes = sizes_of(spec)
        self.embedding = CategoryEmbedding(sizes) if sizes else None
        self.first = nn.Linear(features + (self.embedding.width if self.embedding else 0), width)
        units = max(1, int(width * factor))
        self.blocks = nn.Sequential(*(DenseBlock(width, units, dropout, residual_dropout) for _ in range(blocks)))
        self.norm = nn.BatchNorm1d(width)
        self.relu = nn.ReLU()
        self.output = nn.Linear(width, spec.num_outputs)

    def forward(self, inputs: Tensor, categories: Tensor | None = None) -> Tensor:
        """Outputs ``(N, num_outputs)``.

        Args:
            inputs: numbers ``(N, F)``.
            categories: of each of K columns the number of the word ``(N, K)``; None where the data have none.
        """
        if self.embedding is not None:
            inputs = self.embedding(inputs, categories)
        outputs: Tensor = self.output(self.relu(self.norm(self.blocks(self.first(inputs)))))
        return outputs
