"""A learning rate that falls with the square root of time."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt

from runner.engine.schedule import By, Schedule


class InverseSqrt(Schedule):
    """``lr(t) = base_lr * sqrt(timescale / (t + timescale))``, t counted from the end of the warm-up.

    Behind a linear warm-up of `timescale` updates it is the schedule of the source:
    ``base_lr * min(s / timescale, sqrt(timescale / s))`` at update s of the run.

    Args:
        timescale: positions after which the rate has fallen to 0.71 of its start, in units of `by`, above 0; None: a
            tenth of the run.
        by: unit of the position.

    Source: Vaswani et al. 2017, "Attention Is All You Need", equation 3.
    """

    def __init__(self, timescale: Annotated[float, Gt(0)] | None = None, by: By = "step") -> None:
        self.timescale, self.by = timescale, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the time scale."""
        self.scale = self.timescale or max(1.0, total / 10)

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        return base_lr * math.sqrt(self.scale / (t + self.scale))
