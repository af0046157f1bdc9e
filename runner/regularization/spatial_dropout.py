"""Dropout of whole channels, as a choice that reaches into the model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from runner.engine.technique import Slot, Technique


class SpatialDropout(Technique):
    """Set the model's `spatial_dropout`: in training, whole channels are zeroed, the others scaled by 1/(1-p).

    Neighbouring pixels of a channel carry nearly the same, so dropping single ones takes little away. Nothing happens
    while the network is trained: the model is built with it.

    Args:
        p: probability that a channel of an image is zeroed, in [0, 1).

    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks", section 3.2.
    """

    slot: ClassVar[Slot] = Slot.MODEL
    model_arguments: ClassVar[dict[str, str]] = {"spatial_dropout": "p"}

    def __init__(self, p: Annotated[float, Ge(0), Lt(1)] = 0.1) -> None:
        self.p = p
