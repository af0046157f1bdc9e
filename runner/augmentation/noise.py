"""Noise on the inputs."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique


class Noise(Technique):
    """Add ``std * z`` to every input value, z standard normal: tables, series and images alike.

    Args:
        std: at least 0, in units of the inputs, which are scaled before they get here.

    Source: Bishop 1995, "Training with Noise is Equivalent to Tikhonov Regularization".
    """

    slot: ClassVar[Slot] = Slot.NOISE
    takes: ClassVar[tuple[Kind, ...]] = ("table", "series", "image", "graph")

    def __init__(self, std: Annotated[float, Ge(0)] = 0.1) -> None:
        self.std = std

    def on_batch(self, batch: Batch) -> Batch:
        """Change inputs ``(N, ...)``; the targets stay."""
        return batch.changed(torch.add(batch.inputs, torch.randn_like(batch.inputs), alpha=self.std))
