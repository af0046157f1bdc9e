"""A constant learning rate."""

from __future__ import annotations

from runner.engine.schedule import By, Schedule


class Constant(Schedule):
    """``lr(t) = base_lr``.

    Args:
        by: accepted as by every schedule; makes no difference.
    """

    def __init__(self, by: By = "epoch") -> None:
        self.by = by

    def lr(self, t: int, base_lr: float) -> float:
        """The group's own rate."""
        return base_lr
