"""Sequence to sequence: an encoder, a decoder, and attention between them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from runner.engine.spec import END, START, Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.recurrent import Units, at_steps, recur


class Seq2Seq(Network):
    """A GRU reads a sequence, another one begins with its last state and tells the answer, token by token.

    With attention the decoder's state s_t looks at the encoder's states h_i: ``c_t = Σ_i softmax_i(s_t · W h_i) h_i``,
    and the output is that of ``tanh(V [s_t; c_t])``; without, it is that of s_t.

    In training and evaluation the tokens in front of each one to be told are given, and all steps are computed at once.
    Where they are not, the decoder is given its own most probable tokens until all answers have ended.

    Args:
        spec: facts about the data: tokens, and tokens for targets.
        hidden: units of the encoder and of the decoder.
        embedding: numbers that stand for each token.
        attention: whether the decoder looks at all of the encoder's states.
        dropout: probability of dropping a number of an embedding, or a feature before the last layer, in [0, 1).
        longest: tokens of an answer, at most, where it is decoded from the network's own.

    Raises:
        ConfigError: the data ask for no answers of a length of their own.

    Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation"; Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equations 5,
    7 and 8 (general), for attention.
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
        longest: Units = 200,
    ) -> None:
        super().__init__()
        if "decoder_inputs" not in spec.more:
            raise ConfigError(
                "model=seq2seq: answers with sequences of their own length, and these data want no such answers. Take "
                "model=gru."
            )
        assert spec.inputs is not None and spec.inputs.size is not None
        self.longest = longest
        self.embedding = nn.Embedding(spec.inputs.size, embedding)
        self.encoder = nn.GRU(embedding, hidden, batch_first=True)
        self.answer_embedding = nn.Embedding(spec.num_outputs, embedding)
        self.decoder = nn.GRU(embedding, hidden, batch_first=True)
        self.look = nn.Linear(hidden, hidden, bias=False) if attention else None
        self.combine = nn.Linear(2 * hidden, hidden) if attention else None
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(hidden, spec.num_outputs)

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
        if decoder_inputs is not None:
            return self._decoded(decoder_inputs, state, read, inside)[0]
        tokens = torch.full_like(x[:, :1], START)
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        outputs: list[Tensor] = []
        while len(outputs) < self.longest and not bool(ended.all()):
            one, state = self._decoded(tokens, state, read, inside)
            outputs.append(one)
            tokens = one.argmax(-1)
            ended = ended | (tokens == END)
        return torch.cat(outputs, 1)

    def _decoded(self, tokens: Tensor, state: Tensor, read: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Logits behind `tokens` ``(N, S)``, and the decoder's state behind them all ``(1, N, hidden)``."""
        states = recur(self.decoder, self.dropout(self.answer_embedding(tokens)), state)
        told = states
        if self.look is not None and self.combine is not None:
            scores = states @ self.look(read).transpose(1, 2)  # (N, S, T)
            weights = scores.masked_fill(~inside[:, None], -torch.inf).softmax(-1)
            told = torch.tanh(self.combine(torch.cat((states, weights.to(read.dtype) @ read), -1)))
        return self.output(self.dropout(told)), states[:, -1:].transpose(0, 1).contiguous()
