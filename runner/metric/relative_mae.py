"""Mean absolute error relative to the naive forecast's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.naive import NaiveErrors, defined_mean

if TYPE_CHECKING:
    from torch import Tensor


class RelativeMAE(Metric):
    """Mean of ``|error|``, divided by that of the naive forecast of the same steps: every one as the last value seen.

    Below 1 is better than naive. The mean over series where there are several, but for those of which the naive
    forecast is without error; NaN where it is of all.

    Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", section 2.4.
    """

    name = "relative_mae"
    direction = "min"
    tasks = frozenset({"forecasting"})
    comparable = True
    statistic = NaiveErrors

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(5, series)``."""
        return defined_mean(total[0], total[1])
