"""Loudness of sounds."""

from __future__ import annotations

from typing import ClassVar

from runner.augmentation.base import in_range, uniform
from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique
from runner.engine.waveform import as_floats


class Gain(Technique):
    """Multiply each sound by ``10^(g / 20)``, g drawn from `decibels`; nothing is cut off, however loud it gets.

    Args:
        decibels: the least and the most, within ±100; 6 more is about twice the amplitude.

    Raises:
        ConfigError: `decibels` are in the wrong order, or too many.

    Source: Schlüter and Grill 2015, "Exploring Data Augmentation for Improved Singing Voice Detection with Neural
        Networks", section 3.2.
    """

    slot: ClassVar[Slot] = Slot.COLOUR
    takes: ClassVar[tuple[Kind, ...]] = ("waveform",)

    def __init__(self, decibels: tuple[float, float] = (-10.0, 10.0)) -> None:
        self.decibels = in_range("gain.decibels", decibels, -100.0, 100.0)

    def on_batch(self, batch: Batch) -> Batch:
        """Change waveforms ``(N, samples)``; the targets stay."""
        factors = 10.0 ** (uniform(*self.decibels, batch.inputs) / 20)
        return batch.changed(as_floats(batch.inputs) * factors[:, None])
