"""A learning rate that falls by a factor at chosen positions."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated

from annotated_types import Ge, Gt

from runner.engine.schedule import By, Schedule


class MultiStep(Schedule):
    """``lr(t) = base_lr * gamma ** (number of milestones <= t)``, as ``torch.optim.lr_scheduler.MultiStepLR``.

    Args:
        milestones: positions in units of `by`, in any order; one that is given twice counts twice.
        gamma: factor at each milestone, above 0.
        by: unit of the position.

    Source: He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2.
    """

    def __init__(
        self,
        milestones: tuple[Annotated[int, Ge(0)], ...] = (10, 15),
        gamma: Annotated[float, Gt(0)] = 0.1,
        by: By = "epoch",
    ) -> None:
        self.milestones, self.gamma, self.by = sorted(milestones), gamma, by

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        return base_lr * self.gamma ** bisect_right(self.milestones, t)
