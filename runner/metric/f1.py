"""F1 score, macro average."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from torch import Tensor


class F1(Metric):
    """Mean over classes of ``2 TP / (2 TP + FP + FN)``, the harmonic mean of precision and recall, in [0, 1].

    Classes that neither occur nor are predicted are left out of the mean, as in scikit-learn and torchmetrics; one
    that is predicted but does not occur, or occurs but is never predicted, counts 0.
    """

    name = "f1"
    direction = "max"
    tasks = frozenset({"classification", "segmentation", "nodes"})
    statistic = ConfusionMatrix

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrix ``(C, C)``."""
        involved = total.sum(0) + total.sum(1)  # (2 TP + FP + FN) of each class
        scores = 2 * total.diagonal() / involved.clamp(min=1)
        return scores.sum() / (involved > 0).sum()
