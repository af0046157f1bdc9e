"""He initialization, normal."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor

from runner.init.base import Init, fans

Mode = Literal["fan_in", "fan_out"]


def he_std(weight: Tensor, mode: Mode, gain: float) -> float:
    """Standard deviation ``gain / √fan`` of He initialization.

    Args:
        weight: ``(out, in)`` or ``(out, in/groups, *kernel)``.
        mode: ``fan_in`` keeps the variance of activations, ``fan_out`` that of gradients.
        gain: √2 for relu.

    Source: He et al. 2015, "Delving Deep into Rectifiers", equations 10 and 14.
    """
    fan_in, fan_out = fans(weight)
    return gain / math.sqrt(fan_in if mode == "fan_in" else fan_out)


class HeNormal(Init):
    """Weights from N(0, gain²/fan): σ = √(2/fan_in) with relu. Biases zero.

    Args:
        mode: which fan to divide by.
        gain: factor for the activation, above 0; None takes that of the network's activation (`gain_in`).

    Source: He et al. 2015, "Delving Deep into Rectifiers", equation 10.
    """

    def __init__(self, mode: Mode = "fan_in", gain: Annotated[float, Gt(0)] | None = None) -> None:
        self.mode, self.gain = mode, gain

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        weight.normal_(0, he_std(weight, self.mode, self.gain or gain))
