"""Examples that fit in memory, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.split.base import Move

# Examples are gathered in the epoch's order this many bytes at a time: one gather serves many batches, which are
# then views, and memory grows by this much instead of by a second copy of the data.
_GATHER_BYTES = 32 * 2**20
# Fewer of images: inputs of four times their size are made of what is gathered, and those should fit into a cache.
_GATHER_PIXELS = 2**18


@dataclass(frozen=True)
class TensorSplit(Split):
    """Examples in memory; they are moved to the device once.

    Attributes:
        inputs: ``(N, ...)``, already scaled; or pixels of a byte each, which a `ScaledSplit` makes inputs of.
        targets: ``(N, ...)``: class indices int64, values float32, masks, boxes.
        more: what the network is given beside, each ``(N, ...)``.
        units: of each example; see `Batch.units`.
        places: where each comes from, such as the paths of their files; empty where that is not known.
    """

    inputs: Tensor
    targets: Tensor
    more: dict[str, Tensor] = field(default_factory=dict)
    units: int = 1
    places: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def classes(self) -> Tensor:
        """See `Split.classes`; nothing is read."""
        return self.targets.cpu()

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.places[row] if self.places else ""

    def _taken(self, index: slice) -> Batch:
        more = {name: tensor[index] for name, tensor in self.more.items()} if self.more else {}
        targets = self.targets[index]
        return Batch(self.inputs[index], targets, more, len(targets), len(targets) * self.units)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        index = rows.to(self.inputs.device)
        more = {name: tensor.index_select(0, index) for name, tensor in self.more.items()} if self.more else {}
        inputs, targets = self.inputs.index_select(0, index), self.targets.index_select(0, index)
        return Batch(inputs, targets, more, len(rows), len(rows) * self.units)

    def opened(self, device: torch.device, seed: int, num_workers: int) -> TensorSplit:
        """On the device; where it is CUDA and half of its free memory is not enough, gathered parts travel instead."""
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if self.inputs.nbytes > free // 2:
                return self
        more = {name: tensor.to(device) for name, tensor in self.more.items()}
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device), more=more)

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`; many are gathered at once."""
        most = _GATHER_PIXELS if self.inputs.dtype == torch.uint8 else _GATHER_BYTES
        at_once = max(1, most // (max(1, self.inputs[:1].nbytes) * size))
        for gathered in move(self.read(part) for part in rows.split(at_once * size)):
            yield from gathered.parts(size)

    def in_order(self, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.in_order`; nothing is copied."""
        return move(self._taken(slice(start, start + size)) for start in range(0, len(self), size))
