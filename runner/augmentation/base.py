"""The base of augmentations that move pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.spec import Kind

Padding = Literal["reflect", "replicate", "zeros"]


class ImageTechnique(Technique):
    """An augmentation that needs images.

    A subclass implements `draw`: what happens to each image, from the device's default generator, and `apply`, which
    does it to the whole batch in few operations on its device. Neither waits for the device. One that moves pixels
    implements `apply_to_mask` and `apply_to_boxes` as well, for targets that say where things are; classes and values
    stay, whatever is done to the image.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    follows: Callable[..., Tensor] | None = None

    def setup(self, fit: Fit) -> None:
        """Look up what the targets are; a subclass that needs the size of the images calls this too."""
        targets = fit.spec.targets
        self.follows = {"mask": self.apply_to_mask, "boxes": self.apply_to_boxes}.get(targets.kind) if targets else None

    def on_batch(self, batch: Batch) -> Batch:
        """Change images ``(N, C, H, W)``, and masks and boxes with them; the order of the images in memory stays."""
        draws = self.draw(batch.inputs)
        changed = self.apply(batch.inputs, *draws)
        if batch.inputs.is_contiguous(memory_format=torch.channels_last):
            changed = changed.contiguous(memory_format=torch.channels_last)
        return batch.changed(changed, None if self.follows is None else self.follows(batch.targets, *draws))

    def draw(self, inputs: Tensor) -> tuple[Any, ...]:
        """What is done to each of the images ``(N, C, H, W)``: the further arguments of the other methods."""
        raise NotImplementedError

    def apply(self, inputs: Tensor, *draws: Any) -> Tensor:
        """Changed images ``(N, C, H, W)``."""
        raise NotImplementedError

    def apply_to_mask(self, mask: Tensor, *draws: Any) -> Tensor:
        """Masks ``(N, H, W)`` that go with the changed images; the same, unless overridden.

        A pixel that lies outside of the image as it was, and is filled with zeros, is `IGNORED`.
        """
        return mask

    def apply_to_boxes(self, boxes: Tensor, *draws: Any) -> Tensor:
        """Boxes ``(N, M, 5)`` that go with the changed images; the same, unless overridden."""
        return boxes
