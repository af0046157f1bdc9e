"""F1 score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import Average, ConfusionMatrix, averaged, per_class

if TYPE_CHECKING:
    from torch import Tensor


class F1(Metric):
    """``2 TP / (2 TP + FP + FN)`` of each class or label, the harmonic mean of precision and recall, in [0, 1].

    Classes that neither occur nor are predicted are left out of the mean, as in scikit-learn and torchmetrics; one
    that is predicted but does not occur, or occurs but is never predicted, counts 0.

    Args:
        average: over classes: ``macro`` all alike, ``weighted`` by how often each occurs, ``micro`` all decisions.
    """

    name = "f1"
    direction = "max"
    tasks = frozenset({"classification", "multilabel", "segmentation", "nodes", "tagging"})
    comparable = True
    statistic = ConfusionMatrix

    def __init__(self, average: Average = "macro") -> None:
        self.average = average

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrix."""
        hits, predicted, true = per_class(total)
        return averaged(2 * hits, predicted + true, total, self.average)
