"""The base of augmentations that move pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit

Padding = Literal["reflect", "replicate", "zeros"]


class ImageTechnique(Technique):
    """An augmentation that needs images.

    A subclass implements `draw_and_apply`: one draw per image, applied to the whole batch in few operations on its
    device, from the device's default generator, without waiting for the device.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[str, ...]] = ("images",)

    def setup(self, fit: Fit) -> None:
        """Check that the inputs are images.

        Raises:
            ConfigError: they are not.
        """
        shape = fit.spec.input_shape
        if len(shape) != 3:
            raise ConfigError(
                f"augmentation={self.name}: the inputs of this data have shape {shape}, expected images (channels, "
                f"height, width). Leave {self.name} out; noise works with any inputs."
            )

    def on_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Change images ``(N, C, H, W)``; the targets, and the order of the images in memory, stay."""
        changed = self.draw_and_apply(inputs)
        if inputs.is_contiguous(memory_format=torch.channels_last):
            changed = changed.contiguous(memory_format=torch.channels_last)
        return changed, targets

    def draw_and_apply(self, inputs: Tensor) -> Tensor:
        """Changed images ``(N, C, H, W)``."""
        raise NotImplementedError
