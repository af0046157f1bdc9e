"""Learning-rate schedules as functions of the position, and the warm-up in front of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit

By = Literal["epoch", "step"]


@dataclass(frozen=True)
class Plan:
    """How long a run is.

    Attributes:
        updates_per_epoch: optimizer updates in one epoch.
        epochs: epochs that the run lasts, the last one possibly cut short.
        total: optimizer updates that the run lasts.
    """

    updates_per_epoch: int
    epochs: int
    total: int


class Schedule:
    """A learning rate for every position of a run: a pure function, so that resuming needs no state.

    Subclasses implement `lr`, one class per file in ``runner/scheduler``; argument names are torch's. Arguments that
    are None are filled in by `bind` from the length of the run.

    Attributes:
        by: the unit of `t`: ``"step"`` counts updates, ``"epoch"`` completed epochs.
        cycle_momentum: whether `momentum` is to be applied, where the optimizer has momentum or betas.
        monitors: whether it hears the scores of every epoch; then it is no pure function and has state.
        not_saved: names of own attributes that change in training and need not be in `state_dict`.
    """

    by: By = "epoch"
    cycle_momentum: bool = False
    monitors: ClassVar[bool] = False
    not_saved: ClassVar[tuple[str, ...]] = ()

    def bind(self, total: int, base_lr: float) -> None:
        """Fill in what was left open. Called once before the first step, and again when a run is made longer.

        Args:
            total: length of the run after warm-up, in the unit of `by` (at least 1).
            base_lr: the optimizer's learning rate (that of its first group).
        """

    def lr(self, t: int, base_lr: float) -> float:
        """Learning rate at position `t` (0, 1, ...) in the unit of `by`, for a group whose own rate is `base_lr`."""
        raise NotImplementedError

    def momentum(self, t: int) -> float:
        """Momentum (or the first beta) at position `t`; asked only when `cycle_momentum` is set."""
        raise NotImplementedError

    def setup(self, fit: Fit) -> None:
        """Called once before the first step, for schedules that set `monitors`."""

    def on_epoch_end(self, scores: dict[str, float]) -> None:
        """Hear the epoch's scores (``{"val/loss": ..}``). Only for schedules that set `monitors`."""

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers. Empty for all schedules that are pure functions."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Warmup:
    """The rise of the learning rate in front of a schedule.

    Args:
        steps: length in updates; None to give `epochs`.
        epochs: length in epochs (may be fractional).
        start_factor: the first learning rate as a share of the target.

    Attributes:
        hears_norms: whether it hears the gradients' norm after every update; then it is no pure function, has state,
            and goes on until it sets this to False, beside the schedule where it lasts longer than its length.
        not_saved: names of own attributes that change in training and need not be in `state_dict`.
    """

    hears_norms: bool = False
    not_saved: ClassVar[tuple[str, ...]] = ()

    def __init__(self, steps: int | None = None, epochs: float | None = None, start_factor: float = 0.01) -> None:
        self.steps, self.epochs, self.start_factor = steps, epochs, start_factor

    def length(self, plan: Plan) -> int:
        """Length in updates."""
        if self.steps is not None:
            return self.steps
        return round((self.epochs or 0.0) * plan.updates_per_epoch)

    def lr(self, t: int, length: int, target: float) -> float:
        """Learning rate at update `t` of `length`; `target` is the schedule's first rate."""
        raise NotImplementedError

    def on_gradient_norm(self, norm: Tensor) -> None:
        """Hear the global norm of an update's gradients, before clipping; only for those that set `hears_norms`."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers. Empty for all warm-ups that are pure functions."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class LearningRate:
    """A schedule behind its warm-up, asked by update number."""

    def __init__(self, schedule: Schedule, warmup: Warmup | None, plan: Plan, base_lr: float) -> None:
        self.schedule, self.warmup = schedule, warmup
        self.warmup_steps = min(warmup.length(plan), plan.total) if warmup else 0
        self.per_unit = plan.updates_per_epoch if schedule.by == "epoch" else 1
        left = plan.total - self.warmup_steps
        schedule.bind(max(1, -(-left // self.per_unit)), base_lr)

    def __call__(self, step: int, base_lr: float) -> float:
        """The rate for the update numbered `step` (from 0) of a group whose own rate is `base_lr`."""
        lr = self.schedule.lr(max(0, step - self.warmup_steps) // self.per_unit, base_lr)
        if self.warmup is not None and (step < self.warmup_steps or self.warmup.hears_norms):
            return self.warmup.lr(step, self.warmup_steps, lr)
        return lr

    def momentum(self, step: int) -> float:
        """The momentum for the update numbered `step`; constant during warm-up."""
        return self.schedule.momentum(max(0, step - self.warmup_steps) // self.per_unit)
