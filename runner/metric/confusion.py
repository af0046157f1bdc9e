"""The statistic behind all metrics of hard class predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Statistic

if TYPE_CHECKING:
    from torch import Tensor


class ConfusionMatrix(Statistic):
    """Counts ``(C, C)`` int64; entry (t, p) is the number of examples of class t that were predicted as p."""

    def summarize(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The counts of one batch, from class indices ``(N,)``."""
        classes = self.spec.num_classes
        assert classes is not None
        cells = targets * classes + predictions
        # Not bincount: on a GPU it reads the largest index back to size its result, which waits for the device.
        counts = cells.new_zeros(classes * classes).index_add_(0, cells, cells.new_ones(1).expand_as(cells))
        return counts.view(classes, classes)
