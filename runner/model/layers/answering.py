"""Telling an answer token by token, looking at what was read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runner.engine.spec import END, START, Spec
from runner.model.base import Network
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.recurrent import recur


class Answering(Network):
    """The base of networks whose answers are told by a GRU that may look at the states of what was read.

    The decoder's state s_t looks at states h_i: ``c_t = Σ_i softmax_i(s_t · W h_i) h_i``, and the output is that of
    ``tanh(V [s_t; c_t])``; without attention it is that of s_t.

    In training and evaluation the tokens in front of each one to be told are given, and all steps are computed at once.
    Where they are not, the decoder is given its own most probable tokens until all answers have ended.

    Source: Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equations 5, 7 and
    8 (general).
    """

    longest: int

    def answer_with(self, spec: Spec, hidden: int, embedding: int, attention: bool, dropout: DropoutRate) -> None:
        """Make the layers that tell answers.

        Args:
            spec: facts about the data.
            hidden: features of a state, of what was read and of the decoder.
            embedding: numbers that stand for each token.
            attention: whether the decoder looks at what was read.
            dropout: probability of dropping a number of an embedding, or a feature before the last layer, in [0, 1).
        """
        self.answer_embedding = nn.Embedding(spec.num_outputs, embedding)
        self.decoder = nn.GRU(embedding, hidden, batch_first=True)
        self.look = nn.Linear(hidden, hidden, bias=False) if attention else None
        self.combine = nn.Linear(2 * hidden, hidden) if attention else None
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(hidden, spec.num_outputs)

    def answer(self, read: Tensor, inside: Tensor, state: Tensor, decoder_inputs: Tensor | None) -> Tensor:
        """Logits of answers ``(N, S, num_outputs)``.

        Args:
            read: states of what was read ``(N, T, hidden)``.
            inside: which of them there are ``(N, T)``.
            state: with which the decoder begins ``(1, N, hidden)``.
            decoder_inputs: the token in front of each that is to be told ``(N, S)``; None: those that the network
                tells, and S is the length of the longest answer with its end, at most `longest`.
        """
        if decoder_inputs is not None:
            return self._decoded(decoder_inputs, state, read, inside)[0]
        tokens = torch.full((len(read), 1), START, device=read.device)
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
