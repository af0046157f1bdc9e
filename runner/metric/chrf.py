"""chrF: n-grams of characters that an answer and the true one share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from runner.engine.metric import Metric
from runner.metric.statistic.texts import TextSums, score

if TYPE_CHECKING:
    from torch import Tensor


class ChrF(Metric):
    """chrF of all answers together, in [0, 100], as sacrebleu computes it of their texts with one reference each.

    ``(1 + β²) P R / (β² P + R)`` with β = 2: P is the share of n-grams of characters of the answers, of 1 to 6, that
    their references have too, R that of the references' that the answers have; means over n. Spaces count for nothing.
    Needs no words, and follows people's judgement of languages with many forms of a word better than BLEU. Answers are
    those that the network gives by itself; see `runner.metric.bleu.Bleu`.

    Args:
        word_order: n-grams of words that count as well: 0 of chrF, 2 of chrF++.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation"; 2017, "chrF++: words helping
        character n-grams".
    """

    name = "chrf"
    direction = "max"
    tasks = frozenset({"sequence"})
    reported = False
    comparable = True
    decoded = True

    def __init__(self, word_order: Annotated[int, Ge(0), Le(2)] = 0) -> None:
        self.scorer = partial(_scorer, word_order)
        self.statistic = partial(TextSums, scorer=self.scorer)

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums."""
        return score(self.scorer(), total)


def _scorer(word_order: int) -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=word_order)
