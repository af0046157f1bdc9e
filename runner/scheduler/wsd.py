"""Warm-up, stable, decay: a constant learning rate and a short fall at the end."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from runner.engine.schedule import By, Schedule


class WarmupStableDecay(Schedule):
    """``lr(t) = base_lr`` until the last `decay` of the run, then ``end + (base_lr - end) * f(s)``.

    s is the share of the decay that is over, and f one of ``1 - sqrt(s)``, ``1 - s``, ``(1 + cos(pi s)) / 2``;
    ``end = end_factor * base_lr``. The warm-up in front is the `warmup` group's. A run can be made longer from a
    checkpoint before the decay as if it had been planned so.

    Args:
        decay: share of the run (after warm-up) that the fall takes, in (0, 1].
        shape: of the fall.
        end_factor: the last rate as a share of the optimizer's, in [0, 1].
        by: unit of the position.

    Source: Hu et al. 2024, "MiniCPM", section 4.2; Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training
    Beyond Fixed Training Durations", section 3, for the shape ``sqrt`` and the length.
    """

    def __init__(
        self,
        decay: Annotated[float, Gt(0), Le(1)] = 0.2,
        shape: Literal["sqrt", "linear", "cosine"] = "sqrt",
        end_factor: Annotated[float, Ge(0), Le(1)] = 0.0,
        by: By = "step",
    ) -> None:
        self.decay, self.shape, self.end_factor, self.by = decay, shape, end_factor, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in where the fall begins and how long it is."""
        self.length = max(1, round(total * self.decay))
        self.begin = total - self.length

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        share = min(max(0, t - self.begin), self.length) / self.length
        end = self.end_factor * base_lr
        return end + (base_lr - end) * self._left(share)

    def _left(self, share: float) -> float:
        """What is left of the rate when this share of the decay is over: from 1 to 0."""
        if self.shape == "sqrt":
            return 1.0 - math.sqrt(share)
        return 1.0 - share if self.shape == "linear" else (1.0 + math.cos(math.pi * share)) / 2.0
