"""Area under the receiver operating characteristic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.kept import KeptScores, areas_under_roc, curve

if TYPE_CHECKING:
    from torch import Tensor


class AUROC(Metric):
    """Probability that an example of a class scores higher than one that is not, half for equal scores, in [0, 1].

    0.5 is what chance gives. The mean over classes, each against the rest, or over labels; classes that all examples or
    none belong to are left out. Exact up to 2^24 scores and truths together; beyond, scores that differ by less than
    1/32 of the distance to the nearer end of [0, 1] count as equal, which moves it by at most half the share of pairs
    of one and another that do so.

    Source: Fawcett 2006, "An introduction to ROC analysis", section 7.
    """

    name = "auroc"
    direction = "max"
    tasks = frozenset({"classification", "multilabel", "nodes"})
    reported = False
    comparable = True
    statistic = KeptScores

    def compute(self, total: Tensor) -> Tensor:
        """The value from what was kept; see `Kept`."""
        return areas_under_roc(*curve(total.cpu())).nanmean()
