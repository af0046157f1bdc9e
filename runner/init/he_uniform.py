"""He initialization, uniform."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Gt
from torch import Tensor

from runner.init.base import Init
from runner.init.he_normal import Mode, he_std


class HeUniform(Init):
    """Weights from U(-a, a) with a = √3 gain/√fan: a = √(6/fan_in) with relu. Biases zero.

    Args:
        mode: which fan to divide by.
        gain: factor for the activation, above 0; None takes that of the network's activation (`gain_in`).

    Source: He et al. 2015, "Delving Deep into Rectifiers", equation 10, with the uniform distribution of that variance.
    """

    def __init__(self, mode: Mode = "fan_in", gain: Annotated[float, Gt(0)] | None = None) -> None:
        self.mode, self.gain = mode, gain

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        bound = math.sqrt(3) * he_std(weight, self.mode, self.gain or gain)
        weight.uniform_(-bound, bound)
