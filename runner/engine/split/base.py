"""What every form of examples has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

import torch

from runner.engine.state import seed_for

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.engine.batch import Batch

    Move = Callable[[Iterable[Batch]], Iterator[Batch]]


class Split:
    """The examples of one part, numbered from 0.

    Subclasses implement `__len__` and `read`; those that know a faster way override `batches` too.

    Attributes:
        listed: whether any example can be read at any time. Where not, they come as they come, in every epoch anew.
        contiguous: whether batches go on where the one before ended, all of one size.
        length_buckets: how many training batches are put together by length at a time; 0: none. See `by_length`.
    """

    listed: ClassVar[bool] = True
    contiguous: ClassVar[bool] = False
    length_buckets: int = 0

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, rows: Tensor) -> Batch:
        """The examples numbered `rows` ``(N,)`` int64 (on the CPU), in that order, on whatever device they are."""
        raise NotImplementedError

    def classes(self) -> Tensor:
        """The class of each example, int64 ``(N,)`` on the CPU; every example is read once.

        Of a classification only.
        """
        return torch.cat([self.read(rows).targets.cpu() for rows in torch.arange(len(self)).split(1024)])

    def order(self, generator: torch.Generator) -> Tensor:
        """The order of the examples in an epoch: their numbers ``(N,)`` on the CPU; as they come in a stream."""
        return torch.randperm(len(self), generator=generator) if self.listed else torch.arange(len(self))

    def lengths(self) -> Tensor:
        """Steps of each example ``(N,)``, on the CPU; only where there are `length_buckets`."""
        raise NotImplementedError

    def place(self, row: int) -> str:
        """Where an example comes from, such as the path of its file; empty where that is not known."""
        return ""

    def series(self) -> tuple[tuple[str, ...], Tensor] | None:
        """Names of the series that examples are cut from, and the number of that of each ``(N,)``, on the CPU.

        None where there are not several.
        """
        return None

    def parted(self) -> tuple[Split, nn.Module | None]:
        """The examples as they are kept, and what makes inputs of theirs; None where inputs are kept."""
        return self, None

    def for_learning(self) -> Split:
        """The same examples as they are learnt from, where they are scored as something else."""
        return self

    def opened(self, device: torch.device, seed: int, num_workers: int) -> Split:
        """The same examples ready for a run: moved to its device where they fit, with workers where they are files.

        Args:
            device: where batches are wanted.
            seed: the run's seed, for examples that are drawn as they are read.
            num_workers: processes that read.
        """
        return self

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """Micro-batches from some examples, on the device.

        Args:
            epoch: number of the epoch, from 0, for examples that are drawn as they are read.
            rows: numbers of the examples ``(N,)``, in the order wanted.
            size: examples per micro-batch; the last may be smaller.
            move: brings batches to the device; called where it costs least.
        """
        return move(self.read(part) for part in rows.split(size))

    def in_order(self, size: int, move: Move) -> Iterator[Batch]:
        """All examples as they stand, in micro-batches: for evaluation."""
        return self.batches(0, torch.arange(len(self)), size, move)

    def sample(self, number: int, seed: int) -> Batch:
        """So many examples (or all, when there are fewer), drawn without repetition: for what is measured before a run.

        Drawn, as the rows of a file are often sorted by class.
        """
        return self.read(self.drawn(number, seed))

    def drawn(self, number: int, seed: int) -> Tensor:
        """Numbers of so many examples, ascending; of a stream the first ones."""
        if not self.listed:
            return torch.arange(min(number, len(self)))
        generator = torch.Generator().manual_seed(seed_for(seed, "sample"))
        return torch.randperm(len(self), generator=generator)[:number].sort().values
