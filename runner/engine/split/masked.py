"""Texts of which some tokens are hidden, to be told from all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED, SPECIAL, UNKNOWN
from runner.engine.split.base import Split
from runner.engine.state import seed_for

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.split.base import Move


@dataclass(frozen=True)
class MaskedSplit(Split):
    """The examples of another split, whose tokens are hidden with a probability of `share`, at least one of each.

    Of the hidden ones 80 % become the token behind the vocabulary, 10 % any other and 10 % stay what they are. Which
    they are is a function of the example, the position and, where they are drawn anew, the run's seed and the epoch,
    whatever the batches: so a resumed run hides what an uninterrupted one does.

    Attributes:
        inner: the texts.
        size: entries of the vocabulary; `size` itself is the number of the token that hides.
        share: of the tokens that are hidden, above 0 and below 1.
        anew: whether others are hidden in every epoch, for learning; else always the same.
        seed: the run's.

    Source: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
        section 3.1; Liu et al. 2019, "RoBERTa", section 4.1, for drawing anew.
    """

    inner: Split
    size: int
    share: float
    anew: bool
    seed: int = 0

    def __len__(self) -> int:
        return len(self.inner)

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`; with the tokens hidden that are in the first epoch."""
        return self._hidden(rows, 0)

    def order(self, generator: torch.Generator) -> Tensor:
        """See `Split.order`."""
        return self.inner.order(generator)

    @property
    def length_buckets(self) -> int:  # type: ignore[override]
        """As the other split has it."""
        return self.inner.length_buckets

    def lengths(self) -> Tensor:
        """See `Split.lengths`."""
        return self.inner.lengths()

    def place(self, row: int) -> str:
        """See `Split.place`."""
        return self.inner.place(row)

    def opened(self, device: torch.device, seed: int, num_workers: int) -> MaskedSplit:
        """See `Split.opened`. Texts stay where they are: counting what is hidden would wait for the device."""
        return replace(self, seed=seed)

    def batches(self, epoch: int, rows: Tensor, size: int, move: Move) -> Iterator[Batch]:
        """See `Split.batches`."""
        return move(self._hidden(part, epoch) for part in rows.split(size))

    def _hidden(self, rows: Tensor, epoch: int) -> Batch:
        batch = self.inner.read(rows)
        tokens, seed = batch.inputs, seed_for(self.seed, "hide", epoch) if self.anew else 0
        steps = torch.arange(tokens.shape[1])
        lengths = batch.more.get("lengths")
        inside = torch.ones_like(tokens, dtype=torch.bool) if lengths is None else steps < lengths[:, None]
        ordinary = inside & ((tokens >= len(SPECIAL)) | (tokens == UNKNOWN))
        draw, kind, other = (uniform(seed + number, rows, steps) for number in range(3))
        hidden = ordinary & (draw < self.share)
        least = (draw + (~ordinary).float() + (~inside).float()).argmin(1, keepdim=True)
        hidden |= (steps == least) & ~hidden.any(1, keepdim=True)
        targets = tokens.where(hidden, IGNORED)
        any_ = (len(SPECIAL) + (other * (self.size - len(SPECIAL))).long()).clamp(max=self.size - 1)
        tokens = tokens.masked_fill(hidden & (kind < 0.8), self.size)
        tokens = any_.where(hidden & (kind >= 0.8) & (kind < 0.9), tokens)
        more = {} if lengths is None else {"lengths": lengths}
        return Batch(tokens, targets, more, len(rows), int(hidden.sum()))


def uniform(seed: int, rows: Tensor, steps: Tensor) -> Tensor:
    """A number in [0, 1) for each row and step ``(N, T)`` that depends on nothing else: SplitMix64 of all three.

    Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
    """
    value = _mix(rows[:, None] + _mix(torch.tensor(seed)))
    return (_mix(value + steps) >> 40 & 0xFFFFFF).float() / 2**24


def _mix(value: Tensor) -> Tensor:
    """The finalizer of SplitMix64 in int64, which wraps round as uint64 does; shifts fill with zeros."""
    value = value + (0x9E3779B97F4A7C15 - 2**64)
    value = (value ^ (value >> 30 & 2**34 - 1)) * (0xBF58476D1CE4E5B9 - 2**64)
    value = (value ^ (value >> 27 & 2**37 - 1)) * (0x94D049BB133111EB - 2**64)
    return value ^ (value >> 31 & 2**33 - 1)
