"""The statistic behind all metrics of hard class predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from runner.engine.metric import Scored, Statistic
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor


Average = Literal["macro", "micro", "weighted"]


class ConfusionMatrix(Statistic):
    """Counts ``(C, C)`` int64; entry (t, p) is the number of examples of class t that were predicted as p.

    Where any number of labels may hold, ``(C, 2, 2)``: one such matrix for each, of those without it and with it.
    """

    def summarize(self, scored: Scored) -> Tensor:
        """The counts of some examples, from class indices ``(N,)`` or a class per pixel ``(N, H, W)``.

        Targets that are `IGNORED` are counted in a row of their own, which is left out.
        """
        predictions, targets = scored.predictions, scored.targets
        classes = self.spec.num_classes
        assert classes is not None
        if self.spec.targets is not None and self.spec.targets.kind == "labels":
            cells = 2 * targets.long() + predictions + 4 * targets.new_ones(classes).long().cumsum(0) - 4
            return self._counted(cells.flatten(), 4 * classes).view(classes, 2, 2)
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


def per_class(total: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of a confusion matrix, by class or label ``(C,)``: those that were recognized, predicted and true."""
    if total.ndim == 3:
        return total[:, 1, 1], total[:, :, 1].sum(1), total[:, 1].sum(1)
    return total.diagonal(), total.sum(0), total.sum(1)


def averaged(numerator: Tensor, denominator: Tensor, total: Tensor, average: Average) -> Tensor:
    """One number from a ratio of each class.

    Args:
        numerator: by class ``(C,)``.
        denominator: likewise; where it is 0 the ratio is 0.
        total: the confusion matrix.
        average: ``macro`` is the mean over the classes that occur or are predicted, ``weighted`` by how often they
            occur, ``micro`` the ratio of the sums.
    """
    if average == "micro":
        return numerator.sum() / denominator.sum()
    _, predicted, true = per_class(total)
    ratios = numerator / denominator.clamp(min=1)
    weights = true if average == "weighted" else (predicted + true > 0)
    return (ratios * weights).sum() / weights.sum()
