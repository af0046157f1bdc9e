"""Xavier (Glorot) initialization, normal."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from runner.init.base import Init


class XavierNormal(Init):
    """Weights from N(0, σ²) with σ = gain √(2/(fan_in + fan_out)). Biases zero.

    Args:
        gain: factor for the activation, above 0; None takes that of the network's activation (5/3 for tanh).

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
        equation 12, as a normal distribution.
    """

    def __init__(self, gain: Annotated[float, Gt(0)] | None = 1.0) -> None:
        self.gain = gain

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        nn.init.xavier_normal_(weight, self.gain or gain)
