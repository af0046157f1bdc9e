"""Average precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.kept import KeptScores, average_precisions, curve

if TYPE_CHECKING:
    from torch import Tensor


class AveragePrecision(Metric):
    """``Σ (R_n - R_(n-1)) P_n`` over thresholds n, precision P averaged over recall R, in [0, 1].

    The mean over classes, each against the rest, or over labels (mAP); of two classes that of the second. Classes
    without an example are left out. What chance gives is the share of the class. Exact up to 2^24 scores and truths
    together; beyond, scores that differ by less than 1/32 of the distance to the nearer end of [0, 1] count as equal.

    Source: Manning et al. 2008, "Introduction to Information Retrieval", section 8.4; as in scikit-learn.
    """

    name = "average_precision"
    direction = "max"
    tasks = frozenset({"classification", "multilabel", "nodes"})
    reported = False
    comparable = True
    statistic = KeptScores

    def compute(self, total: Tensor) -> Tensor:
        """The value from what was kept; see `Kept`."""
        return average_precisions(*curve(total.cpu())).nanmean()
