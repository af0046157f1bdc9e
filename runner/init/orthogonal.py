"""Orthogonal initialization."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from runner.init.base import Init


class Orthogonal(Init):
    """Weights, as a matrix of out rows, with orthonormal rows or columns (whichever are fewer) times gain. Biases zero.

    Args:
        gain: factor for the activation, above 0; None takes that of the network's activation (√2 for relu).

    Source: Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks".
    """

    def __init__(self, gain: Annotated[float, Gt(0)] | None = 1.0) -> None:
        self.gain = gain

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        nn.init.orthogonal_(weight, self.gain or gain)
