"""The bases of augmentations of images: those that move pixels, and those that change their colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Le

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.spec import Field, Kind

Padding = Literal["reflect", "replicate", "zeros"]
Probability = Annotated[float, Ge(0), Le(1)]


def uniform(low: float, high: float, like: Tensor) -> Tensor:
    """A number for each of the images `like` ``(N, ...)``, drawn uniformly from [low, high): ``(N,)``."""
    return torch.rand(len(like), device=like.device) * (high - low) + low


def in_range(key: str, values: tuple[float, float], least: float, most: float = float("inf")) -> tuple[float, float]:
    """A range that a user set.

    Raises:
        ConfigError: its ends are in the wrong order, or it reaches beyond [least, most].
    """
    low, high = values
    if not least <= low <= high <= most:
        bounds = f"at least {least:g}" if most == float("inf") else f"in [{least:g}, {most:g}]"
        raise ConfigError(f"augmentation.{key}={[low, high]}: expected the smallest and the largest, {bounds}.")
    return values


class PixelValues:
    """Between inputs, as they are scaled, and pixels in [0, 1].

    Args:
        images: what the spec says of the inputs; where it has no mean and deviation, they are pixels already.
        device: where they are.
    """

    def __init__(self, images: Field, device: torch.device) -> None:
        scaled = [values for values in (images.mean, images.std) if values]
        self.scale = [torch.tensor(values, device=device).view(-1, 1, 1) for values in scaled]

    def of(self, inputs: Tensor) -> Tensor:
        """Pixels ``(N, C, H, W)`` in [0, 1], a copy."""
        if not self.scale:
            return inputs.clamp(0.0, 1.0)
        mean, std = self.scale
        return torch.addcmul(mean, inputs, std).clamp_(0.0, 1.0)

    def back(self, pixels: Tensor) -> Tensor:
        """Inputs from pixels, which may be written into."""
        if not self.scale:
            return pixels
        mean, std = self.scale
        return pixels.sub_(mean).div_(std)


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
    sides: tuple[int, ...] = ()

    def setup(self, fit: Fit) -> None:
        """Look up what the targets are; a subclass that needs the size of the images calls this too."""
        targets = fit.spec.targets
        moves = {"mask": self.apply_to_mask, "boxes": self.apply_to_boxes, "instances": self.apply_to_instances}
        self.follows = moves.get(targets.kind) if targets else None
        self.sides = fit.spec.input_shape[1:] if targets and targets.kind == "instances" else ()

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

    def apply_to_instances(self, targets: Tensor, *draws: Any) -> Tensor:
        """Boxes with masks ``(N, M, 5 + H * W)``: as boxes and masks are; a pixel outside belongs to no thing."""
        boxes = self.apply_to_boxes(targets[..., :5], *draws)
        masks = targets[..., 5:].unflatten(2, self.sides).unbind(1)
        moved = torch.stack([self.apply_to_mask(mask, *draws) for mask in masks], 1).clamp(min=0)
        return torch.cat([boxes, moved.flatten(2)], 2)


class ColourTechnique(ImageTechnique):
    """An augmentation that changes the values of pixels, each image with probability `p`.

    `apply` is given pixels in [0, 1], whatever the scaling of the inputs, and gives such, in these or in
    a tensor of its own. Where all images are changed, it may move pixels too.

    Args:
        p: share of the images that are changed; all of them where a subclass takes no such argument.
    """

    slot: ClassVar[Slot] = Slot.COLOUR
    p: float = 1.0

    def __init__(self, p: Probability = 0.5) -> None:
        self.p = p

    def setup(self, fit: Fit) -> None:
        """Look up how the inputs were scaled."""
        super().setup(fit)
        assert fit.spec.inputs is not None
        self.values = PixelValues(fit.spec.inputs, fit.device)

    def on_batch(self, batch: Batch) -> Batch:
        """Change images ``(N, C, H, W)``; those that are not chosen stay as they are, to the bit."""
        inputs = batch.inputs
        chosen = None if self.p == 1 else torch.rand(len(inputs), device=inputs.device) < self.p
        draws = self.draw(inputs)
        changed = self.values.back(self.apply(self.values.of(inputs), *draws)).to(inputs.dtype)
        if chosen is not None:
            changed = torch.where(chosen[:, None, None, None], changed, inputs)
        if inputs.is_contiguous(memory_format=torch.channels_last):
            changed = changed.contiguous(memory_format=torch.channels_last)
        return batch.changed(changed, None if self.follows is None else self.follows(batch.targets, *draws))

    def draw(self, inputs: Tensor) -> tuple[Any, ...]:
        """See `ImageTechnique.draw`; nothing, unless overridden."""
        return ()
