"""A loss that grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Gt

from runner.diagnostics.observation.network import evaluation_mode, examples
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def initial_loss(fit: Fit) -> float:
    """The loss of the network as it was initialized, on 256 training examples in evaluation mode."""
    batch = examples(fit, 256)
    with torch.no_grad(), evaluation_mode(fit.model):
        return float(fit.loss(fit.model(batch.inputs, **batch.more), batch))


class Divergence(Technique):
    """Notice a training loss that ends a tenth above where it began, climbs far above its lowest, or is no number.

    Args:
        rise: multiple of the lowest training loss of an epoch from which on to say so, above 1.

    Source: LeCun et al. 1998, "Efficient BackProp", section 4.6 (the largest stable learning rate).
    """

    slot: ClassVar[Slot] = Slot.EPOCH

    def __init__(self, rise: Annotated[float, Gt(1)] = 2.0) -> None:
        self.rise = rise
        self.lowest, self.lowest_epoch, self.last = math.inf, 0, 0.0

    def setup(self, fit: Fit) -> None:
        """Take the loss before training."""
        self.fit = fit
        self.start = initial_loss(fit)

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Take the training loss of an epoch."""
        self.last = scores["train/loss"]
        if self.last < self.lowest:
            self.lowest, self.lowest_epoch = self.last, epoch

    def advice(self) -> list[str]:
        """What to do about a loss that diverged."""
        cure = "the learning rate is too high: try a tenth of optimizer.lr, warmup=linear or trainer.clip_norm=1"
        broken = next((step for step, loss, _ in self.fit.meter.losses if not math.isfinite(float(loss))), None)
        if broken is not None:
            return [f"the loss was no finite number at step {broken}; most likely {cure}"]
        if self.last > self.start + 0.1 * abs(self.start):
            return [f"train/loss is {self.last:.3g} and was {self.start:.3g} before training; {cure}"]
        if self.last > self.rise * self.lowest:
            return [f"train/loss rose from {self.lowest:.3g} in epoch {self.lowest_epoch} to {self.last:.3g}; {cure}"]
        return []

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"start": self.start, "lowest": self.lowest, "lowest_epoch": self.lowest_epoch, "last": self.last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, value)
