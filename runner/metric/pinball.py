"""Pinball loss of quantiles, in the unit of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.quantiles import QuantileSums

if TYPE_CHECKING:
    from torch import Tensor


class Pinball(Metric):
    """Mean of ``max(q e, (q - 1) e)`` over steps and levels q, in the unit of the series; e is truth less quantile.

    The mean over series where there are several. Of ``loss=quantile`` only.

    Source: Koenker and Bassett 1978, "Regression Quantiles", equation 2.1.
    """

    name = "pinball"
    direction = "min"
    tasks = frozenset({"forecasting"})
    reported = False
    statistic = QuantileSums

    def compute(self, total: Tensor) -> Tensor:
        """The value from the sums ``(3, series)``."""
        return (total[1] / total[0]).mean()
