"""Uniform initialization of a fixed width."""

from __future__ import annotations

from torch import Tensor

from runner.errors import ConfigError
from runner.init.base import Init


class Uniform(Init):
    """Weights from U(a, b), whatever the size of the layer. Biases zero.

    Args:
        a: lower bound.
        b: upper bound.

    Raises:
        ConfigError: `a` is above `b`.
    """

    def __init__(self, a: float = -0.05, b: float = 0.05) -> None:
        if a > b:
            raise ConfigError(f"init.a={a} is above init.b={b}. Weights are drawn between a and b: swap them.")
        self.a, self.b = a, b

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        weight.uniform_(self.a, self.b)
