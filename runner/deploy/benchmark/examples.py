"""Real examples that networks are timed with: drawn once, the same for all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from runner.engine.batch import Batch
from runner.record.files import write_bytes

if TYPE_CHECKING:
    from runner.engine.split import Split

NUMBER = 16  # different batches of a size, which are taken in turn: texts and graphs differ in length


def write(path: Path, split: Split, sizes: Sequence[int]) -> None:
    """Draw batches of each size from a part of the data and write them.

    Where the part has fewer examples than a batch, some are in it more than once.

    Args:
        path: of the file.
        split: the part.
        sizes: examples in a batch.
    """
    batches = {size: [_plain(split.read(rows)) for rows in _rows(split, size)] for size in sizes}
    buffer = io.BytesIO()
    torch.save(batches, buffer)
    write_bytes(path, buffer.getbuffer())


def _rows(split: Split, size: int) -> list[torch.Tensor]:
    count = len(split)
    if not split.listed:  # a stream gives what comes first
        return [torch.arange(size).clamp(max=count - 1)]
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    number = max(1, min(NUMBER, count // size))
    return list(drawn[torch.arange(number * size) % count].split(size))


def _plain(batch: Batch) -> dict[str, object]:
    return {"inputs": batch.inputs, "targets": batch.targets, "more": batch.more, "examples": batch.examples}


def read(path: Path, device: torch.device) -> dict[int, list[Batch]]:
    """What `write` wrote: batches by size, on a device."""
    saved = torch.load(path, weights_only=True)
    return {size: [Batch(**entry).to(device) for entry in batches] for size, batches in saved.items()}
