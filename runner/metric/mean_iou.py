"""Mean intersection over union."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.confusion import ConfusionMatrix, averaged, per_class

if TYPE_CHECKING:
    from torch import Tensor


class MeanIoU(Metric):
    """Mean over classes of ``TP / (TP + FP + FN)`` of their pixels, intersection over union, in [0, 1].

    Classes that neither occur nor are predicted in any of the images are left out of the mean.

    Source: Everingham et al. 2010, "The Pascal Visual Object Classes Challenge", section 4.4.
    """

    name = "mean_iou"
    direction = "max"
    tasks = frozenset({"segmentation"})
    comparable = True
    statistic = ConfusionMatrix

    def compute(self, total: Tensor) -> Tensor:
        """The value from the confusion matrix ``(C, C)``."""
        hits, predicted, true = per_class(total)
        return averaged(hits, predicted + true - hits, total, "macro")
