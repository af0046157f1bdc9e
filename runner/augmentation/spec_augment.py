"""SpecAugment: masks on spectrograms, and a warp of their time."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor

from runner.augmentation.series.base import interpolated
from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique

Share = Annotated[float, Ge(0), Le(1)]


def masked(x: Tensor, start: Tensor, width: Tensor, dim: int, frames: Tensor | None = None) -> Tensor:
    """Spectrograms with some neighbouring frames or bands set to the mean of what each was before.

    Args:
        x: ``(N, ..., frames, bands)``.
        start: number of the first that is masked, of each spectrogram ``(N,)``.
        width: how many are ``(N,)``.
        dim: -2: frames, -1: bands.
        frames: that each has ``(N,)``; what is behind them is padding, which stays what it is and is no part of the
            mean. None: all.
    """
    places = torch.arange(x.shape[dim], device=x.device)
    inside = (places >= start[:, None]) & (places < (start + width)[:, None])  # (N, places)
    shape = [len(x), *[1] * (x.ndim - 1)]
    shape[dim] = -1
    inside, single = inside.view(shape), [1] * (x.ndim - 1)
    if frames is None:
        return x.where(~inside, x.flatten(1).mean(1).view(-1, *single))
    there = (torch.arange(x.shape[-2], device=x.device) < frames[:, None]).view(len(x), *single[2:], -1, 1)
    each = x[0].numel() // x.shape[-2]
    mean = x.where(there, 0).flatten(1).sum(1) / (frames * each)
    return x.where(~(inside & there), mean.view(-1, *single))


def warped(x: Tensor, centre: Tensor, by: Tensor, frames: Tensor | None = None) -> Tensor:
    """Spectrograms whose frame `centre` is moved `by` frames, first and last staying: linear in between.

    Args:
        x: ``(N, ..., frames, bands)``.
        centre: a frame of each ``(N,)``, as a float, so that ``0 < centre + by < frames - 1``.
        by: frames, to a later time where above 0 ``(N,)``.
        frames: that each has ``(N,)``; what is behind them is padding, which stays what it is. None: all.
    """
    places, centre, to = torch.arange(x.shape[-2], device=x.device), centre[:, None], (centre + by)[:, None]
    last = places[-1:] if frames is None else frames[:, None] - 1
    before, behind = places * centre / to, centre + (places - to) * (last - centre) / (last - to)
    source = torch.where(places < to, before, behind)
    return interpolated(x, source.where((places <= last) & (last > 0), places))


class SpecAugment(Technique):
    """Mask frames and bands of each spectrogram, each with draws of its own, and warp its time before.

    Masks may overlap. What is masked becomes the mean of the spectrogram. Of spectrograms of unequal length each is
    masked and warped within its own, and shares are of its own.

    Args:
        time_masks: masks of frames, at least 0.
        time_width: frames of one at most, as a share of all, in [0, 1].
        frequency_masks: masks of bands, at least 0.
        frequency_width: bands of one at most, as a share of all, in [0, 1].
        time_warp: how far a frame drawn from the middle is moved at most, as a share of the frames, in [0, 0.5).

    Source: Park et al. 2019, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition",
        section 2.
    """

    slot: ClassVar[Slot] = Slot.ERASE
    takes: ClassVar[tuple[Kind, ...]] = ("image", "series")

    def __init__(
        self,
        time_masks: Annotated[int, Ge(0)] = 2,
        time_width: Share = 0.15,
        frequency_masks: Annotated[int, Ge(0)] = 2,
        frequency_width: Share = 0.15,
        time_warp: Annotated[float, Ge(0), Lt(0.5)] = 0.0,
    ) -> None:
        self.time_masks, self.time_width = time_masks, time_width
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width
        self.time_warp = time_warp

    def on_batch(self, batch: Batch) -> Batch:
        """Change spectrograms ``(N, 1, frames, bands)`` or ``(N, frames, bands)``; the targets stay."""
        x, lengths = batch.inputs, batch.more.get("lengths")
        frames: int | Tensor = x.shape[-2] if lengths is None else lengths
        reach = self.time_warp * (frames - 1)
        if self.time_warp:
            draw, by = torch.rand(2, len(x), device=x.device)
            x = warped(x, reach + draw * (frames - 1 - 2 * reach), (2 * by - 1) * 0.99 * reach, lengths)
        for count, share, size, dim in (
            (self.time_masks, self.time_width, frames, -2),
            (self.frequency_masks, self.frequency_width, x.shape[-1], -1),
        ):
            for draw, place in torch.rand(count, 2, len(x), device=x.device):
                width = (draw * ((share * size) // 1 + 1)).floor()
                x = masked(x, (place * (size - width + 1)).floor(), width, dim, lengths)
        return batch.changed(x)
