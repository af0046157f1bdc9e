"""The sums behind scores of texts that answer others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.engine.metric import Scored, Statistic
from runner.engine.spec import END, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class TextSums(Statistic):
    """What sacrebleu adds up of a corpus (int64): counts of n-grams, however many texts there are.

    Texts are made of tokens as predictions are. A word that the vocabulary has not is left out of an answer and is a
    sign of its own in the true one, so that nothing is earned by it.

    Args:
        spec: facts about the data.
        scorer: makes sacrebleu's metric.
    """

    def __init__(self, spec: Spec, scorer: Callable[[], Any]) -> None:
        super().__init__(spec)
        assert spec.targets is not None
        self.scorer = scorer()
        names = spec.targets.names
        self.field = replace(spec.targets, names=(*names[:UNKNOWN], "\ufffd", *names[UNKNOWN + 1 :]))

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from answers ``(N, steps)`` and true ones. Waits for the device."""
        assert scored.answers is not None
        told = [self._text(token for token in _ended(row) if token != UNKNOWN) for row in scored.answers.tolist()]
        true = [self._text(_ended(row)) for row in scored.targets.tolist()]
        # what sacrebleu's corpus_score sums up, which has no public name
        sums = self.scorer._extract_corpus_statistics(told, [true])
        return scored.targets.new_tensor(sums).sum(0)

    def _text(self, tokens: Any) -> str:
        return self.field.text(tokens)


def _ended(tokens: list[int]) -> list[int]:
    """The tokens in front of the end."""
    return tokens[: tokens.index(END)] if END in tokens else tokens


def score(scorer: Any, total: Tensor) -> Tensor:
    """The score of sacrebleu's metric from its sums."""
    value: float = scorer._aggregate_and_compute([total.tolist()]).score
    return total[0].cpu().double().fill_(value)
