"""Tokens that are hidden, told from all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.task.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor


class Masked(Tokens):
    """A masked language model: which token stands where one is hidden? Every step may look at all others.

    Scores are of hidden tokens only. It is seldom wanted for itself: with ``init=checkpoint`` a classifier of few
    examples starts from one of many texts.

    Source: Devlin et al. 2019, "BERT", section 3.1.
    """

    @property
    def answer_names(self) -> tuple[str, ...]:
        """None: what is hidden is not known beforehand."""
        return ()

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """Each text as the network takes it to be: the most probable token at every step."""
        assert self.spec.targets is not None
        return [{"prediction": self.spec.targets.text(row)} for row in outputs.argmax(-1).tolist()]
