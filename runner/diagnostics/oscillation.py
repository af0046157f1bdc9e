"""A loss that goes up and down."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Gt, Le

from runner.diagnostics.observation.loss_history import LossHistory


def turns(losses: Sequence[float]) -> float:
    """Share of the inner epochs at which the loss turns from falling to rising or back, in [0, 1].

    Independent noise turns at 2/3 of them, a loss that falls or rises steadily at none.

    Source: Kendall 1973, "Time-Series", section 2 (turning points).
    """
    pairs = list(zip(losses, losses[1:], losses[2:], strict=False))
    return sum((b - a) * (c - b) < 0 for a, b, c in pairs) / max(1, len(pairs))


def swing(losses: Sequence[float]) -> float:
    """Mean step between epochs as a share of the mean loss."""
    steps = [abs(b - a) for a, b in pairwise(losses)]
    return sum(steps) / max(1, len(steps)) / max(sum(losses) / max(1, len(losses)), 1e-30)


class Oscillation(LossHistory):
    """Notice a training loss that goes up and down over the last epochs, in steps that are not small.

    Args:
        epochs: how many of the last epochs are looked at, at least 4.
        turning: share of turning points (see `turns`) from which on to say so, in (0, 1].
        size: mean step as a share of the mean loss from which on to say so, above 0.

    Source: LeCun et al. 1998, "Efficient BackProp", section 4.6 (learning rates above the optimal one oscillate).
    """

    def __init__(
        self,
        epochs: Annotated[int, Ge(4)] = 8,
        turning: Annotated[float, Gt(0), Le(1)] = 0.6,
        size: Annotated[float, Gt(0)] = 0.1,
    ) -> None:
        super().__init__()
        self.epochs, self.turning, self.size = epochs, turning, size

    def advice(self) -> list[str]:
        """What to do about a loss that oscillates."""
        losses = self.losses
        if len(losses) < self.epochs or turns(losses) < self.turning or swing(losses) < self.size:
            return []
        return [
            f"train/loss goes up and down by {swing(losses):.0%} of itself over the last {self.epochs} epochs; try a "
            "lower optimizer.lr, a schedule that lowers it (scheduler=cosine, scheduler=plateau) or a larger batch"
        ]
