"""Bits per byte."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.likelihood import ByteSurprise

if TYPE_CHECKING:
    from torch import Tensor


class BitsPerByte(Metric):
    """Sum of ``-log2 p`` of the true tokens by the bytes of UTF-8 that they stand for, at least 0.

    What a text takes when it is compressed with this network, whatever its tokens are: networks with other
    vocabularies are compared by it. Where a text does not come back from its tokens (words, WordPiece), it is of the
    text that does come back.
    """

    name = "bits_per_byte"
    direction = "min"
    tasks = frozenset({"tokens"})
    statistic = ByteSurprise

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(2,)``."""
        return total[1] / total[0] / math.log(2)
