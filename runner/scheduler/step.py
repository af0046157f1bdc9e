"""A learning rate that falls by a factor at regular intervals."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt

from runner.engine.schedule import By, Schedule


class Step(Schedule):
    """``lr(t) = base_lr * gamma ** (t // step_size)``, as ``torch.optim.lr_scheduler.StepLR``.

    Args:
        step_size: length of an interval in units of `by`.
        gamma: factor at the end of each interval, above 0.
        by: unit of the position.
    """

    def __init__(
        self, step_size: Annotated[int, Ge(1)] = 10, gamma: Annotated[float, Gt(0)] = 0.5, by: By = "epoch"
    ) -> None:
        self.step_size, self.gamma, self.by = step_size, gamma, by

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        return base_lr * self.gamma ** (t // self.step_size)
