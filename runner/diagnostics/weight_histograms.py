"""Distributions of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from runner.diagnostics.observation.network import layer_weights, scalars
from runner.diagnostics.observation.streaks import Streaks
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def row_difference(weight: Tensor) -> Tensor:
    """Greatest difference between the weights of a layer's units, as a share of the greatest weight.

    Args:
        weight: ``(units, ...)``.

    Returns:
        A tensor of no dimensions: 0 when all units have the same weights.
    """
    rows = weight.flatten(1)
    return (rows - rows[:1]).abs().max() / rows.abs().max().clamp(min=1e-30)


class WeightHistograms(Technique):
    """Histograms of weights and gradients in TensorBoard, and a word when a layer's units are copies of each other.

    Units that start equal get equal gradients and stay equal: the layer has one unit's worth of capacity.

    Args:
        every: epochs from one look to the next, at least 1.

    Source: Goodfellow et al. 2016, "Deep Learning", section 8.4 (breaking the symmetry).
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {"fsdp": "it shows whole weights, and every process holds a part of them"}

    def __init__(self, every: Annotated[int, Ge(1)] = 1) -> None:
        self.every = every
        self.streaks = Streaks()

    def setup(self, fit: Fit) -> None:
        """Collect the layers."""
        self.fit = fit
        self.layers = {name: w for name, w in layer_weights(fit.model).items() if len(w) > 1}

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Draw the histograms, and notice layers whose units are equal."""
        if epoch % self.every:
            return
        self.fit.recorder.weights(self.fit.state.step, self.fit.model)
        if self.layers:
            differences = scalars(torch.stack([row_difference(w.detach()).float() for w in self.layers.values()]))
            self.streaks.look(epoch, {n: d for n, d in zip(self.layers, differences, strict=True) if d < 1e-6})

    def advice(self) -> list[str]:
        """What to do about layers whose units are equal."""
        if not self.streaks:
            return []
        return [
            f"all units of {self.streaks.names} have the same weights since epoch {self.streaks.since}, so they "
            "learn the same; try a random initialization, such as init=he or init=xavier"
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return self.streaks.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.streaks.load_state_dict(state)
