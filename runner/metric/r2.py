"""Coefficient of determination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.errors import ErrorSums

if TYPE_CHECKING:
    from torch import Tensor


class R2(Metric):
    """``1 - Σe² / Σ(y - mean y)²``: share of the target's variance that is explained, at most 1.

    0 is what predicting the mean gives. The mean over targets where there are several. A target that is constant
    gives 0, or 1 when it is predicted without error, as in scikit-learn.
    """

    name = "r2"
    direction = "max"
    tasks = frozenset({"regression", "forecasting", "node_regression"})
    comparable = True
    statistic = ErrorSums

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(5, targets)``."""
        count, squared, value, value_squared = total[0], total[2], total[3], total[4]
        spread = value_squared - value.square() / count
        constant = spread <= 1e-13 * value_squared  # nothing but rounding is left
        unexplained = squared / spread.where(~constant, squared.where(squared > 0, squared + 1))
        return (1 - unexplained).mean()
