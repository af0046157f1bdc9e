"""Balanced accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from torch import Tensor


class BalancedAccuracy(Metric):
    """Mean over classes of the share of its examples that were recognized, in [0, 1].

    Classes without an example are left out of the mean, as in scikit-learn.
    """

    name = "balanced_accuracy"
    direction = "max"
    tasks = frozenset({"classification", "segmentation", "nodes"})
    comparable = True
    statistic = ConfusionMatrix

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrix ``(C, C)``."""
        examples = total.sum(1)
        recall = total.diagonal() / examples.clamp(min=1)
        return recall.sum() / (examples > 0).sum()
