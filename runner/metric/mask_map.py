"""Mean average precision of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.detections import average_precisions
from runner.metric.statistic.masks import Masks

if TYPE_CHECKING:
    from torch import Tensor


class MaskMeanAP(Metric):
    """Mean over classes and over the overlaps 0.5, 0.55, ..., 0.95 of average precision, in [0, 1].

    A told box is right where its intersection over union with a true one of its class, which no box of a higher score
    has found, is at least that. Classes that do not occur are left out. A told box that finds none, but
    lies in a crowd of its class by as much, is neither right nor wrong. All sizes count alike.
    Exact up to some 1.4 million rows of told and true boxes (see `Masks`); beyond, scores that differ by less
    than 1/32 of the distance to the nearer end of [0, 1] count as equal.

    Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and its evaluation code (AP).
    """

    name = "mask_map"
    direction = "max"
    tasks = frozenset({"instance_segmentation"})
    comparable = True
    statistic = Masks

    def compute(self, total: Tensor) -> Tensor:
        """The value from what was kept."""
        return average_precisions(total).mean()
