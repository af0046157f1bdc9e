"""Noise on the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique, acts_early
from runner.engine.waveform import as_floats

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Noise(Technique):
    """Add ``std * z`` to every input value, z standard normal: tables, series, images and sounds alike.

    Args:
        std: at least 0, in units of the inputs, which are scaled before they get here; of a sound, whose samples are
            not, in units of its root mean square: 0.1 is a signal-to-noise ratio of 20 decibels.

    Source: Bishop 1995, "Training with Noise is Equivalent to Tikhonov Regularization".
    """

    slot: ClassVar[Slot] = Slot.NOISE
    takes: ClassVar[tuple[Kind, ...]] = ("table", "series", "image", "graph", "waveform")

    def __init__(self, std: Annotated[float, Ge(0)] = 0.1) -> None:
        self.std, self.sounds = std, False

    def setup(self, fit: Fit) -> None:
        """Look up whether the inputs are made of sounds."""
        self.sounds = acts_early(self, fit.spec.inputs)

    def on_batch(self, batch: Batch) -> Batch:
        """Change inputs ``(N, ...)``; the targets stay."""
        if self.sounds:
            waveforms = as_floats(batch.inputs)
            level = waveforms.square().mean(1, keepdim=True).sqrt()
            return batch.changed(torch.addcmul(waveforms, torch.randn_like(waveforms), level, value=self.std))
        z, lengths = torch.randn_like(batch.inputs), batch.more.get("lengths")
        if lengths is not None:  # of series of unequal length, behind which padding stays zero
            z *= (torch.arange(z.shape[1], device=z.device) < lengths[:, None])[..., None]
        return batch.changed(torch.add(batch.inputs, z, alpha=self.std))
