"""A bound on the weights of each unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Gt

from runner.engine.technique import Slot, Technique
from runner.regularization.weights.penalty import weights

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class MaxNorm(Technique):
    """After every update, scale down the incoming weights of each unit whose euclidean norm is above `max_value`.

    A unit is a row of a dense weight ``(out, in)`` or an output channel of a convolution ``(out, in, *kernel)``: its
    weights as one vector. Norms and biases stay. Unlike a penalty it leaves small weights alone, and it lets a high
    learning rate explore without weights blowing up; commonly used together with dropout.

    Args:
        max_value: the largest norm, above 0; usually 3 or 4.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 5.1.
    """

    slot: ClassVar[Slot] = Slot.BOUNDS  # before lookahead, whose average of bounded weights is bounded too
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it looks at the weights of whole units, and every process holds a part of them"
    }
    moves_weights: ClassVar[bool] = True

    def __init__(self, max_value: Annotated[float, Gt(0)] = 3.0) -> None:
        self.max_value = max_value

    def setup(self, fit: Fit) -> None:
        """Collect the weights.

        Raises:
            ConfigError: the network has none.
        """
        self.weights = weights(fit.model, self.name, frozen=True)  # they may be unfrozen later

    @torch.no_grad()
    def after_step(self) -> None:
        """Bring every unit back into the ball; frozen weights stay."""
        for weight in self.weights:
            if weight.requires_grad:
                weight.renorm_(2, 0, self.max_value)
