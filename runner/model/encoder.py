"""Transformer that reads whole sequences in both directions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import ONE_VECTOR, Network
from runner.model.layers.block import BlockNorm, BlockParts, FeedForwardActivation, NormOrder
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.positions import Positions
from runner.model.layers.recurrent import AttentionPool, at_steps
from runner.model.layers.transformer import Transformer, draw

Units = Annotated[int, Ge(1)]
# Tasks with an answer at every step.
AT_EVERY_STEP = ("masked", "tagging")


class Encoder(Network):
    """Blocks in which every step looks at all others, pooled over the steps into one vector, and a dense layer.

    Of tokens there is a vector for each, and one for what hides a token (`runner.engine.split.masked`); a series is
    projected. Tagging and the hidden tokens of a masked language model are told at every step; the latter by the
    tokens' own vectors, behind a dense layer. Sequences may be padded at their ends, when their `lengths` are given:
    padding changes nothing.

    The layers that a network for another task has as well keep their names: with ``init=checkpoint`` a masked language
    model is where a classifier starts from.

    Args:
        spec: facts about the data: tokens, or series ``(steps, features)``.
        hidden: numbers of a token, a multiple of `heads`.
        layers: number of blocks.
        heads: of attention.
        kv_heads: heads of keys and values, a divisor of `heads`; None: as many.
        units: of the feed-forward layer; None: 4 `hidden`.
        activation: of the feed-forward layer.
        norm: normalization of each token by itself.
        norm_order: whether it stands in front of each branch (pre) or behind each sum (post).
        positions: how tokens are told where they stand.
        context: tokens of a text, at most, where positions are learned.
        pooling: what is made of the steps where one answer is wanted: the state of the ``first`` one, which should be a
            token that stands for the whole (``data.enclosed=true``), their ``mean``, or their mean weighted by learned
            ``attention``.
        dropout: probability of dropping an attention weight, a number at the end of each branch, or a pooled feature.
        stochastic_depth: probability of leaving out an example's branch in the last block, in [0, 1).

    Raises:
        ConfigError: the data ask for the next token, or for answers of a length of their own; numbers that do not fit.

    Source: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding"
        (positions=learned norm_order=post pooling=first).
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens", "series")
    tasks: ClassVar[tuple[str, ...]] = (*ONE_VECTOR, *AT_EVERY_STEP)
    lengths: ClassVar[bool] = True
    activation = "gelu"

    def __init__(
        self,
        spec: Spec,
        hidden: Units = 128,
        layers: Units = 2,
        heads: Units = 4,
        kv_heads: Units | None = None,
        units: Units | None = None,
        activation: FeedForwardActivation = "gelu",
        norm: BlockNorm = "layer",
        norm_order: NormOrder = "pre",
        positions: Positions = "rotary",
        context: Units = 512,
        pooling: Literal["first", "mean", "attention"] = "mean",
        dropout: DropoutRate = 0.1,
        stochastic_depth: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        if "decoder_inputs" in spec.more or spec.task == "tokens":
            told = ("the next token", "decoder") if spec.task == "tokens" else ("sequences", "encoder_decoder")
            raise ConfigError(
                f"model=encoder: sees all steps at once, and these data want {told[0]} for an answer. Take "
                f"model={told[1]}."
            )
        assert spec.inputs is not None
        parts = BlockParts(hidden, heads, kv_heads, units, activation, norm, norm_order, dropout)
        self.embedding: nn.Module
        if spec.inputs.kind == "tokens":
            assert spec.inputs.size is not None
            self.embedding = nn.Embedding(spec.inputs.size + 1, hidden)  # one for what hides a token
        else:
            self.embedding = nn.Linear(spec.input_shape[-1], hidden)
        self.encoder = Transformer(parts, layers, positions, context, causal=False, stochastic_depth=stochastic_depth)
        self.pooling = "none" if spec.task in AT_EVERY_STEP else pooling
        self.attention = AttentionPool(hidden) if self.pooling == "attention" else None
        self.dropout = dropout_layer(dropout)
        self.bias: nn.Parameter | None = None
        if spec.task == "masked":
            self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
            self.bias = nn.Parameter(torch.zeros(spec.num_outputs))
        else:
            self.output = nn.Linear(hidden, spec.num_outputs)
        draw(self)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)`` or series ``(N, T, F)`` to ``(N, num_outputs)``, or ``(N, T, num_outputs)``.

        Args:
            x: the sequences, padded at their ends where they are of unequal length.
            lengths: steps of each ``(N,)``, at least 1; None: all.
        """
        states = self.encoder(self.embedding(x), lengths)
        if self.bias is not None:
            assert isinstance(self.embedding, nn.Embedding)
            told = F.linear(self.head(states), self.embedding.weight[: len(self.bias)], self.bias)
            return (
                told if lengths is None else told.where(_inside(told, lengths)[..., None], 0.0)
            )  # of padding: padding
        return self.output(self.dropout(self._pooled(states, lengths)))  # type: ignore[no-any-return]

    def _pooled(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """What is made of the states ``(N, T, hidden)``; behind the end of a sequence that of its last step."""
        if self.pooling == "first":
            return x[:, 0]
        if lengths is None:
            if self.attention is not None:
                return self.attention(x)  # type: ignore[no-any-return]
            return x if self.pooling == "none" else x.mean(1)
        if self.pooling == "none":
            steps = torch.arange(x.shape[1], device=x.device)
            return at_steps(x, steps.minimum(lengths[:, None] - 1))
        inside = _inside(x, lengths)
        if self.attention is not None:
            return self.attention(x, inside)  # type: ignore[no-any-return]
        return x.where(inside[..., None], 0.0).sum(1) / lengths[:, None].to(x.dtype)


def _inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of ``(N, T, ...)`` there are ``(N, T)``."""
    return torch.arange(x.shape[1], device=x.device) < lengths[:, None]
