"""Accuracy of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.hits import TokenHits

if TYPE_CHECKING:
    from torch import Tensor


class TokenAccuracy(Metric):
    """Share of tokens that were the most probable ones, in [0, 1]; the true tokens before each are given.

    A network that answers freely goes on from its own errors: of whole answers `ExactMatch` tells.
    """

    name = "token_accuracy"
    direction = "max"
    tasks = frozenset({"masked", "tagging", "tokens", "sequence"})
    comparable = True
    statistic = TokenHits

    def compute(self, total: Tensor) -> Tensor:
        """The value from the counts ``(2,)``."""
        return total[1] / total[0]
