"""A learning rate that falls along half a cosine."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge

from runner.engine.schedule import By, Schedule


class Cosine(Schedule):
    """``lr(t) = eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2``, then `eta_min`.

    As ``torch.optim.lr_scheduler.CosineAnnealingLR`` up to `T_max`; torch's rate rises again after it, this one stays.

    Args:
        T_max: length of the fall in units of `by`; None: the whole run.
        eta_min: the rate at the end, at least 0. A group whose own rate is lower keeps it; torch's rises.
        by: unit of the position.

    Source: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5.
    """

    def __init__(
        self, T_max: Annotated[int, Ge(1)] | None = None, eta_min: Annotated[float, Ge(0)] = 1e-5, by: By = "step"
    ) -> None:
        self.T_max, self.eta_min, self.by = T_max, eta_min, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of the fall."""
        self.length = self.T_max or total

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        share, end = min(t, self.length) / self.length, min(self.eta_min, base_lr)
        return end + (base_lr - end) * (1.0 + math.cos(math.pi * share)) / 2.0
