"""Some of the examples of a part, in an order of one's own; any of them more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move


@dataclass(frozen=True)
class RowsSplit(Split):
    """A view of another split.

    Attributes:
        split: whose examples they are; not a stream.
        rows: their numbers there ``(N,)`` int64, on the CPU.
    """

    split: Split
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        return self.split.read(self.rows[rows])

    def whole(self) -> Split:
        """The same examples, each in memory for itself where the other split is."""
        from runner.engine.split.tensors import TensorSplit

        inner = self.split.whole() if isinstance(self.split, RowsSplit) else self.split
        if not isinstance(inner, TensorSplit):
            return self
        batch = inner.read(self.rows)
        places = [inner.places[row] for row in self.rows.tolist()] if inner.places else ()
        return replace(inner, inputs=batch.inputs, targets=batch.targets, more=batch.more, places=places)

    def classes(self) -> Tensor:
        """See `Split.classes`."""
        return self.split.classes()[self.rows]

    @property
    def length_buckets(self) -> int:  # type: ignore[override]
        """As the other split has it."""
        return self.split.length_buckets

    def lengths(self) -> Tensor:
        """See `Split.lengths`."""
        return self.split.lengths()[self.rows]

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.split.place(int(self.rows[row]))

    def parted(self) -> tuple[Split, nn.Module | None]:
        """See `Split.parted`."""
        kept, scale = self.split.parted()
        return replace(self, split=kept), scale

    def for_learning(self) -> RowsSplit:
        """See `Split.for_learning`."""
        return replace(self, split=self.split.for_learning())

    def opened(self, device: torch.device, seed: int, num_workers: int) -> RowsSplit:
        """See `Split.opened`."""
        return replace(self, split=self.split.opened(device, seed, num_workers))

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`."""
        return self.split.batches(epoch, self.rows[rows], size, move)
