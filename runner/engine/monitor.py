"""Following one score: the base of early stopping, plateaus, the best checkpoint and pruning."""

from __future__ import annotations

import math
from typing import Any, Literal

from runner.engine.metric import Direction
from runner.errors import ConfigError, did_you_mean

Mode = Literal["auto", "min", "max"]


def canonical(name: str) -> str:
    """``val_loss`` and ``val/loss`` are the same score; the latter is its name."""
    split, sep, metric = name.partition("_")
    return f"{split}/{metric}" if sep and "/" not in name and split in ("train", "val", "test") else name


def resolve_mode(name: str, mode: Mode, directions: dict[str, Direction], key: str = "monitor") -> Direction:
    """The direction in which the score `name` improves.

    Args:
        name: canonical name of the score.
        mode: ``auto`` asks the metric.
        directions: known scores and their directions.
        key: config key that named the score, for the message.

    Raises:
        ConfigError: there is no such score.
    """
    if name not in directions:
        raise ConfigError(
            f"{key}={name}: no such score.{did_you_mean(name, directions)} This run reports: {', '.join(directions)}."
        )
    return directions[name] if mode == "auto" else mode


class Monitor:
    """The best value of one score so far.

    Args:
        name: name of the score, such as ``val/loss``.
        direction: ``min`` or ``max``.
        min_delta: how much better than the best a value must be to count (at least 0).
    """

    def __init__(self, name: str, direction: Direction, min_delta: float = 0.0) -> None:
        self.name, self.direction, self.min_delta = name, direction, min_delta
        self.forget()

    def forget(self) -> None:
        """Start over: the next value is the best."""
        self.best = math.inf if self.direction == "min" else -math.inf
        self.best_epoch: int | None = None

    def is_improvement(self, value: float, reference: float | None = None) -> bool:
        """Whether `value` beats `reference` (default: the best so far) by more than `min_delta`. NaN never does."""
        reference = self.best if reference is None else reference
        gain = reference - value if self.direction == "min" else value - reference
        return gain > self.min_delta

    def update(self, value: float, epoch: int) -> bool:
        """Take the value of `epoch`; True when it is the new best."""
        if not self.is_improvement(value):
            return False
        self.best, self.best_epoch = value, epoch
        return True

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        epoch = state["best_epoch"]
        self.best, self.best_epoch = float(state["best"]), None if epoch is None else int(epoch)


class Plateau:
    """Tells when a score has stopped improving, as Keras' ``ReduceLROnPlateau`` does.

    An epoch improves when its score beats the best so far by more than the monitor's `min_delta`; NaN never does. It
    fires when `patience` epochs in a row did not improve (torch's needs one more), then counts from zero. Of the
    `cooldown` epochs after it fired, all but the last count for nothing but a new best (all but the last, because
    Keras lowers its counter before it judges the epoch). Epochs without the score are passed over.

    Args:
        monitor: what is followed.
        patience: epochs without improvement; 0 is the same as 1.
        cooldown: epochs.
    """

    def __init__(self, monitor: Monitor, patience: int, cooldown: int = 0) -> None:
        self.best, self.patience, self.cooldown = monitor, patience, cooldown
        self.wait = self.cooling = self.epoch = 0

    def fires(self, scores: dict[str, float]) -> bool:
        """Hear an epoch's scores; True when it is time to do something."""
        self.epoch += 1
        if self.best.name not in scores:
            return False
        if self.cooling:
            self.cooling -= 1
        if self.best.update(scores[self.best.name], self.epoch):
            self.wait = 0
        elif not self.cooling:
            self.wait += 1
        if self.wait < max(1, self.patience):
            return False
        self.cooling, self.wait = self.cooldown, 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"wait": self.wait, "cooling": self.cooling, "epoch": self.epoch, "best": self.best.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.wait, self.cooling, self.epoch = state["wait"], state["cooling"], state["epoch"]
        self.best.load_state_dict(state["best"])
