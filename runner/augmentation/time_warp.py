"""Series that go faster here and slower there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge
from torch.nn import functional as F

from runner.augmentation.series.base import SeriesTechnique, resampled
from runner.augmentation.series.curves import curves, spline_pieces
from runner.engine.technique import Slot

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit


def steps_at_speed(speed: Tensor, last: Tensor) -> Tensor:
    """Where each step of a series comes from that is read at a changing speed; the first and the last step stay.

    Args:
        speed: at each step ``(N, T)``, above 0; only how speeds relate to each other matters.
        last: number of the last step of each series ``(N, 1)`` int64, or ``(1, 1)``.

    Returns:
        ``(N, T)``: from 0, ascending, to `last`.
    """
    way = F.pad(speed[:, 1:] + speed[:, :-1], (1, 0)).cumsum(1) / 2  # trapezoids
    whole = way.gather(1, last.expand(len(way), 1)).clamp(min=torch.finfo(way.dtype).tiny)
    steps = torch.arange(speed.shape[1], device=speed.device)
    # As a difference from an even speed, so that an even speed and both ends are exact.
    return steps + (way / whole - steps / last.clamp(min=1)) * last


class TimeWarp(SeriesTechnique):
    """Read each series at a speed ``exp(s(t))``, s a cubic spline through heights ``std * z``, z standard normal.

    Its first and last step stay, those between are interpolated linearly; all channels are moved alike, as they were
    recorded together. The authors' program draws a speed around 1 for each channel, which may fall below 0, and then
    time goes backwards; the exponential keeps it above.

    Args:
        std: of the logarithm of the speed at the knots, at least 0.
        knots: heights that are drawn for a series, evenly spaced from the first step to the last, at least 2. The
            authors' program takes 4 between the ends, so 6.

    Source: Um et al. 2017, "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks".
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY

    def __init__(self, std: Annotated[float, Ge(0)] = 0.2, knots: Annotated[int, Ge(2)] = 6) -> None:
        self.std, self.knots = std, knots

    def setup(self, fit: Fit) -> None:
        """Work out the spline."""
        self.pieces = spline_pieces(self.knots).to(fit.device)

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """See `SeriesTechnique.apply`."""
        heights = self.std * torch.randn(len(x), self.knots, 1, device=x.device)
        speed = curves(self.pieces, heights, last, x.shape[1]).squeeze(2).exp()
        return resampled(x, steps_at_speed(speed, last), last)
