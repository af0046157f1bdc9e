"""The statistic behind all metrics of regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Statistic

if TYPE_CHECKING:
    from torch import Tensor


class ErrorSums(Statistic):
    """Sums ``(5, targets)`` over examples: 1, ``|e|``, ``e²``, ``y``, ``y²`` with error e and true value y.

    In original units: predictions and targets are multiplied by ``spec.target_std`` first. The mean that the data
    option subtracted stays subtracted; no metric depends on it, and without it ``Σy² - (Σy)²/n`` loses no digits. In
    float64, or in float32 on devices without it (mps).
    """

    def summarize(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The sums of one batch, from values ``(N, targets)``."""
        if targets.device.type != "mps":
            predictions, targets = predictions.double(), targets.double()
        error = (predictions - targets) * self.spec.target_std
        true = targets * self.spec.target_std
        sums = error.new_empty(5, error.shape[1])
        sums[0] = len(error)
        sums[1] = error.abs().sum(0)
        sums[2] = error.square().sum(0)
        sums[3] = true.sum(0)
        sums[4] = true.square().sum(0)
        return sums
