"""Annotated images that are read while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from runner.data.annotated.labelled import Labelled
    from runner.data.image.files import Pixels


class AnnotatedFiles(Dataset[tuple[Tensor, Tensor]]):
    """Annotated images with their targets, read when asked for.

    Args:
        items: the images.
        pixels: scales them.
        read: gives the pixels and the target of one.
    """

    def __init__(
        self, items: Sequence[Labelled], pixels: Pixels, read: Callable[[Labelled], tuple[NDArray[Any], NDArray[Any]]]
    ) -> None:
        self.items, self.pixels, self.read = items, pixels, read

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, target = self.read(self.items[index])
        return self.pixels(image[None])[0], torch.from_numpy(target)
