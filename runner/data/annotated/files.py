"""Annotated images that are read while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from runner.data.annotated.labelled import Labelled


class AnnotatedFiles(Dataset[tuple[Tensor, Tensor]]):
    """Annotated images, a byte for each value, with their targets, read when asked for.

    Args:
        items: the images.
        read: gives the pixels and the target of one.
    """

    def __init__(
        self, items: Sequence[Labelled], read: Callable[[Labelled], tuple[NDArray[Any], NDArray[Any]]]
    ) -> None:
        self.items, self.read = items, read

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, target = self.read(self.items[index])
        return torch.from_numpy(np.ascontiguousarray(image)), torch.from_numpy(target)
