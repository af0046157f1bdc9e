"""Mean absolute scaled error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.naive import NaiveErrors, defined_mean

if TYPE_CHECKING:
    from torch import Tensor


class MASE(Metric):
    """Mean of ``|error|``, divided by the mean change from one step of the history to the next.

    The change is what the naive forecast of a single step errs by; of many steps even a good forecast may be above 1.
    The mean over series where there are several, but for those whose histories are all constant; NaN where all are.

    Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", section 3; here the histories of
    all windows together make the scale.
    """

    name = "mase"
    direction = "min"
    tasks = frozenset({"forecasting"})
    comparable = True
    statistic = NaiveErrors

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(5, series)``."""
        return defined_mean(total[0] / total[2], total[3] / total[4])
