"""How often the truth lies between the outer quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.quantiles import QuantileSums

if TYPE_CHECKING:
    from torch import Tensor


class Coverage(Metric):
    """Share of the true values that lie between the lowest and the highest quantile: ideally what lies between levels.

    With levels 0.1 and 0.9 that is 0.8; more says that the intervals are too wide. The mean over series where there are
    several. Of ``loss=quantile`` only.

    Source: Gneiting and Raftery 2007, "Strictly Proper Scoring Rules, Prediction, and Estimation", section 6.2.
    """

    name = "coverage"
    direction = "max"
    tasks = frozenset({"forecasting"})
    reported = False
    comparable = True
    statistic = QuantileSums

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(3, series)``."""
        return (total[2] / total[0]).mean()
