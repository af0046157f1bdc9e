"""Shifts of sounds in time."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique
from runner.engine.waveform import as_floats


def shift_in_time(waveforms: Tensor, by: Tensor) -> Tensor:
    """Sounds that come later (or earlier): ``x'[t] = x[t - s]``, silence where nothing is left.

    Args:
        waveforms: ``(N, samples)``.
        by: samples that each is moved by ``(N,)`` int64, below 0: to an earlier time.

    Returns:
        ``(N, samples)``.
    """
    length = waveforms.shape[1]
    source = torch.arange(length, device=waveforms.device) - by[:, None]
    moved = waveforms.gather(1, source.clamp(0, length - 1))
    return moved.where((source >= 0) & (source < length), 0.0)


class TimeShift(Technique):
    """Move each sound in time by up to `limit` of its length, either way; silence follows.

    Args:
        limit: share of the clip, in [0, 1].

    Source: Piczak 2015, "Environmental Sound Classification with Convolutional Neural Networks", section 2.2.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[Kind, ...]] = ("waveform",)

    def __init__(self, limit: Annotated[float, Ge(0), Le(1)] = 0.1) -> None:
        self.limit = limit

    def on_batch(self, batch: Batch) -> Batch:
        """Change waveforms ``(N, samples)``; the targets stay."""
        waveforms = as_floats(batch.inputs)
        reach = round(self.limit * waveforms.shape[1])
        by = torch.randint(-reach, reach + 1, (len(waveforms),), device=waveforms.device)
        return batch.changed(shift_in_time(waveforms, by))
