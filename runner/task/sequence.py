"""A sequence of tokens as the answer to another: translating, reversing, correcting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.spec import END
from runner.task.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor


class Sequence(Tokens):
    """An answer of any length to each sequence.

    In training and evaluation the network is given the true tokens in front of each that it tells (``decoder_inputs``).
    Without them it goes on from its own answers, the most probable token each time, until `END`.
    """

    no_average = "each network goes on from its own answer, so that behind the first token they answer other questions"

    @property
    def answer_names(self) -> tuple[str, ...]:
        """One: the answer as a whole."""
        return ("answer",)

    def kept(self, outputs: Tensor) -> Tensor:
        """The tokens of each answer ``(N, steps)``."""
        return outputs.argmax(-1)

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The logarithm of the probability of each answer, up to its end ``(N, 1)``."""
        assert kept is not None
        chances = outputs.log_softmax(-1).gather(-1, kept[..., None])[..., 0]
        ended = (kept == END).cumsum(1) - (kept == END).long()  # ends in front of each token
        return chances.where(ended == 0, 0.0).sum(1, keepdim=True)

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The only one."""
        return outputs.new_zeros(len(outputs)).long()

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The text of each answer up to its end, and the probability of the whole."""
        assert self.spec.targets is not None
        values, tokens = self.probabilities(outputs.float()).max(-1)
        rows = []
        for answer, chances in zip(tokens.tolist(), values.double(), strict=True):
            length = answer.index(END) if END in answer else len(answer)
            text = self.spec.targets.text(answer[:length])
            rows.append({"prediction": text, "probability": float(chances[: length + 1].prod())})
        return rows
