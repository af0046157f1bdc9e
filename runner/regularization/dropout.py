"""Dropout, as a choice that reaches into the model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from runner.engine.technique import Slot, Technique


class Dropout(Technique):
    """Set the model's `dropout`: in training, activations are zeroed with probability `p`, the rest scaled by 1/(1-p).

    Nothing happens while the network is trained: the model is built with it. Where its layers are is up to the model.

    Args:
        p: probability, in [0, 1).

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    slot: ClassVar[Slot] = Slot.MODEL
    model_arguments: ClassVar[dict[str, str]] = {"dropout": "p"}

    def __init__(self, p: Annotated[float, Ge(0), Lt(1)] = 0.5) -> None:
        self.p = p
