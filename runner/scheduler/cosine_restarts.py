"""Cosine falls that start anew at the full learning rate."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge

from runner.engine.schedule import By, Schedule

CYCLES = 3  # in a run, when T_0 is left open


class CosineRestarts(Schedule):
    """``lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2`` since a restart.

    T_cur is counted from the last restart, T_i is the length of its cycle. As
    ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``. Past the end of the run the cycles go on.

    Args:
        T_0: length of the first cycle in units of `by`; None: such that three cycles fill the run.
        T_mult: factor between the lengths of a cycle and the one before.
        eta_min: the rate at the end of a cycle, at least 0. A group whose own rate is lower keeps it; torch's rises.
        by: unit of the position.

    Source: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5.
    """

    def __init__(
        self,
        T_0: Annotated[int, Ge(1)] | None = None,
        T_mult: Annotated[int, Ge(1)] = 2,
        eta_min: Annotated[float, Ge(0)] = 1e-5,
        by: By = "step",
    ) -> None:
        self.T_0, self.T_mult, self.eta_min, self.by = T_0, T_mult, eta_min, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of the first cycle; rounded up, so that no fourth cycle starts just before the end."""
        self.first = self.T_0 or math.ceil(total / sum(self.T_mult**i for i in range(CYCLES)))

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        since, length = t, self.first
        if self.T_mult == 1:
            since %= length
        while since >= length:
            since -= length
            length *= self.T_mult
        end = min(self.eta_min, base_lr)
        return end + (base_lr - end) * (1.0 + math.cos(math.pi * since / length)) / 2.0
