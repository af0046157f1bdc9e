"""Transformer decoder: reads a text from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.block import BlockNorm, BlockParts, FeedForwardActivation, NormOrder
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.positions import Positions
from runner.model.layers.recurrent import Units, at_steps
from runner.model.layers.transformer import Transformer, draw

if TYPE_CHECKING:
    from runner.engine.batch import Batch


class Decoder(Network):
    """Transformer blocks in which every token looks at itself and at those in front of it.

    Of a language model the output at every token tells the next one; of a class or a value it is that at the last token
    of a text. Shapes: tokens ``(N, T)`` to ``(N, T, num_outputs)`` or ``(N, num_outputs)``.

    Args:
        spec: facts about the data: tokens.
        layers: number of blocks.
        heads: of attention.
        hidden: numbers of a token, a multiple of `heads`.
        kv_heads: heads of keys and values, a divisor of `heads`; None: as many. Fewer make generating cheaper.
        units: of the feed-forward layer; None: 4 `hidden`, with swiglu two thirds of that.
        positions: how a token is told where it stands; see `Transformer`.
        context: tokens that generating looks back at, at most, and that can be read at all where positions are learned.
        activation: of the feed-forward layer.
        norm: normalization of each token by itself.
        norm_order: whether it stands in front of each branch (pre) or behind each sum (post).
        tied: whether the last layer of a language model has the weights of the embedding.
        dropout: probability of dropping a number of an embedding, at the end of a branch, or an attention weight, in
            [0, 1).
        stochastic_depth: probability of leaving out an example's branch in the last block; earlier ones less, in
            proportion.

    Raises:
        ConfigError: numbers that do not fit; answers of a length of their own.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3; Radford et al.
    2018, "Improving Language Understanding by Generative Pre-Training", section 3.2, for the last token; Press and Wolf
    2017, "Using the Output Embedding to Improve Language Models", for `tied`.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("tokens", "classification", "multilabel", "regression")
    context: int

    def __init__(
        self,
        spec: Spec,
        layers: Units = 4,
        heads: Units = 4,
        hidden: Units = 128,
        kv_heads: Units | None = None,
        units: Units | None = None,
        positions: Positions = "rotary",
        context: Units = 128,
        activation: FeedForwardActivation = "gelu",
        norm: BlockNorm = "layer",
        norm_order: NormOrder = "pre",
        tied: bool = True,
        dropout: DropoutRate = 0.0,
        stochastic_depth: DropoutRate = 0.0,
    ) -> None:
        super().__init__()
        if "decoder_inputs" in spec.more:
            raise ConfigError(
                "model=decoder: takes a text and goes on with it, and the answers of these data have a length of their "
                "own. Take model=seq2seq."
            )
        assert spec.inputs is not None and spec.inputs.size is not None
        self.activation, self.context = activation, context
        self.at_every_step = spec.targets is not None and spec.targets.kind == "tokens"
        self.embedding = nn.Embedding(spec.inputs.size, hidden)
        parts = BlockParts(hidden, heads, kv_heads, units, activation, norm, norm_order, dropout)
        self.transformer = Transformer(
            parts, layers, positions, context, causal=True, stochastic_depth=stochastic_depth
        )
        self.output = nn.Linear(hidden, spec.num_outputs, bias=not self.at_every_step)
        if tied and self.at_every_step:
            self.output.weight = self.embedding.weight
        draw(self)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)`` to ``(N, T, num_outputs)``, or to ``(N, num_outputs)``.

        Behind the end of a text the outputs are those at its last token.

        Args:
            x: the texts, padded at their ends.
            lengths: tokens of each ``(N,)``, at least 1; None: all.
        """
        read = self.transformer(self.embedding(x))
        if lengths is None:
            return self.output(read if self.at_every_step else read[:, -1])  # type: ignore[no-any-return]
        last = lengths[:, None] - 1
        if not self.at_every_step:
            return self.output(at_steps(read, last)[:, 0])  # type: ignore[no-any-return]
        steps = torch.arange(x.shape[1], device=x.device)
        return self.output(at_steps(read, steps.minimum(last)))  # type: ignore[no-any-return]

    def follow(self, x: Tensor, state: Any = None, source: Batch | None = None) -> tuple[Tensor, Any]:
        """See `Network.follow`; the state is a `Cache`."""
        state = self.transformer.cache() if state is None else state
        return self.output(self.transformer(self.embedding(x), cache=state)), state
