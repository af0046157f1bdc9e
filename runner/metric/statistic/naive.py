"""The statistic behind metrics that hold a forecast against the naive one: every step as the last value seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.engine.metric import Need, Scored, Statistic

if TYPE_CHECKING:
    from torch import Tensor


class NaiveErrors(Statistic):
    """Sums ``(5, series)`` over windows.

    Absolute errors of the forecast and of the naive one, how many they are, absolute changes from one step of the
    history to the next, and how many these are. A scale that a series has been divided by cancels in their quotients.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"inputs"})

    def summarize(self, scored: Scored) -> Tensor:
        """The sums of some windows ``(N, horizon, series)`` with histories ``(N, length, columns)``."""
        assert scored.inputs is not None
        history, predictions, targets = scored.inputs, scored.predictions, scored.targets
        columns, names = (field.names if field else () for field in (self.spec.inputs, self.spec.targets))
        if names != columns:
            history = history[..., [columns.index(name) for name in names]]
        if targets.device.type != "mps":
            history, predictions, targets = history.double(), predictions.double(), targets.double()
        sums = targets.new_empty(5, targets.shape[-1])
        sums[0] = (predictions - targets).abs().sum((0, 1))
        sums[1] = (history[:, -1:] - targets).abs().sum((0, 1))
        sums[2] = targets.shape[0] * targets.shape[1]
        sums[3] = history.diff(dim=1).abs().sum((0, 1))
        sums[4] = history.shape[0] * (history.shape[1] - 1)
        return sums


def defined_mean(errors: Tensor, scales: Tensor) -> Tensor:
    """The mean of ``errors / scales`` ``(series,)`` over the series whose scale is not 0; NaN where there is none."""
    there = scales != 0
    return (errors / scales).where(there, 0).sum() / there.sum()
