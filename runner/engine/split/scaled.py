"""Examples whose inputs are made batch by batch: images are kept and moved as bytes, a quarter of what they become."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move


@dataclass(frozen=True)
class ScaledSplit(Split):
    """Another split, its inputs put through a module on the device.

    Attributes:
        kept: the examples as they are kept.
        scale: makes inputs of theirs; see `Transform.module`.
    """

    kept: Split
    scale: nn.Module

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def inputs(self) -> Tensor:
        """Those of all examples, made at once: to be looked at, as networks are given batches."""
        return self.read(torch.arange(len(self))).inputs

    @property
    def targets(self) -> Tensor:
        """Those of all examples."""
        return self.read(torch.arange(len(self))).targets

    def _scaled(self, batch: Batch) -> Batch:
        return batch.changed(self.scale(batch.inputs))

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        return self._scaled(self.kept.read(rows))

    def classes(self) -> Tensor:
        """See `Split.classes`."""
        return self.kept.classes()

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.kept.place(row)

    def parted(self) -> tuple[Split, nn.Module]:
        """See `Split.parted`."""
        return self.kept, self.scale

    def opened(self, device: torch.device, seed: int, num_workers: int) -> ScaledSplit:
        """See `Split.opened`."""
        return ScaledSplit(self.kept.opened(device, seed, num_workers), deepcopy(self.scale).to(device))

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`."""
        return self.kept.batches(epoch, rows, size, lambda batches: map(self._scaled, move(batches)))

    def in_order(self, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.in_order`."""
        return self.kept.in_order(size, lambda batches: map(self._scaled, move(batches)))
