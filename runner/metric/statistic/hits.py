"""The statistics behind metrics of tokens that were or were not told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Scored, Statistic
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor


class TokenHits(Statistic):
    """Counts ``(2,)`` int64: tokens that count, and those of them that were told."""

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from tokens ``(N, steps)``."""
        sums = scored.targets.new_empty(2)
        sums[0] = (scored.targets != IGNORED).sum()
        sums[1] = (scored.targets == scored.predictions).sum()
        return sums


class WholeHits(Statistic):
    """Counts ``(2,)`` int64: examples, and those of which every token, or every label, was told."""

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from tokens ``(N, steps)`` or labels ``(N, C)``."""
        sums = scored.predictions.new_empty(2)
        sums[0] = len(scored.targets)
        sums[1] = ((scored.targets == scored.predictions) | (scored.targets == IGNORED)).all(1).sum()
        return sums
