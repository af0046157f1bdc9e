"""Examples that come as they come: a stream too long to list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.split.base import Split
from runner.engine.split.files import Collate, stacked

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move


@dataclass(frozen=True)
class StreamSplit(Split):
    """A stream of examples, of which every epoch takes the next `size`.

    A run that is resumed asks for the stream of its epoch from its place on.

    Attributes:
        examples: gives the examples of an epoch from a number on, the same ones whenever it is asked: ``(epoch,
            start)``. Whoever can't jump skips.
        size: examples of an epoch.
        collate: makes a batch of a list of examples.
    """

    listed: ClassVar[bool] = False

    examples: Callable[[int, int], Iterator[Any]]
    size: int
    collate: Collate = stacked

    def __len__(self) -> int:
        return self.size

    def read(self, rows: Tensor) -> Batch:
        """The examples from the first number to the last, of the first epoch."""
        numbers = rows.tolist()
        return self.collate(list(islice(self.examples(0, numbers[0]), len(numbers))))

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`; `rows` ascend without a gap."""
        stream = self.examples(epoch, int(rows[0]) if len(rows) else 0)
        return move(self.collate(list(islice(stream, len(part)))) for part in rows.split(size))
