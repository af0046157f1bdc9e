"""BLEU: n-grams of an answer that the true one has too."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from runner.engine.metric import Metric
from runner.metric.statistic.texts import TextSums, score

if TYPE_CHECKING:
    from torch import Tensor


class Bleu(Metric):
    """BLEU of all answers together, in [0, 100], as sacrebleu computes it of their texts with one reference each.

    ``min(1, exp(1 - r/c)) exp(Σ_n log p_n / 4)``: p_n is the share of n-grams of the answers, of 1 to 4 words, that
    their references have too (each no more often than there), c and r the lengths of all. Without any of some length,
    p_n is smoothed (exp). Answers are those that the network gives by itself, as `predict` has them: of training there
    is no value, and an evaluation takes longer by as long as they take.

    Args:
        tokenize: what a word is: ``13a`` (of WMT's evaluations, for languages with spaces), ``intl``, ``zh``, ``char``,
            or ``none`` (what spaces divide).
        lowercase: whether texts are compared in lower case.

    Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"; Post 2018, "A Call
        for Clarity in Reporting BLEU Scores", for sacrebleu.
    """

    name = "bleu"
    direction = "max"
    tasks = frozenset({"sequence"})
    reported = False
    comparable = True
    decoded = True

    def __init__(self, tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a", lowercase: bool = False) -> None:
        self.scorer = partial(_scorer, tokenize, lowercase)
        self.statistic = partial(TextSums, scorer=self.scorer)

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums."""
        return score(self.scorer(), total)


def _scorer(tokenize: str, lowercase: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenize, lowercase=lowercase, force=True)  # no warning that texts look like tokens
