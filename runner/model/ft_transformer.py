"""Transformer over the columns of a table."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import ONE_VECTOR, Network, Residual
from runner.model.layers.categories import CategoryTokens, sizes_of
from runner.model.layers.dropout import DropoutRate, dropout_layer


class FeatureTokenizer(nn.Module):
    """A token for every column: ``x_j w_j + b_j`` of a number, ``e_j[c_j] + b_j`` of a category; equation 1.

    Args:
        features: numbers F of an example.
        sizes: categories of each of the K other columns.
        width: numbers of a token.
    """

    def __init__(self, features: int, sizes: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, width))
        self.bias = nn.Parameter(torch.empty(features + len(sizes), width))
        self.words = CategoryTokens(sizes, width) if sizes else None
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -(width**-0.5), width**-0.5)

    def forward(self, inputs: Tensor, categories: Tensor | None) -> Tensor:
        """Numbers ``(N, F)`` and categories ``(N, K)`` to tokens ``(N, F + K, width)``."""
        tokens = inputs[:, :, None] * self.weight
        if self.words is not None:
            tokens = torch.cat([tokens, self.words(categories)], dim=1)
        return tokens + self.bias


class Attention(Residual):
    """Scaled dot-product attention among tokens, in several heads: ``(N, T, width)`` to the same shape.

    Args:
        width: numbers of a token.
        heads: each with ``width / heads`` of them.
        dropout: probability of dropping an attention weight.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("output",)

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.inner = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """What each token takes from all of them."""
        query, key, value = self.inner(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        taken = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        outputs: Tensor = self.output(taken.transpose(1, 2).flatten(2))
        return outputs


class ReGLU(Residual):
    """``Linear(Dropout(a * ReLU(b)))`` with a and b the halves of a dense layer's outputs.

    Args:
        width: numbers of a token.
        units: of each half.
        dropout: probability of dropping one of them.

    Source: Shazeer 2020, "GLU Variants Improve Transformer".
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("linear2",)

    def __init__(self, width: int, units: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, 2 * units)
        self.dropout = dropout_layer(dropout)
        self.linear2 = nn.Linear(units, width)

    def forward(self, x: Tensor) -> Tensor:
        """Each token by itself."""
        a, b = self.linear1(x).chunk(2, dim=-1)
        outputs: Tensor = self.linear2(self.dropout(a * F.relu(b)))
        return outputs


class ColumnBlock(nn.Module):
    """Attention and a perceptron, each with a normalization before it and a shortcut beside it.

    Args:
        first: whether it is the first block, whose attention has no normalization.
        attention: among the tokens.
        perceptron: of each.
        width: numbers of a token.
        dropout: at the end of both branches.
    """

    def __init__(self, first: bool, attention: Attention, perceptron: ReGLU, width: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.Identity() if first else nn.LayerNorm(width)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width)
        self.perceptron = perceptron
        self.dropout = dropout_layer(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(N, T, width)`` to the same shape."""
        x = x + self.dropout(self.attention(self.norm1(x)))
        changed: Tensor = x + self.dropout(self.perceptron(self.norm2(x)))
        return changed


class FTTransformer(Network):
    """Columns become tokens, attend to each other, and one more token, for the answer, gathers what counts.

    Args:
        spec: facts about the data: a table, with or without categories.
        width: numbers of a token, a multiple of `heads`.
        blocks: how many.
        heads: of attention.
        factor: units within a block's perceptron, as a multiple of `width`, above 0.
        attention_dropout: probability of dropping an attention weight, in [0, 1).
        dropout: probability of dropping a unit within the perceptron, in [0, 1).
        residual_dropout: the same at the end of every branch.

    Raises:
        ConfigError: `width` is no multiple of `heads`.

    Source: Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data", section 3.3; defaults as in its
        appendix E.2.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("table",)
    tasks: ClassVar[tuple[str, ...]] = ONE_VECTOR
    categories: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        width: Annotated[int, Ge(1)] = 192,
        blocks: Annotated[int, Ge(1)] = 3,
        heads: Annotated[int, Ge(1)] = 8,
        factor: Annotated[float, Gt(0)] = 4 / 3,
        attention_dropout: DropoutRate = 0.2,
        dropout: DropoutRate = 0.1,
        residual_dropout: DropoutRate = 0.0,
    ) -> None:
        if width % heads:
            raise ConfigError(f"model.width={width}: expected a multiple of model.heads={heads}.")
        super().__init__()
        (features,) = spec.input_shape
        self.tokens = FeatureTokenizer(features, sizes_of(spec), width)
        self.answer = nn.Parameter(torch.empty(width).uniform_(-(width**-0.5), width**-0.5))
        units = max(1, int(width * factor))
        self.blocks = nn.Sequential(
            *(
                ColumnBlock(
                    number == 0,
                    Attention(width, heads, attention_dropout),
                    ReGLU(width, units, dropout),
                    width,
                    residual_dropout,
                )
                for number in range(blocks)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, spec.num_outputs)

    def forward(self, inputs: Tensor, categories: Tensor | None = None) -> Tensor:
        """Outputs ``(N, num_outputs)``.

        Args:
            inputs: numbers ``(N, F)``.
            categories: of each of K columns the number of the word ``(N, K)``; None where the data have none.
        """
        tokens = self.tokens(inputs, categories)
        answer = self.answer.expand(len(tokens), 1, -1).to(tokens.dtype)
        x = self.blocks(torch.cat([tokens, answer], dim=1))[:, -1]
        outputs: Tensor = self.output(F.relu(self.norm(x)))
        return outputs
