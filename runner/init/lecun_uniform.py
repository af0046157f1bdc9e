"""LeCun initialization, uniform."""

from __future__ import annotations

import math

from torch import Tensor

from runner.init.base import Init
from runner.init.he_normal import he_std


class LecunUniform(Init):
    """Weights from U(-a, a) with a = √(3/fan_in), variance 1/fan_in, whatever the activation. Biases zero.

    Source: LeCun et al. 1998, "Efficient BackProp", section 4.6.
    """

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        bound = math.sqrt(3) * he_std(weight, "fan_in", 1.0)
        weight.uniform_(-bound, bound)
