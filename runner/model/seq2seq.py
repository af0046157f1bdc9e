"""Sequence to sequence: an encoder, a decoder, and attention between them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.layers.answering import Answering, LengthPenalty
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.recurrent import Units, at_steps, recur


class Seq2Seq(Answering):
    """A GRU reads a sequence, another one begins with its last state and tells the answer, token by token.

    How it tells them and looks at what was read: see `runner.model.layers.answering.Answering`.

    Args:
        spec: facts about the data: tokens, and tokens for targets.
        hidden: units of the encoder and of the decoder.
        embedding: numbers that stand for each token.
        attention: whether the decoder looks at all of the encoder's states.
        dropout: probability of dropping a number of an embedding, or a feature before the last layer, in [0, 1).
        beams: answers that are followed at once where the network decodes from its own; 1: the most probable token.
        length_penalty: by how much longer answers are preferred, at least 0; see `beam_search`.
        longest: tokens of an answer, at most, where it is decoded from the network's own.

    Raises:
        ConfigError: the data ask for no answers of a length of their own.

    Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation".
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("sequence",)
    activation = "tanh"

    def __init__(
        self,
        spec: Spec,
        hidden: Units = 128,
        embedding: Units = 64,
        attention: bool = True,
        dropout: DropoutRate = 0.0,
        beams: Units = 1,
        length_penalty: LengthPenalty = 0.6,
        longest: Units = 200,
    ) -> None:
        super().__init__()
        if "decoder_inputs" not in spec.more:
            raise ConfigError(
                "model=seq2seq: answers with sequences of their own length, and these data want no such answers. Take "
                "model=gru."
            )
        assert spec.inputs is not None and spec.inputs.size is not None
        self.beams, self.length_penalty, self.longest = beams, length_penalty, longest
        self.embedding = nn.Embedding(spec.inputs.size, embedding)
        self.encoder = nn.GRU(embedding, hidden, batch_first=True)
        self.answer_with(spec, hidden, embedding, attention, dropout)

    def forward(self, x: Tensor, lengths: Tensor, decoder_inputs: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)`` to logits of the answers ``(N, S, num_outputs)``.

        Args:
            x: the sequences, padded at their ends.
            lengths: tokens of each ``(N,)``, at least 1.
            decoder_inputs: the token in front of each that is to be told ``(N, S)``; None: those that the network
                tells, and S is the length of the longest answer with its end, at most `longest`.
        """
        read = recur(self.encoder, self.dropout(self.embedding(x)))
        last = lengths[:, None] - 1
        state = at_steps(read, last).transpose(0, 1).contiguous()
        inside = torch.arange(x.shape[1], device=x.device) <= last
        return self.answer(read, inside, state, decoder_inputs)
