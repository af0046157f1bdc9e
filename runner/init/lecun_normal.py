"""LeCun initialization, normal."""

from __future__ import annotations

from torch import Tensor

from runner.init.base import Init
from runner.init.he_normal import he_std


class LecunNormal(Init):
    """Weights from N(0, 1/fan_in), whatever the activation. Biases zero.

    Source: LeCun et al. 1998, "Efficient BackProp", section 4.6; Klambauer et al. 2017, "Self-Normalizing Neural
        Networks", for selu.
    """

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        weight.normal_(0, he_std(weight, "fan_in", 1.0))
