"""Sequences of unequal length that fit in memory: documents, sentences and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED
from runner.engine.split.base import Split

if TYPE_CHECKING:
    from torch import Tensor


def ragged(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences one behind the other, and where each begins ``(N + 1,)``; the last entry is the end of all."""
    lengths = torch.tensor([0, *(len(sequence) for sequence in sequences)])
    return torch.cat(list(sequences)), lengths.cumsum(0)


def padded(values: Tensor, offsets: Tensor, rows: Tensor, filler: int) -> tuple[Tensor, Tensor]:
    """The sequences numbered `rows`, filled up at their ends to the longest of them.

    Args:
        values: all sequences, one behind the other: tokens ``(steps,)`` or numbers ``(steps, features)``.
        offsets: where each begins, and the end of the last.
        rows: which ``(N,)``.
        filler: what they are filled up with.

    Returns:
        ``(N, longest)`` or ``(N, longest, features)``, and the lengths ``(N,)``.
    """
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    steps = torch.arange(int(lengths.max()) if len(rows) else 0)
    inside = (steps < lengths[:, None]).view(len(rows), -1, *[1] * (values.ndim - 1))
    return values[(starts[:, None] + steps).clamp(max=len(values) - 1)].where(inside, filler), lengths


def answered(
    batch: Batch, values: Tensor, offsets: Tensor, rows: Tensor, padding: int, start: int | None = None
) -> Batch:
    """A batch with sequences for targets, whose padding is `IGNORED` and whose units are their tokens.

    Args:
        batch: of the inputs.
        values: the answers to all examples, one behind the other.
        offsets: where each begins, and the end of the last.
        rows: the examples of the batch ``(N,)``.
        padding: the token that fills up the decoder's inputs.
        start: the token in front of the decoder's inputs; see `SequenceSplit`.
    """
    targets, lengths = padded(values, offsets, rows, IGNORED)
    more = dict(batch.more)
    if start is not None:
        before = targets.roll(1, 1).masked_fill(targets.roll(1, 1) == IGNORED, padding)
        before[:, 0] = start
        more["decoder_inputs"] = before
    return Batch(batch.inputs, targets, more, len(rows), int(lengths.sum()))


def by_length(rows: Tensor, lengths: Tensor, size: int, window: int, generator: torch.Generator) -> Tensor:
    """An order whose batches have examples of similar length, so that little is padded.

    So many batches at a time, the examples are sorted by length; then the batches are shuffled. Every example stays in
    the order once, and what makes up a last, short batch is as it was drawn.

    Args:
        rows: numbers of examples as they were drawn ``(N,)``.
        lengths: of all examples.
        size: examples of a batch.
        window: batches among which they are sorted; the more, the less is padded, and the more alike the examples of
            a batch are in every epoch.
        generator: of the order of the batches.
    """
    whole = len(rows) - len(rows) % size
    if not whole:
        return rows
    parts = rows[:whole].split(window * size)
    batches = torch.cat([part[lengths[part].argsort(stable=True)] for part in parts]).view(-1, size)
    return torch.cat((batches[torch.randperm(len(batches), generator=generator)].flatten(), rows[whole:]))


def padding_share(rows: Tensor, lengths: Tensor, size: int) -> float:
    """Which share of what a network is given is padding, where batches are taken in this order."""
    batches = lengths[rows].split(size)
    given = sum(len(batch) * int(batch.max()) for batch in batches)
    return 1 - int(lengths[rows].sum()) / max(1, given)


@dataclass(frozen=True)
class SequenceSplit(Split):
    """Sequences of tokens or of numbers, padded batch by batch; the network is given their `lengths` beside.

    Attributes:
        values: of all examples, one behind the other: tokens ``(tokens,)`` int64, or numbers ``(steps, features)``.
        offsets: where each example begins, and the end of the last ``(N + 1,)``.
        targets: one per example ``(N, ...)``; or, where there are `target_offsets`, sequences like the inputs, whose
            padding is `IGNORED` and whose units are their tokens.
        target_offsets: where the answer to each example begins, and the end of the last.
        padding: the token or number that fills up the inputs.
        start: with sequences for targets, the token in front of the decoder's inputs, which are the answers moved by
            one: given beside as ``decoder_inputs``. None gives none (answers as long as their inputs, as in tagging).
        length_buckets: see `Split.length_buckets`; lengths are those of the inputs.
        texts: what the tokens of a training part were made of, one per example, where they may be written anew.
    """

    values: Tensor
    offsets: Tensor
    targets: Tensor
    target_offsets: Tensor | None = None
    padding: int = 0
    start: int | None = None
    length_buckets: int = 0
    texts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> Tensor:
        """See `Split.lengths`."""
        return self.offsets.diff()

    def read(self, rows: Tensor) -> Batch:
        """See `Split.read`."""
        inputs, lengths = padded(self.values, self.offsets, rows, self.padding)
        more = {"lengths": lengths}
        if self.target_offsets is None:
            return Batch(inputs, self.targets[rows], more)
        asked = Batch(inputs, inputs, more)
        return answered(asked, self.targets, self.target_offsets, rows, self.padding, self.start)
