"""Micro-batches on the device, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from runner.engine.split import DatasetSplit, Split, TensorSplit
from runner.engine.state import seed_for
from runner.errors import ConfigError, RunnerError, counted

Batch = tuple[Tensor, Tensor]

# Examples are gathered in the epoch's order this many bytes at a time: one gather serves many batches, which are
# then views, and memory grows by this much instead of by a second copy of the data.
_GATHER_BYTES = 32 * 2**20


class Batches:
    """The micro-batches of a split.

    Args:
        split: the examples.
        batch_size: examples per micro-batch.
        device: where batches are wanted.
        accumulate: micro-batches per update.
        drop_last: leave out a last micro-batch that is not full.
        least: smallest micro-batch that the network can be trained on (2 with batch normalization); smaller ones
            are left out, and as the order changes every epoch, no example is always the one.
        limit: updates per epoch; None for all.
        reshuffle: draw another order in every epoch; else every epoch is the first one again.
        seed: the run's seed.
        channels_last: give images in channels-last memory format.
        num_workers: worker processes, for splits that are read while training.

    Attributes:
        per_update: examples per update.
        updates_per_epoch: updates per epoch, at the present size.
        growth: present size of a micro-batch as a multiple of the first; see `grow`.
        growing: whether it may change.
    """

    growing = False

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device: torch.device,
        *,
        accumulate: int = 1,
        drop_last: bool = False,
        least: int = 1,
        limit: int | None = None,
        reshuffle: bool = True,
        seed: int = 0,
        channels_last: bool = False,
        num_workers: int = 0,
    ) -> None:
        self.size, self.first_size, self.accumulate = len(split), batch_size, accumulate
        self.drop_last, self.least, self.limit = drop_last, least, limit
        self.reshuffle = reshuffle
        self.device, self.seed = device, seed
        self.channels_last = channels_last
        self.format = torch.channels_last if channels_last else torch.preserve_format
        self.grow(1)
        if isinstance(split, TensorSplit):
            self.tensors: Batch | None = self._resident(split)
        else:
            self.tensors = None
            self.loader = _Loader(split, seed, num_workers, device.type == "cuda")

    def grow(self, growth: int) -> None:
        """Make micro-batches `growth` times as large as the first; between epochs. The order stays what it is.

        Raises:
            ConfigError: there are too few examples for a batch.
        """
        self.growth, self.batch_size = growth, self.first_size * growth
        left = self.size % self.batch_size
        whole = self.size - left if left and (self.drop_last or left < self.least) else self.size
        self.per_update = self.batch_size * self.accumulate
        updates = -(-whole // self.per_update)
        limit = None if self.limit is None else max(1, self.limit // growth)
        if limit is not None and limit < updates:
            updates, whole = limit, limit * self.per_update
        if not updates:
            raise ConfigError(
                f"data.batch_size={self.batch_size}: {counted(self.size, 'example')} give no batch. Choose a "
                f"smaller batch size{' or data.drop_last=false' if self.drop_last else ''}."
            )
        self.updates_per_epoch, self.whole = updates, whole

    def _resident(self, split: TensorSplit) -> Batch:
        inputs, targets = split.inputs, split.targets
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            if inputs.nbytes > free // 2:  # stays on the host; gathered parts travel
                return inputs, targets
        return inputs.to(self.device), targets.to(self.device)

    def order(self, epoch: int) -> Tensor:
        """The order of the examples in `epoch`: indices ``(size,)`` on the CPU."""
        generator = torch.Generator().manual_seed(seed_for(self.seed, "order", epoch))
        return torch.randperm(self.size, generator=generator)

    def updates(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """The updates of `epoch` from number `start` on, each a list of micro-batches in random order."""
        if start >= self.updates_per_epoch:  # torch splits nothing into one empty part, not into none
            return
        if not self.reshuffle:
            epoch = 0
        order = self.order(epoch)[start * self.per_update : self.whole]
        batches = self._gathered(order) if self.tensors is not None else self._read(epoch, order)
        if self.accumulate == 1:
            for batch in batches:
                yield [batch]
            return
        update: list[Batch] = []
        for batch in batches:
            update.append(batch)
            if len(update) == self.accumulate:
                yield update
                update = []
        if update:
            yield update

    def in_order(self) -> Iterator[Batch]:
        """All micro-batches once, in the order of the split: for evaluation."""
        if self.tensors is None:
            yield from self._read(0, torch.arange(self.whole))
            return
        inputs, targets = self.tensors
        for start in range(0, self.whole, self.batch_size):
            part = slice(start, min(start + self.batch_size, self.whole))
            yield self._moved((inputs[part], targets[part]))

    def _read(self, epoch: int, order: Tensor) -> Iterator[Batch]:
        return (self._moved(batch) for batch in self.loader.read(epoch, order, self.batch_size))

    def _gathered(self, order: Tensor) -> Iterator[Batch]:
        assert self.tensors is not None
        inputs, targets = self.tensors
        per_example = max(1, inputs[:1].nbytes)
        batches = max(1, _GATHER_BYTES // (per_example * self.batch_size))
        for part in order.split(batches * self.batch_size):
            index = part.to(inputs.device)
            some, their = self._moved((inputs.index_select(0, index), targets.index_select(0, index)))
            yield from zip(some.split(self.batch_size), their.split(self.batch_size), strict=True)

    def _moved(self, batch: Batch) -> Batch:
        inputs, targets = batch
        inputs = inputs.to(self.device, non_blocking=True, memory_format=self.format)
        return inputs, targets.to(self.device, non_blocking=True)


class _Seeded(Dataset[tuple[Tensor, Tensor]]):
    """A dataset whose random draws are a function of (seed, epoch, index), whichever worker reads the example."""

    def __init__(self, dataset: Dataset[tuple[Tensor, Tensor]], seed: int) -> None:
        self.dataset, self.seed = dataset, seed

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        seed = seed_for(self.seed, "example", epoch, index)
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        return self.dataset[index]


class _Loader:
    """A `DataLoader` that is told the epoch and the order instead of choosing them."""

    def __init__(self, split: DatasetSplit, seed: int, num_workers: int, pin_memory: bool) -> None:
        self.keys: list[list[tuple[int, int]]] = []
        self.loader: DataLoader[Any] = DataLoader(
            _Seeded(split.dataset, seed),
            batch_sampler=self,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            pin_memory=pin_memory,
        )

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, epoch: int, order: Tensor, batch_size: int) -> Iterator[Batch]:
        self.keys = [[(epoch, i) for i in part.tolist()] for part in order.split(batch_size)]
        try:
            yield from self.loader
        except RunnerError as error:
            if self.loader.num_workers == 0:
                raise
            sentence = str(error).splitlines()[-1]  # the rest is the worker's traceback
            raise type(error)(sentence.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")) from None
