"""Residual branches left out at random, as a choice that reaches into the model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from runner.engine.technique import Slot, Technique


class StochasticDepth(Technique):
    """Set the model's `stochastic_depth`: in training, residual branches are left out at random, more in deeper blocks.

    Block l of L is left out of each example's path with probability ``p l / L`` and otherwise scaled by one over the
    probability that it stays, so nothing changes in evaluation. The model is built with it.

    Args:
        p: probability for the last block, in [0, 1); the paper takes 0.5, shallow networks less.

    Source: Huang et al. 2016, "Deep Networks with Stochastic Depth", equation 4.
    """

    slot: ClassVar[Slot] = Slot.MODEL
    model_arguments: ClassVar[dict[str, str]] = {"stochastic_depth": "p"}

    def __init__(self, p: Annotated[float, Ge(0), Lt(1)] = 0.2) -> None:
        self.p = p
