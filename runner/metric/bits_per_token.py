"""Bits per token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.likelihood import Surprise

if TYPE_CHECKING:
    from torch import Tensor


class BitsPerToken(Metric):
    """Mean of ``-log2 p`` of the true tokens, at least 0: what a text compressed with this network would take.

    Where tokens are characters these are bits per character.
    """

    name = "bits_per_token"
    direction = "min"
    tasks = frozenset({"masked", "tokens"})
    statistic = Surprise

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(2,)``."""
        return total[1] / total[0] / math.log(2)
