"""Examples that are read one by one while training, by worker processes."""

from __future__ import annotations

import errno
import multiprocessing.connection
import multiprocessing.queues
import os
import random
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from runner.engine.batch import Batch
from runner.engine.limits import NO_SHARED_MEMORY, out_of_shared_memory
from runner.engine.split.base import Split
from runner.engine.state import seed_for
from runner.errors import RunFailed, RunnerError

if TYPE_CHECKING:
    from runner.engine.split.base import Move

_NO_ROOM = 28  # exit status of a worker that finds none in shared memory

Collate = Callable[[Sequence[Any]], Batch]


def stacked(examples: Sequence[tuple[Tensor, Tensor]]) -> Batch:
    """Pairs of input and target, all of one shape, as a batch."""
    inputs, targets = (torch.stack([torch.as_tensor(part) for part in parts]) for parts in zip(*examples, strict=True))
    return Batch(inputs, targets)


@dataclass(frozen=True)
class DatasetSplit(Split):
    """Examples read one by one.

    Attributes:
        dataset: map-style; ``dataset[i]`` is an example: input and target, without the batch dimension, or whatever
            `collate` takes.
        size: number of examples.
        collate: makes a batch of a list of examples; they may differ in shape.
        place_of: tells where the example of a number comes from; None where that is not known.
        labels: the class of each ``(N,)`` int64, where it is known without reading them.
    """

    dataset: Dataset[Any]
    size: int
    collate: Collate = stacked
    place_of: Callable[[int], str] | None = None
    labels: Tensor | None = None
    _loader: _Loader | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return self.size

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        return self.collate([self.dataset[i] for i in rows.tolist()])

    def classes(self) -> Tensor:
        """See `Split.classes`; nothing is read where they are known."""
        return super().classes() if self.labels is None else self.labels

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.place_of(row) if self.place_of else ""

    def opened(self, device: torch.device, seed: int, num_workers: int) -> DatasetSplit:
        """With workers of its own."""
        return replace(self, _loader=_Loader(self, seed, num_workers, device.type == "cuda"))

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`. What an example draws is a function of (seed, epoch, number)."""
        if self._loader is None:
            return super().batches(epoch, rows, size, move)
        return move(self._loader.read(epoch, rows, size))


class _Seeded(Dataset[Any]):
    """A dataset whose random draws are a function of (seed, epoch, index), whichever worker reads the example."""

    def __init__(self, dataset: Dataset[Any], seed: int) -> None:
        self.dataset, self.seed = dataset, seed

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, index = key
        seed = seed_for(self.seed, "example", epoch, index)
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        return self.dataset[index]


class _Keys:
    """What a `DataLoader` is told to read: numbers with their epoch, a list for each batch."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _Loader:
    """A `DataLoader` that is told the epoch and the order instead of choosing them."""

    def __init__(self, split: DatasetSplit, seed: int, num_workers: int, pin_memory: bool) -> None:
        self.keys = _Keys()
        self.loader: DataLoader[Any] = DataLoader(
            _Seeded(split.dataset, seed),
            batch_sampler=self.keys,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            pin_memory=pin_memory,
            collate_fn=split.collate,
            worker_init_fn=_end_where_nothing_can_be_handed_over,
        )
        weakref.finalize(self, _stop, self.loader).atexit = False

    def read(self, epoch: int, order: Tensor, batch_size: int) -> Iterator[Batch]:
        self.keys.batches = [[(epoch, i) for i in part.tolist()] for part in order.split(batch_size)]
        try:
            yield from self.loader
        except RunnerError as error:
            if self.loader.num_workers == 0:
                raise
            sentence = str(error).splitlines()[-1]  # the rest is the worker's traceback
            raise type(error)(sentence.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")) from None
        except (OSError, EOFError, RuntimeError) as error:
            if self._found_no_room(error):
                raise RunFailed(NO_SHARED_MEMORY) from error
            raise

    def _found_no_room(self, error: Exception) -> bool:
        """Whether there was none in shared memory, for the queues or for what a worker wanted to hand over.

        Such a worker ends, and takes what it had handed over before and nobody had fetched with it.
        """
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return error.filename is None and self.loader.num_workers > 0
        workers = getattr(self.loader._iterator, "_workers", ())
        if workers:  # one may be just ending
            multiprocessing.connection.wait([worker.sentinel for worker in workers], timeout=1)
        return any(worker.exitcode == _NO_ROOM for worker in workers)


def _end_where_nothing_can_be_handed_over(worker: int) -> None:
    """Let a worker end that can't hand a batch over: Python would drop the batch, and the run wait for it for ever."""

    def end(error: Exception, batch: Any) -> None:
        if out_of_shared_memory(error):
            os._exit(_NO_ROOM)
        traceback.print_exception(error)
        os._exit(1)

    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(end)  # type: ignore[attr-defined]


def _stop(loader: DataLoader[Any]) -> None:
    """End the workers of a loader that nobody has any more.

    Were it left to the collection of the cycles that a run is part of, the queues that tell them would be closed first,
    and torch would wait five seconds for each of them.
    """
    loader._iterator = None
