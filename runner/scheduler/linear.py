"""A learning rate that goes along a straight line."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

from runner.engine.schedule import By, Schedule


class Linear(Schedule):
    """``lr(t) = base_lr * (start_factor + (end_factor - start_factor) * t / total_iters)``, then the last rate.

    As ``torch.optim.lr_scheduler.LinearLR``, whose defaults rise from a third to the full rate; these fall to zero.

    Args:
        start_factor: the first rate as a share of the optimizer's, in [0, 1].
        end_factor: the last rate as a share of the optimizer's, in [0, 1].
        total_iters: length of the line in units of `by`; None: the whole run.
        by: unit of the position.

    Source: Devlin et al. 2019, "BERT", appendix A.2 (linear decay).
    """

    def __init__(
        self,
        start_factor: Annotated[float, Ge(0), Le(1)] = 1.0,
        end_factor: Annotated[float, Ge(0), Le(1)] = 0.0,
        total_iters: Annotated[int, Ge(1)] | None = None,
        by: By = "step",
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters, self.by = start_factor, end_factor, total_iters, by

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in the length of the line."""
        self.length = self.total_iters or total

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t`."""
        share = min(t, self.length) / self.length
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)
