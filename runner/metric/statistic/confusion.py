"""The statistic behind all metrics of hard class predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Scored, Statistic
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor


class ConfusionMatrix(Statistic):
    """Counts ``(C, C)`` int64; entry (t, p) is the number of examples of class t that were predicted as p."""

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from class indices ``(N,)`` or a class per pixel ``(N, H, W)``.

        Targets that are `IGNORED` are counted in a row of their own, which is left out.
        """
        predictions, targets = scored.predictions, scored.targets
        classes = self.spec.num_classes
        assert classes is not None
        if targets.ndim > 1:  # a class for every example is never ignored
            targets, predictions = targets.flatten(), predictions.flatten()
            targets = targets.where(targets != IGNORED, classes)
            counts = self._counted(targets * classes + predictions, classes * (classes + 1))
            return counts[: classes * classes].view(classes, classes)
        return self._counted(targets * classes + predictions, classes * classes).view(classes, classes)

    @staticmethod
    def _counted(cells: Tensor, number: int) -> Tensor:
        # Not bincount: on a GPU it reads the largest index back to size its result, which waits for the device.
        return cells.new_zeros(number).index_add_(0, cells, cells.new_ones(1).expand_as(cells))
