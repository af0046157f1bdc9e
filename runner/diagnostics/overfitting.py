"""The gap between training and validation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Gt

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.metric import Direction

_STATE = ("best", "best_train", "best_epoch", "loss", "train")


class Overfitting(Technique):
    """The gap ``val/loss - train/loss`` as a score of every epoch, and a word when the network overfits.

    It does when, since the epoch with the lowest validation loss, that loss has risen by more than `rise` of itself
    while the training loss has fallen. The training loss is the mean over the epoch, with the network in training
    mode, so that dropout, augmentation and fast progress make the gap smaller, down to below 0.

    Scores: ``overfitting/gap``, in ``metrics.jsonl`` and to be monitored.

    Args:
        rise: share of the lowest validation loss, above 0.

    Source: Prechelt 1998, "Early Stopping - But When?", section 2 (generalization loss).
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    reports: ClassVar[dict[str, Direction]] = {"overfitting/gap": "min"}

    def __init__(self, rise: Annotated[float, Gt(0)] = 0.1) -> None:
        self.rise = rise
        self.best, self.best_train, self.best_epoch = math.inf, math.inf, 0
        self.loss, self.train = math.inf, math.inf

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """The gap of an epoch that was evaluated."""
        if "val/loss" not in scores:
            return {}
        return {"overfitting/gap": scores["val/loss"] - scores["train/loss"]}

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Take the losses of an epoch that was evaluated."""
        if "val/loss" not in scores:
            return
        self.loss, self.train = scores["val/loss"], scores["train/loss"]
        if self.loss < self.best:
            self.best, self.best_train, self.best_epoch = self.loss, self.train, epoch

    def advice(self) -> list[str]:
        """What to do about a network that overfits."""
        if not (self.loss > (1 + self.rise) * self.best and self.train < self.best_train):
            return []
        return [
            f"overfitting since epoch {self.best_epoch}: val/loss rose from {self.best:.3g} to {self.loss:.3g} while "
            f"train/loss fell to {self.train:.3g}; try regularization=[dropout,early_stopping], an "
            "augmentation, more optimizer.weight_decay or a smaller model"
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name in _STATE:
            setattr(self, name, state[name])
