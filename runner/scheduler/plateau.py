"""A learning rate that falls when a score has stopped improving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Lt

from runner.engine import monitor as following
from runner.engine.monitor import Mode
from runner.engine.schedule import Schedule

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Plateau(Schedule):
    """``lr = max(base_lr * factor ** n, min_lr)``, n growing by one when `patience` epochs brought no improvement.

    Keras' ``ReduceLROnPlateau``; `runner.engine.monitor.Plateau` says when it fires. A group whose own rate is below
    `min_lr` keeps it.

    Args:
        monitor: a score of the run.
        factor: in (0, 1).
        patience: epochs without improvement; 0 is the same as 1.
        min_lr: lower bound of the rate.
        cooldown: epochs.
        min_delta: at least 0.
        mode: direction in which the score improves; ``auto`` asks the metric.
    """

    monitors: ClassVar[bool] = True

    def __init__(
        self,
        monitor: str = "val/loss",
        factor: Annotated[float, Gt(0), Lt(1)] = 0.5,
        patience: Annotated[int, Ge(0)] = 5,
        min_lr: Annotated[float, Ge(0)] = 0.0,
        cooldown: Annotated[int, Ge(0)] = 0,
        min_delta: Annotated[float, Ge(0)] = 1e-4,
        mode: Mode = "auto",
    ) -> None:
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.factor, self.patience, self.min_lr, self.cooldown = factor, patience, min_lr, cooldown
        self.reductions = 0

    def setup(self, fit: Fit) -> None:
        """Look up the score; called once before the first step.

        Raises:
            ConfigError: the run reports no such score.
        """
        monitor = fit.monitor(self.monitor, self.mode, self.min_delta, key="scheduler.monitor")
        self.plateau = following.Plateau(monitor, self.patience, self.cooldown)

    def lr(self, t: int, base_lr: float) -> float:
        """The rate as of now: the only schedule that does not look at `t`."""
        return max(base_lr * self.factor**self.reductions, min(self.min_lr, base_lr))

    def on_epoch_end(self, scores: dict[str, float]) -> None:
        """Hear the epoch's scores."""
        self.reductions += self.plateau.fires(scores)

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"reductions": self.reductions, **self.plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.reductions = state["reductions"]
        self.plateau.load_state_dict(state)
