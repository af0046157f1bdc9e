"""Series that are larger here and smaller there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.augmentation.series.base import SeriesTechnique
from runner.augmentation.series.curves import curves, spline_pieces
from runner.engine.technique import Slot

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit


class MagnitudeWarp(SeriesTechnique):
    """Multiply each channel of each series by a smooth curve: a cubic spline through heights ``1 + std * z``, z normal.

    Args:
        std: of the heights, at least 0.
        knots: heights that are drawn for a curve, evenly spaced from the first step to the last, at least 2. The
            authors' program takes 4 between the ends, so 6.

    Source: Um et al. 2017, "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks".
    """

    slot: ClassVar[Slot] = Slot.COLOUR

    def __init__(self, std: Annotated[float, Ge(0)] = 0.2, knots: Annotated[int, Ge(2)] = 6) -> None:
        self.std, self.knots = std, knots

    def setup(self, fit: Fit) -> None:
        """Work out the spline."""
        self.pieces = spline_pieces(self.knots).to(fit.device)

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """See `SeriesTechnique.apply`."""
        heights = self.std * torch.randn(len(x), self.knots, x.shape[2], device=x.device)
        return (x * (1 + curves(self.pieces, heights, last, x.shape[1]))).to(x.dtype)
