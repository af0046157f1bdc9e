"""The training losses of a run's epochs, for diagnostics that look at their course."""

from __future__ import annotations

from typing import Any, ClassVar

from runner.engine.technique import Slot, Technique


class LossHistory(Technique):
    """Keeps ``train/loss`` of the last epochs.

    Attributes:
        epochs: how many are kept.
        losses: from the oldest to the latest.
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    epochs: int

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Take the training loss of an epoch."""
        self.losses = [*self.losses, scores["train/loss"]][-self.epochs :]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"losses": self.losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.losses = state["losses"]
