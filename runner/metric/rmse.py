"""Root mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.errors import ErrorSums

if TYPE_CHECKING:
    from torch import Tensor


class RMSE(Metric):
    """``√(mean error²)``, in the units of the target; the mean of the targets' values where there are several."""

    name = "rmse"
    direction = "min"
    tasks = frozenset({"regression", "forecasting", "node_regression"})
    statistic = ErrorSums

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(5, targets)``."""
        return (total[2] / total[0]).sqrt().mean()
