"""The base of augmentations that move pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind

Padding = Literal["reflect", "replicate", "zeros"]


class ImageTechnique(Technique):
    """An augmentation that needs images.

    A subclass implements `draw_and_apply`: one draw per image, applied to the whole batch in few operations on its
    device, from the device's default generator, without waiting for the device.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[Kind, ...]] = ("image",)

    def on_batch(self, batch: Batch) -> Batch:
        """Change images ``(N, C, H, W)``; the targets, and the order of the images in memory, stay."""
        changed = self.draw_and_apply(batch.inputs)
        if batch.inputs.is_contiguous(memory_format=torch.channels_last):
            changed = changed.contiguous(memory_format=torch.channels_last)
        return batch.changed(changed)

    def draw_and_apply(self, inputs: Tensor) -> Tensor:
        """Changed images ``(N, C, H, W)``."""
        raise NotImplementedError
