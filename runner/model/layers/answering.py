"""Telling an answer token by token, looking at what was read."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from runner.engine.spec import END, START, Spec
from runner.model.base import Network
from runner.model.layers.beams import beam_search, in_front, marked
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.layers.recurrent import recur

LengthPenalty = Annotated[float, Ge(0)]


class Answering(Network):
    """The base of networks whose answers are told by a GRU that may look at the states of what was read.

    The decoder's state s_t looks at states h_i: ``c_t = Σ_i softmax_i(s_t · W h_i) h_i``, and the output is that of
    ``tanh(V [s_t; c_t])``; without attention it is that of s_t.

    In training and evaluation the tokens in front of each one to be told are given, and all steps are computed at once.
    Where they are not, the decoder is given its own most probable tokens until all answers have ended, or with `beams`
    the answer of the highest score among those that a beam search finds is told (`beam_search`).

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
                tells, and S is the length of the longest answer with its end, at most `longest`; of beams see `marked`.
        """
        if decoder_inputs is not None:
            return self._decoded(decoder_inputs, state, read, inside)[0]
        if self.beams != 1:
            answers = self._searched(read, inside, state)
            return marked(self._decoded(in_front(answers), state, read, inside)[0], answers)
        tokens = torch.full((len(read), 1), START, device=read.device)
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        outputs: list[Tensor] = []
        while len(outputs) < self.longest and not bool(ended.all()):
            one, state = self._decoded(tokens, state, read, inside)
            outputs.append(one)
            tokens = one.argmax(-1)
            ended = ended | (tokens == END)
        return torch.cat(outputs, 1)

    def _searched(self, read: Tensor, inside: Tensor, state: Tensor) -> Tensor:
        """The tokens of the answers that a beam search finds ``(N, S)``."""
        rows = torch.arange(len(read), device=read.device).repeat_interleave(self.beams)
        read_of_beams, inside_of_beams, state = read[rows], inside[rows], state[:, rows]

        def step(tokens: Tensor, taken: Tensor | None) -> Tensor:
            nonlocal state
            before = state if taken is None else state[:, taken]
            outputs, state = self._decoded(tokens, before, read_of_beams, inside_of_beams)
            return outputs[:, -1].float().log_softmax(-1)

        return beam_search(step, len(read), self.beams, self.longest, self.length_penalty, read.device)

    def _decoded(self, tokens: Tensor, state: Tensor, read: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Logits behind `tokens` ``(N, S)``, and the decoder's state behind them all ``(1, N, hidden)``."""
        states = recur(self.decoder, self.dropout(self.answer_embedding(tokens)), state)
        told = states
        if self.look is not None and self.combine is not None:
            scores = states @ self.look(read).transpose(1, 2)  # (N, S, T)
            weights = scores.masked_fill(~inside[:, None], -torch.inf).softmax(-1)
            told = torch.tanh(self.combine(torch.cat((states, weights.to(read.dtype) @ read), -1)))
        return self.output(self.dropout(told)), states[:, -1:].transpose(0, 1).contiguous()
