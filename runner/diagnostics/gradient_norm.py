"""Norms of the gradients, per layer and in total."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from runner.diagnostics.observation.network import layer_weights, scalars
from runner.diagnostics.observation.streaks import Streaks
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def norms_of(tensors: list[Tensor]) -> Tensor:
    """Euclidean norms of `tensors`, as one float32 vector on their device."""
    return torch.stack(torch._foreach_norm(tensors)).float()


class GradientNorm(Technique):
    """Norms of the gradients of each layer's weights, at every log interval.

    Gradients are those that the optimizer was given: unscaled, summed over micro-batches, clipped. They vanish where a
    layer's relative norm ``|g|/|w|`` is less than `vanishing` of the last layer's, which is nearest to the loss; they
    explode where the norm of all is more than `exploding` times the norm of all weights.

    Scores: ``gradient_norm/<layer>`` and ``gradient_norm/total`` in TensorBoard.

    Args:
        vanishing: share of the last layer's relative norm, in (0, 1).
        exploding: factor on the norm of the weights, above 0.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", section
    4.2; Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", section 2.
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it measures whole gradients, and every process holds a part of them"
    }

    def __init__(
        self, vanishing: Annotated[float, Gt(0), Lt(1)] = 1e-3, exploding: Annotated[float, Gt(0)] = 10.0
    ) -> None:
        self.vanishing, self.exploding = vanishing, exploding
        self.streaks = Streaks()
        self.looks, self.explosions, self.worst, self.first = 0, 0, 0.0, 0

    def setup(self, fit: Fit) -> None:
        """Collect the layers."""
        self.fit = fit
        self.layers = layer_weights(fit.model)

    def on_interval(self, step: int) -> dict[str, Tensor | float]:
        """Norms by layer; notices those that vanish or explode."""
        layers = {name: w for name, w in self.layers.items() if w.grad is not None}
        if not layers:
            return {}
        gradients = [w.grad for w in layers.values() if w.grad is not None]
        both = scalars(torch.cat([norms_of(gradients), norms_of([w.detach() for w in layers.values()])]))
        norms, sizes = both[: len(layers)], both[len(layers) :]
        relative = {name: g / max(w, 1e-12) for name, g, w in zip(layers, norms, sizes, strict=True)}
        total = math.hypot(*norms)
        self._notice(relative, total, math.hypot(*sizes))
        by_layer = {f"gradient_norm/{name}": norm for name, norm in zip(layers, norms, strict=True)}
        return {"gradient_norm/total": total, **by_layer}

    def _notice(self, relative: dict[str, float], total: float, weights: float) -> None:
        if not math.isfinite(total) and self.fit.precision.scaler is not None:
            return  # an overflow of scaled gradients, which the scaler deals with
        epoch = self.fit.state.epoch + 1
        self.looks += 1
        last = relative[next(reversed(relative))]
        small = {name: r / last for name, r in relative.items() if r < self.vanishing * last}
        self.streaks.look(epoch, small)
        if not total <= self.exploding * weights:
            self.first = self.first or epoch
            self.explosions += 1
            self.worst = max(self.worst, total / max(weights, 1e-12)) if math.isfinite(total) else math.inf

    def advice(self) -> list[str]:
        """What to do about gradients that vanish or explode."""
        sentences = []
        if self.streaks:
            sentences.append(
                f"gradients vanish: relative to their weights, those of {self.streaks.names} are down to "
                f"{min(self.streaks.values):.1g} of the last layer's since epoch {self.streaks.since}; try "
                "model.activation=relu with init=he, a model.norm, or a network with skip connections (model=resnet)"
            )
        if self.explosions:
            sentences.append(
                f"gradients explode: in {self.explosions} of {self.looks} looks, first in epoch {self.first}, their "
                f"norm was up to {self.worst:.1g} times that of the weights; try trainer.clip_norm=1, a lower "
                "optimizer.lr, or smaller initial weights"
            )
        return sentences

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        counts = {name: getattr(self, name) for name in ("looks", "explosions", "worst", "first")}
        return {**counts, "streaks": self.streaks.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name in ("looks", "explosions", "worst", "first"):
            setattr(self, name, state[name])
        self.streaks.load_state_dict(state["streaks"])
