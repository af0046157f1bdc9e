"""Perplexity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.likelihood import Surprise

if TYPE_CHECKING:
    from torch import Tensor


class Perplexity(Metric):
    """``exp(mean of -log p)`` of the true tokens, at least 1: between how many equally likely tokens is the choice.

    The network is given the true tokens before each. It is the exponential of the mean cross-entropy, whatever the loss
    adds to that. A guess among V tokens gives V.
    """

    name = "perplexity"
    direction = "min"
    tasks = frozenset({"masked", "tokens", "sequence"})
    statistic = Surprise

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(2,)``."""
        return (total[1] / total[0]).exp()
