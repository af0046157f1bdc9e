"""Transformer that reads a sequence and tells another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.spec import END, START, Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.beams import beam_search, in_front, marked
from runner.model.layers.block import BlockNorm, BlockParts, FeedForwardActivation, NormOrder
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.multihead import Cache
from runner.model.layers.positions import Positions
from runner.model.layers.transformer import Transformer, draw

if TYPE_CHECKING:
    from runner.engine.batch import Batch

Units = Annotated[int, Ge(1)]


class EncoderDecoder(Network):
    """Blocks read a sequence in both directions; others tell the answer token by token and look at what was read.

    In training and evaluation the tokens in front of each one to be told are given, and all steps are computed at once.
    Where they are not, the answer is searched for with keys and values of earlier tokens kept: the most probable token
    each time, or with `beams` the answer of the highest score among those that a beam search finds (`beam_search`).

    Sources, answers and the last layer share one table of vectors, as both sides have one vocabulary.

    Args:
        spec: facts about the data: tokens, and tokens for targets, of one vocabulary.
        hidden: numbers of a token, a multiple of `heads`.
        layers: blocks of the encoder, and as many of the decoder.
        heads: of attention.
        kv_heads: heads of keys and values, a divisor of `heads`; None: as many.
        units: of the feed-forward layer; None: 4 `hidden`.
        activation: of the feed-forward layer.
        norm: normalization of each token by itself.
        norm_order: whether it stands in front of each branch (pre) or behind each sum (post).
        positions: how tokens are told where they stand.
        context: tokens of a source, and of an answer, at most, where positions are learned.
        dropout: probability of dropping an attention weight, and a number at the end of each branch, in [0, 1).
        beams: answers that are followed at once where the network decodes from its own; 1: the most probable token.
        length_penalty: by how much longer answers are preferred, at least 0; see `beam_search`.
        longest: tokens of an answer, at most, where it is decoded from the network's own.

    Raises:
        ConfigError: the data ask for no answers of a length of their own; numbers that do not fit.

    Source: Vaswani et al. 2017, "Attention Is All You Need" (positions=sinusoidal norm_order=post activation=relu);
        Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"
        (norm_order=pre).
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("sequence",)
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
        dropout: DropoutRate = 0.1,
        beams: Units = 1,
        length_penalty: Annotated[float, Ge(0)] = 0.6,
        longest: Units = 200,
    ) -> None:
        super().__init__()
        if "decoder_inputs" not in spec.more:
            raise ConfigError(
                "model=encoder_decoder: answers with sequences of their own length, and these data want no such "
                "answers. Take model=encoder, or model=decoder for the next token."
            )
        assert spec.inputs is not None and spec.inputs.size is not None
        if spec.inputs.size != spec.num_outputs:
            raise ConfigError(
                "model=encoder_decoder: has one table of tokens for both sides, and these data have "
                f"{spec.inputs.size} tokens on one and {spec.num_outputs} on the other. Give them one vocabulary, or "
                "take model=seq2seq."
            )
        parts = BlockParts(hidden, heads, kv_heads, units, activation, norm, norm_order, dropout)
        self.beams, self.length_penalty, self.longest = beams, length_penalty, longest
        if positions == "learned":
            self.longest = min(longest, context)
        self.embedding = nn.Embedding(spec.num_outputs, hidden)
        self.encoder = Transformer(parts, layers, positions, context, causal=False)
        self.decoder = Transformer(parts, layers, positions, context, causal=True, cross=True)
        self.bias = nn.Parameter(torch.zeros(spec.num_outputs))
        draw(self)

    def forward(self, x: Tensor, lengths: Tensor, decoder_inputs: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)`` to logits of the answers ``(N, S, num_outputs)``.

        Args:
            x: the sequences, padded at their ends.
            lengths: tokens of each ``(N,)``, at least 1.
            decoder_inputs: the token in front of each that is to be told ``(N, S)``; None: those that the network
                tells, and S is the length of the longest answer with its end, at most `longest`. Of beams the most
                probable token is that of the answer found, with its probability, and all others share the rest.
        """
        memory = self.encoder(self.embedding(x), lengths)
        if decoder_inputs is not None:
            return self._told(decoder_inputs, memory, lengths)
        cache = self.decoder.cache()
        if self.beams == 1:
            return self._greedy(memory, lengths, cache)
        rows = torch.arange(len(x), device=x.device).repeat_interleave(self.beams)
        memory_of_beams, lengths_of_beams = memory[rows], lengths[rows]

        def step(tokens: Tensor, taken: Tensor | None) -> Tensor:
            if taken is not None:
                cache.take(taken)
            return self._told(tokens, memory_of_beams, lengths_of_beams, cache)[:, -1].float().log_softmax(-1)

        answers = beam_search(step, len(x), self.beams, self.longest, self.length_penalty, x.device)
        return marked(self._told(in_front(answers), memory, lengths), answers)

    def follow(self, x: Tensor, state: Any = None, source: Batch | None = None) -> tuple[Tensor, Any]:
        """See `Network.follow`; the state is what was read of the source, its lengths, and a `Cache` of the answer."""
        if state is None:
            assert source is not None
            lengths = source.more["lengths"]
            state = self.encoder(self.embedding(source.inputs), lengths), lengths, self.decoder.cache()
        return self._told(x, *state), state

    def _greedy(self, memory: Tensor, lengths: Tensor, cache: Cache) -> Tensor:
        tokens = torch.full((len(memory), 1), START, device=memory.device)
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        outputs: list[Tensor] = []
        while len(outputs) < self.longest and not bool(ended.all()):
            outputs.append(self._told(tokens, memory, lengths, cache))
            tokens = outputs[-1].argmax(-1)
            ended = ended | (tokens == END)
        return torch.cat(outputs, 1)

    def _told(self, tokens: Tensor, memory: Tensor, lengths: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits behind `tokens` ``(N, S)``."""
        states = self.decoder(self.embedding(tokens), memory=memory, memory_lengths=lengths, cache=cache)
        return F.linear(states, self.embedding.weight, self.bias)
