"""Share of examples all of whose labels are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric, Scored, Statistic

if TYPE_CHECKING:
    from torch import Tensor


class ExactMatches(Statistic):
    """How many examples have all their labels right, and how many there are ``(2,)`` int64."""

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from labels ``(N, C)``."""
        counts = scored.predictions.new_empty(2)
        counts[0] = (scored.predictions == scored.targets).all(1).sum()
        counts[1] = len(scored.targets)
        return counts


class ExactMatch(Metric):
    """Share of examples all of whose labels were told right, and no other, in [0, 1]."""

    name = "exact_match"
    direction = "max"
    tasks = frozenset({"multilabel"})
    statistic = ExactMatches

    def compute(self, total: Tensor) -> Tensor:
        """The value from the counts ``(2,)``."""
        return total[0] / total[1]
