"""Parts of series in place of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Gt, Le

from runner.augmentation.series.base import SeriesTechnique, resampled
from runner.engine.technique import Slot

if TYPE_CHECKING:
    from torch import Tensor


class WindowSlice(SeriesTechnique):
    """Cut a part out of each series, and stretch it back to the length: ``x'(t) = x(a + share * t)``.

    Its beginning ``a`` is drawn uniformly from all at which it lies within the series, between steps too; values are
    interpolated linearly, in all channels alike. The paper tests on slices as well, which vote; here the network is
    tested on whole series, and so is trained on slices that are as long.

    Args:
        share: of the series that is cut out, in (0, 1].

    Source: Le Guennec et al. 2016, "Data Augmentation for Time Series Classification using Convolutional Neural
        Networks".
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY

    def __init__(self, share: Annotated[float, Gt(0), Le(1)] = 0.9) -> None:
        self.share = share

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """See `SeriesTechnique.apply`."""
        start = torch.rand(len(x), 1, device=x.device) * (1 - self.share) * last
        return resampled(x, start + self.share * torch.arange(x.shape[1], device=x.device), last)
