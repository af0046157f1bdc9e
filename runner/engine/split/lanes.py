"""A stream read in lanes side by side, each going on in a batch where it was in the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch

from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move
    from runner.engine.split.windows import WindowSplit


@dataclass(frozen=True)
class LaneSplit(Split):
    """The windows of a stream, in batches of which each goes on where the one before ended.

    With batches of N, the stream is cut into N lanes of as many windows each; batch k has window k of every lane. The
    network is told beside, as `begins` ``(N,)``, whether a lane begins here. The order is that of the stream in every
    epoch. What is left when the lanes are cut is not trained with; in evaluation it comes last, with a state of zeros.
    Windows that are read by their numbers stand for themselves: nothing says `begins`.

    Attributes:
        windows: side by side, without overlap.
    """

    contiguous: ClassVar[bool] = True
    windows: WindowSplit

    def __len__(self) -> int:
        return len(self.windows)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        return self.windows.read(rows)

    def order(self, generator: torch.Generator) -> Tensor:
        """See `Split.order`; as they stand."""
        return torch.arange(len(self))

    def opened(self, device: torch.device, seed: int, num_workers: int) -> LaneSplit:
        """See `Split.opened`."""
        return replace(self, windows=self.windows.opened(device, seed, num_workers))

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`; `rows` of the order above say how many there are, and which is the first."""
        first = int(rows[0]) if len(rows) else 0
        if first % size or not torch.equal(rows, torch.arange(first, first + len(rows))):
            return super().batches(epoch, rows, size, move)  # drawn ones, which do not follow each other
        return move(self._lanes(first // size, len(rows), size))

    def _lanes(self, first: int, count: int, size: int) -> Iterator[Batch]:
        lanes = torch.arange(size) * (len(self) // size)
        for window in range(first, first + count // size):
            batch = self.windows.read(lanes + window)
            begins = torch.full((size,), window == 0, device=batch.inputs.device)
            yield replace(batch, more={**batch.more, "begins": begins})
        if left := count % size:
            yield self.windows.read(torch.arange(len(self) - left, len(self)))
