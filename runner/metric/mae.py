"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.errors import ErrorSums

if TYPE_CHECKING:
    from torch import Tensor


class MAE(Metric):
    """Mean of ``|error|``, in the units of the target; the mean over targets where there are several."""

    name = "mae"
    direction = "min"
    tasks = frozenset({"regression", "forecasting", "node_regression"})
    statistic = ErrorSums

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(5, targets)``."""
        return (total[1] / total[0]).mean()
