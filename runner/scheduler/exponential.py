"""A learning rate that falls by the same factor at every position."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt

from runner.engine.schedule import By, Schedule


class Exponential(Schedule):
    """``lr(t) = base_lr * gamma ** t``, as ``torch.optim.lr_scheduler.ExponentialLR``; or ``base_lr * exp(-k t)``.

    Args:
        gamma: factor per unit of `by`, above 0.
        k: the same as a rate of decay per unit of `by`, above 0: takes the place of `gamma` by ``exp(-k)``.
        by: unit of the position.
    """

    def __init__(
        self, gamma: Annotated[float, Gt(0)] = 0.95, k: Annotated[float, Gt(0)] | None = None, by: By = "epoch"
    ) -> None:
        self.gamma, self.by = gamma if k is None else math.exp(-k), by

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        return base_lr * self.gamma**t
