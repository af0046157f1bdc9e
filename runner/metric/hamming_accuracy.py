"""Share of right decisions on labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from torch import Tensor


class HammingAccuracy(Metric):
    """Share of all decisions on labels that are right, in [0, 1]: one minus the Hamming loss."""

    name = "hamming_accuracy"
    direction = "max"
    tasks = frozenset({"multilabel"})
    comparable = True
    statistic = ConfusionMatrix

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrices ``(C, 2, 2)``."""
        return total.diagonal(dim1=1, dim2=2).sum() / total.sum()
