"""Series whose parts come in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.augmentation.series.base import SeriesTechnique
from runner.engine.technique import Slot
from runner.model.layers.recurrent import at_steps

if TYPE_CHECKING:
    from torch import Tensor


def reordered(x: Tensor, ranks: Tensor, count: Tensor, last: Tensor) -> Tensor:
    """Series cut into segments that come in another order.

    Args:
        x: ``(N, T, F)``.
        ranks: of each segment ``(N, S)``, as numbers of any kind: those with smaller ones come first.
        count: segments of each series ``(N, 1)`` int64, at most S; of equal length but for rounding.
        last: number of the last step of each ``(N, 1)`` int64, or ``(1, 1)``; padding stays behind it.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    segment = (steps * count // (last + 1)).minimum(count - 1)
    key = ranks.gather(1, segment).masked_fill(steps > last, float("inf"))
    return at_steps(x, key.argsort(dim=1, stable=True))


class Permutation(SeriesTechnique):
    """Cut each series into n segments of equal length, ``n ~ U{1..segments}``, and put them in a random order.

    All channels are moved alike. For series whose class is told by what happens, not by when.

    Args:
        segments: at most, at least 1, which changes nothing.

    Source: Um et al. 2017, "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks".
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY

    def __init__(self, segments: Annotated[int, Ge(1)] = 5) -> None:
        self.segments = segments

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """See `SeriesTechnique.apply`."""
        count = torch.randint(1, self.segments + 1, (len(x), 1), device=x.device)
        return reordered(x, torch.rand(len(x), self.segments, device=x.device), count, last)
