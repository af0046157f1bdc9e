"""Mean average precision of masks, at one overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Metric
from runner.metric.statistic.detections import average_precisions
from runner.metric.statistic.masks import Masks

if TYPE_CHECKING:
    from torch import Tensor


class MaskMeanAP50(Metric):
    """Mean over classes of average precision, of masks that overlap a true one by at least a half, in [0, 1].

    As `MaskMeanAP`, which takes the mean over ten such overlaps.

    Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and its evaluation code (AP50).
    """

    name = "mask_map50"
    direction = "max"
    tasks = frozenset({"instance_segmentation"})
    comparable = True
    statistic = Masks

    def compute(self, total: Tensor) -> Tensor:
        """The value from what was kept."""
        return average_precisions(total)[:, 0].mean()
