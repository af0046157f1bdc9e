"""Series that are larger or smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.augmentation.series.base import SeriesTechnique
from runner.engine.technique import Slot

if TYPE_CHECKING:
    from torch import Tensor


class Scaling(SeriesTechnique):
    """Multiply each channel of each series by ``1 + std * z``, z standard normal: one factor for all steps.

    Args:
        std: of the factors, at least 0; where it is not small beside 1, some channels change their sign.

    Source: Um et al. 2017, "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks".
    """

    slot: ClassVar[Slot] = Slot.COLOUR

    def __init__(self, std: Annotated[float, Ge(0)] = 0.1) -> None:
        self.std = std

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """See `SeriesTechnique.apply`."""
        factors = 1 + self.std * torch.randn(len(x), 1, x.shape[2], device=x.device)
        return (x * factors).to(x.dtype)
