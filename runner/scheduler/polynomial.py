"""A learning rate that falls to zero along a power of the time left."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt

from runner.engine.schedule import By, Schedule


class Polynomial(Schedule):
    """``lr(t) = base_lr * (1 - t / total_iters) ** power``, as ``torch.optim.lr_scheduler.PolynomialLR``; then 0.

    Args:
        total_iters: length of the fall in units of `by`; None: the whole run.
        power: above 0; 1 is a straight line.
        by: unit of the position.

    Source: Chen et al. 2018, "DeepLab", section 4.1.
    """

    def __init__(
        self, total_iters: Annotated[int, Ge(1)] | None = None, power: Annotated[float, Gt(0)] = 1.0, by: By = "step"
    ) -> None:
        self.total_iters, self.power, self.by = total_iters, power, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of the fall."""
        self.length = self.total_iters or total

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        return float(base_lr * (1.0 - min(t, self.length) / self.length) ** self.power)
