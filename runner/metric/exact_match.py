"""Share of answers that are right as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.hits import WholeHits

if TYPE_CHECKING:
    from torch import Tensor


class ExactMatch(Metric):
    """Share of examples of which everything was told right, in [0, 1]: every label and no other, or every token.

    Of sequences the true tokens before each are given, and yet this is the share that free decoding (the most probable
    token each time) gets right: as long as no token was wrong, what the network itself has said is what it is given,
    and after the first wrong one the answer is wrong in both. With a beam search (``model.beams``) an answer may differ
    from it. Of the training part it is told with dropout on.
    """

    name = "exact_match"
    direction = "max"
    tasks = frozenset({"multilabel", "sequence"})
    comparable = True
    statistic = WholeHits

    def compute(self, total: Tensor) -> Tensor:
        """The value from the counts ``(2,)``."""
        return total[1] / total[0]
