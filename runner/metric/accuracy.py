"""Accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from torch import Tensor


class Accuracy(Metric):
    """Share of examples whose class was predicted, in [0, 1]."""

    name = "accuracy"
    direction = "max"
    tasks = frozenset({"classification", "segmentation", "nodes"})
    comparable = True
    statistic = ConfusionMatrix

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrix ``(C, C)``."""
        return total.diagonal().sum() / total.sum()
