"""Texts in whose place others stand now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.split.base import Split
from runner.engine.split.masked import uniform
from runner.engine.split.sequences import SequenceSplit
from runner.engine.state import seed_for

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.split.base import Move


@dataclass(frozen=True)
class RewrittenSplit(Split):
    """Examples of which each is, with a probability of `p`, one of its copies, any of them alike.

    Which it is, is a function of the run's seed, the epoch and the example, whatever the batches: so a resumed run
    reads what an uninterrupted one does.

    Attributes:
        inner: the texts and all copies, with their classes.
        rows: the numbers there of each example ``(N, 1 + copies)``: of the text, then of its copies; the text's own
            again in place of a copy that there is not.
        p: probability of a copy.
        seed: the run's.
        length_buckets: see `Split.length_buckets`.
    """

    inner: SequenceSplit
    rows: Tensor
    p: float
    seed: int = 0
    length_buckets: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`; the texts themselves."""
        return self.inner.read(self.rows[rows, 0])

    def classes(self) -> Tensor:
        """See `Split.classes`."""
        return self.inner.targets[self.rows[:, 0]]

    def lengths(self) -> Tensor:
        """See `Split.lengths`; of the longest that an example can be."""
        return self.inner.lengths()[self.rows].amax(1)

    def opened(self, device: torch.device, seed: int, num_workers: int) -> RewrittenSplit:
        """See `Split.opened`."""
        return replace(self, seed=seed)

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`."""
        drawn = uniform(seed_for(self.seed, "rewrite", epoch), rows, torch.arange(2))
        copies = self.rows.shape[1] - 1
        which = 1 + (drawn[:, 1] * copies).long().clamp(max=copies - 1)
        chosen = self.rows[rows, which.where(drawn[:, 0] < self.p, 0)]
        return move(self.inner.read(part) for part in chosen.split(size))
