"""The base of augmentations of series, and steps that are looked up between steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from runner.engine.technique import Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind


def interpolated(x: Tensor, source: Tensor) -> Tensor:
    """Values at places between frames, on lines between their neighbours.

    Args:
        x: ``(N, ..., frames, bands)``: series or spectrograms.
        source: where each frame of the answer is looked up ``(N, frames)``, in frames from 0; those outside are the
            first and the last. Floats of 32 bits at least, whatever `x` is: a place must not be rounded.
    """
    last = x.shape[-2] - 1
    source = source.clamp(0, last)
    low = source.floor()
    shape = (len(x), *[1] * (x.ndim - 3), last + 1, 1)
    share, index = (source - low).view(shape).to(x.dtype), low.long().view(shape).expand_as(x)
    return torch.lerp(x.gather(-2, index), x.gather(-2, (index + 1).clamp(max=last)), share)


def resampled(x: Tensor, source: Tensor, last: Tensor) -> Tensor:
    """Series whose steps are looked up elsewhere within them; padding stays what it is.

    Args:
        x: ``(N, T, F)``.
        source: where each step is looked up ``(N, T)``, in steps from 0; behind the last step it counts for nothing.
        last: see `SeriesTechnique.apply`.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    return interpolated(x, source.minimum(last).where(steps <= last, steps))


class SeriesTechnique(Technique):
    """An augmentation of whole series ``(N, T, F)``, of each on its own, on their device and without waiting for it.

    Series of unequal length keep theirs, and the padding behind them stays zero. A subclass implements `apply`.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("series",)
    not_for: ClassVar[dict[str, str]] = {
        "forecasting": "what comes next goes on from the series as it was, not from one that is changed"
    }

    def on_batch(self, batch: Batch) -> Batch:
        """Change series ``(N, T, F)``; the targets and the lengths stay."""
        x, lengths = batch.inputs, batch.more.get("lengths")
        if lengths is None:
            lengths = torch.full((1,), x.shape[1], device=x.device)
        return batch.changed(self.apply(x, lengths[:, None] - 1))

    def apply(self, x: Tensor, last: Tensor) -> Tensor:
        """Changed series ``(N, T, F)``.

        Args:
            x: ``(N, T, F)``.
            last: number of the last step of each ``(N, 1)`` int64; ``(1, 1)`` where all are of one length.
        """
        raise NotImplementedError
