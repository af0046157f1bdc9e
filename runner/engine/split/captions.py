"""Examples that are answered with sequences: images and what is written under them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.engine.split.base import Split
from runner.engine.split.sequences import answered

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move


@dataclass(frozen=True)
class CaptionSplit(Split):
    """Every caption is an example, with the image that it is of; an image with several is in as many examples.

    Attributes:
        images: the images; their targets count for nothing.
        of: the number of each caption's image ``(N,)`` int64, on the CPU.
        values: the tokens of all captions, one behind the other.
        offsets: where each begins, and the end of the last ``(N + 1,)``.
        padding: the token that fills up the decoder's inputs.
        start: the token in front of the decoder's inputs.
    """

    images: Split
    of: Tensor
    values: Tensor
    offsets: Tensor
    padding: int
    start: int

    def __len__(self) -> int:
        return len(self.of)

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.images.place(int(self.of[row]))

    def opened(self, device: torch.device, seed: int, num_workers: int) -> CaptionSplit:
        """See `Split.opened`."""
        return replace(self, images=self.images.opened(device, seed, num_workers))

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        return self._told(self.images.read(self.of[rows]), rows)

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`; images are read as their own split reads them best."""
        batches = self.images.batches(epoch, self.of[rows], size, move)
        for batch, part in zip(batches, rows.split(size), strict=True):
            yield self._told(batch, part)

    def _told(self, batch: Batch, rows: Tensor) -> Batch:
        told = answered(batch, self.values, self.offsets, rows, self.padding, self.start)
        return told.to(batch.inputs.device)
