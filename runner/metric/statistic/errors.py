"""The statistic behind all metrics of regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.metric import Scored, Statistic

if TYPE_CHECKING:
    from torch import Tensor


class ErrorSums(Statistic):
    """Sums ``(5, targets)`` over examples: 1, ``|e|``, ``e²``, ``y``, ``y²`` with error e and true value y.

    In original units: predictions and targets are first multiplied by the standard deviations that the data option
    divided by. The mean that it subtracted stays subtracted; no metric depends on it, and without it ``Σy² - (Σy)²/n``
    loses no digits. In float64, or in float32 on devices without it (mps).
    """

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some examples, from values ``(N, targets)`` or ``(N, steps, targets)``, each step for itself."""
        predictions, targets = (values.flatten(0, -2) for values in (scored.predictions, scored.targets))
        if targets.device.type != "mps":
            predictions, targets = predictions.double(), targets.double()
        unit = targets.new_tensor((self.spec.targets.std if self.spec.targets else ()) or (1.0,))
        error = (predictions - targets) * unit
        true = targets * unit
        sums = error.new_empty(5, error.shape[1])
        sums[0] = len(error)
        sums[1] = error.abs().sum(0)
        sums[2] = error.square().sum(0)
        sums[3] = true.sum(0)
        sums[4] = true.square().sum(0)
        return sums
