"""Size of the updates relative to the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor

from runner.diagnostics.observation.network import layer_weights, scalars
from runner.diagnostics.observation.streaks import Streaks
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def update_ratios(before: list[Tensor], after: list[Tensor]) -> Tensor:
    """``|w_after - w_before| / |w_before|`` of each layer.

    Args:
        before: weights of each layer before an update.
        after: the same after it.

    Returns:
        A vector ``(layers,)``; a layer of zero weights counts as one of norm 1e-12.
    """
    steps = torch.stack(torch._foreach_norm(torch._foreach_sub(after, before))).float()
    return steps / torch.stack(torch._foreach_norm(before)).float().clamp(min=1e-12)


class UpdateRatio(Technique):
    """The share of its weights by which each layer changes in one update, at every log interval.

    About 1e-3 is healthy. Far more than 1e-2 forgets what was learned; far less than 1e-4 learns slowly; that is
    not said of epochs in which the schedule has lowered the rate to less than a tenth. All that
    changes weights is part of the update, also weight decay and max-norm.

    Scores: ``update_ratio/<layer>`` in TensorBoard.

    Args:
        low: below it a layer counts as hardly learning, above 0.
        high: above it a layer counts as changing too fast, above 0.

    Source: Bengio 2012, "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 4.1.
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {"fsdp": "it measures whole weights, and every process holds a part of them"}

    def __init__(self, low: Annotated[float, Gt(0)] = 1e-6, high: Annotated[float, Gt(0)] = 0.1) -> None:
        self.low, self.high = low, high
        self.slow, self.fast = Streaks(), Streaks()

    def setup(self, fit: Fit) -> None:
        """Collect the layers."""
        self.fit = fit
        self.layers = {name: w for name, w in layer_weights(fit.model).items() if w.requires_grad}
        self.before: list[Tensor] = []

    def before_step(self) -> None:
        """Keep the weights, when this update ends a log interval."""
        if (self.fit.state.epoch_step + 1) % self.fit.log_every == 0:
            self.before = [w.detach().clone() for w in self.layers.values()]

    def on_interval(self, step: int) -> dict[str, Tensor | float]:
        """Ratios by layer; notices those that are out of bounds."""
        if not self.before:
            return {}
        after = [w.detach() for w in self.layers.values()]
        ratios = dict(zip(self.layers, scalars(update_ratios(self.before, after)), strict=True))
        self.before = []
        epoch = self.fit.state.epoch + 1
        self.fast.look(epoch, {name: r for name, r in ratios.items() if r > self.high})
        group = self.fit.optimizer.param_groups[0]
        if group["lr"] >= 0.1 * group["initial_lr"]:  # small updates at the end of a schedule are meant
            self.slow.look(epoch, {name: r for name, r in ratios.items() if r < self.low})
        return {f"update_ratio/{name}": ratio for name, ratio in ratios.items()}

    def advice(self) -> list[str]:
        """What to do about layers that change too fast or hardly at all."""
        cures = (
            (self.fast, max, "the learning rate is too high: try a tenth of optimizer.lr, or warmup=linear"),
            (self.slow, min, "they hardly learn: try a higher optimizer.lr, and diagnostics=[gradient_norm]"),
        )
        return [
            f"one update changes {streaks.names} by {worst(streaks.values):.1g} of the weights since epoch "
            f"{streaks.since}; {cure}"
            for streaks, worst, cure in cures
            if streaks
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"slow": self.slow.state_dict(), "fast": self.fast.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.slow.load_state_dict(state["slow"])
        self.fast.load_state_dict(state["fast"])
