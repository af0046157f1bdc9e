"""Micro-batches on the device, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.prefetch import prefetched
from runner.engine.ranks.base import Ranks
from runner.engine.split import Split
from runner.engine.split.sequences import by_length
from runner.engine.state import seed_for
from runner.errors import ConfigError, counted


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
        early: whether techniques change examples before inputs are made of them; see `Split.parted`.
        ranks: processes that share every micro-batch, whose size stays what it is: rank r of n takes its examples r,
            r + n, r + 2n, ... Of fewer examples than ranks everyone takes all, and rank 0 counts them.

    Attributes:
        per_update: examples per update.
        updates_per_epoch: updates per epoch, at the present size.
        whole: examples per epoch, those left out not counted.
        growth: present size of a micro-batch as a multiple of the first; see `grow`.
        growing: whether it may change.
        scale: what makes inputs of the examples of `updates` where they come as they are kept; None: they are inputs.
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
        early: bool = False,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.size, self.first_size, self.accumulate = len(split), batch_size, accumulate
        self.drop_last, self.least, self.limit = drop_last, least, limit
        self.reshuffle = reshuffle
        self.device, self.seed = device, seed
        self.channels_last = channels_last
        self.grow(1)
        self.split = split.opened(device, seed, num_workers)
        self.kept, self.scale = self.split.parted() if early else (self.split, None)

    def grow(self, growth: int) -> None:
        """Make micro-batches `growth` times as large as the first; between epochs. The order stays what it is.

        Raises:
            ConfigError: there are too few examples for a batch.
        """
        self.growth, self.batch_size = growth, self.first_size * growth
        if self.batch_size < self.ranks.world:
            raise ConfigError(
                f"data.batch_size={self.batch_size}: is of the whole run, and {self.ranks.world} processes share it. "
                f"Give at least {self.ranks.world}."
            )
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

    def order(self, epoch: int) -> Tensor:
        """The order of the examples in `epoch`: see `Split.order` and `by_length`."""
        generator = torch.Generator().manual_seed(seed_for(self.seed, "order", epoch))
        rows, window = self.split.order(generator), self.split.length_buckets
        return by_length(rows, self.split.lengths(), self.batch_size, window, generator) if window else rows

    def read(self, rows: Tensor, kept: bool = False) -> Batch:
        """The examples numbered `rows` ``(N,)`` as one batch on the device; `kept` as in `updates`."""
        return self._moved((self.kept if kept else self.split).read(rows))

    def updates(self, epoch: int, start: int = 0, kept: bool = False) -> Iterator[list[Batch]]:
        """The updates of `epoch` from number `start` on, each a list of micro-batches in random order.

        Args:
            epoch: from 0.
            start: updates that are left out.
            kept: give examples as they are kept, of which `Fit.changes` makes inputs, where techniques change those.
        """
        if start >= self.updates_per_epoch:  # torch splits nothing into one empty part, not into none
            return
        if not self.reshuffle:
            epoch = 0
        rows = self.order(epoch)[start * self.per_update : self.whole]
        split = self.kept if kept else self.split
        batches = self._batches(split, epoch, rows)
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

    def _batches(self, split: Split, epoch: int, rows: Tensor) -> Iterator[Batch]:
        if self.ranks.world == 1:
            return split.batches(epoch, rows, self.batch_size, self._on_device)
        return self._shared(split, epoch, rows)

    def _shared(self, split: Split, epoch: int, rows: Tensor) -> Iterator[Batch]:
        rank, world = self.ranks.rank, self.ranks.world
        left = len(rows) % self.batch_size
        whole, last = rows[: len(rows) - left], rows[len(rows) - left :]
        own = whole.view(-1, self.batch_size)[:, rank::world]
        size = len(range(rank, self.batch_size, world))
        shared = left if left >= world else 0
        yield from split.batches(epoch, torch.cat((own.flatten(), last[:shared][rank::world])), size, self._on_device)
        if left > shared:
            for batch in split.batches(epoch, last, left, self._on_device):
                batch.repeated = True
                yield batch

    def rows_in_order(self) -> Tensor:
        """The numbers of the examples that `in_order` gives ``(N,)``."""
        if self.whole < self.size:
            return self.split.drawn(self.whole, self.seed)
        return torch.arange(self.size)

    def in_order(self) -> Iterator[Batch]:
        """All micro-batches once, in the order of the split; where they are limited, of drawn examples."""
        if self.whole < self.size or self.ranks.world > 1:
            return self._batches(self.split, 0, self.rows_in_order())
        return self.split.in_order(self.batch_size, self._on_device)

    def _on_device(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        if self.device.type == "cuda":
            return prefetched(batches, self._moved, self.device)
        return map(self._moved, batches)

    def _moved(self, batch: Batch) -> Batch:
        """On the device in the right memory format; what is there already is passed on, which costs a microsecond."""
        there = batch.inputs.device == self.device and batch.targets.device == self.device
        channels_last = self.channels_last and batch.inputs.ndim == 4
        if there and (not channels_last or batch.inputs.is_contiguous(memory_format=torch.channels_last)):
            return batch
        return batch.to(self.device, torch.channels_last if channels_last else torch.preserve_format)
