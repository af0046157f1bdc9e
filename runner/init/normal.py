"""Normal initialization of a fixed width."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from runner.init.base import Init


class Normal(Init):
    """Weights from N(mean, std²), whatever the size of the layer. Biases zero.

    Args:
        mean: mean.
        std: standard deviation, at least 0.
    """

    def __init__(self, mean: float = 0.0, std: Annotated[float, Ge(0)] = 0.05) -> None:
        self.mean, self.std = mean, std

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        weight.normal_(self.mean, self.std)
