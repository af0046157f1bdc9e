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


def masked(x: Tensor, start: Tensor, width: Tensor, dim: int) -> Tensor:
    """Spectrograms with some neighbouring frames or bands set to the mean of what each was before.

    Args:
        x: ``(N, ..., frames, bands)``.
        start: number of the first that is masked, of each spectrogram ``(N,)``.
        width: how many are ``(N,)``.
        dim: -2: frames, -1: bands.
    """
    places = torch.arange(x.shape[dim], device=x.device)
    inside = (places >= start[:, None]) & (places < (start + width)[:, None])  # (N, places)
    shape = [len(x), *[1] * (x.ndim - 1)]
    shape[dim] = -1
    return x.where(~inside.view(shape), x.flatten(1).mean(1).view(-1, *[1] * (x.ndim - 1)))


def warped(x: Tensor, centre: Tensor, by: Tensor) -> Tensor:
    """Spectrograms whose frame `centre` is moved `by` frames, first and last staying: linear in between.

    Args:
        x: ``(N, ..., frames, bands)``.
        centre: a frame of each ``(N,)``, as a float, so that ``0 < centre + by < frames - 1``.
        by: frames, to a later time where above 0 ``(N,)``.
    """
    last = x.shape[-2] - 1
    frames, centre, to = torch.arange(last + 1, device=x.device), centre[:, None], (centre + by)[:, None]
    before, behind = frames * centre / to, centre + (frames - to) * (last - centre) / (last - to)
    return interpolated(x, torch.where(frames < to, before, behind))


class SpecAugment(Technique):
    """Mask frames and bands of each spectrogram, each with draws of its own, and warp its time before.

    Masks may overlap. What is masked becomes the mean of the spectrogram.

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
        x = batch.inputs
        reach = self.time_warp * (x.shape[-2] - 1)
        if reach:
            draw, by = torch.rand(2, len(x), device=x.device)
            x = warped(x, reach + draw * (x.shape[-2] - 1 - 2 * reach), (2 * by - 1) * 0.99 * reach)
        for count, share, dim in (
            (self.time_masks, self.time_width, -2),
            (self.frequency_masks, self.frequency_width, -1),
        ):
            size = x.shape[dim]
            for draw, place in torch.rand(count, 2, len(x), device=x.device):
                width = (draw * (int(share * size) + 1)).floor()
                x = masked(x, (place * (size - width + 1)).floor(), width, dim)
        return batch.changed(x)
