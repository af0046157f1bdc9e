"""Batches for a GPU, copied while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch

from runner.engine.batch import Batch


def prefetched(batches: Iterable[Batch], move: Callable[[Batch], Batch], device: torch.device) -> Iterator[Batch]:
    """Batches on a GPU: the copy of the next one runs beside the work on the present one, on a stream of its own.

    Args:
        batches: in any memory; what is not pinned yet is, as copies from other memory are waited for.
        move: brings one to the device.
        device: of CUDA. What is there already is passed on.
    """
    beside = torch.cuda.Stream(device)
    waiting: tuple[Batch, torch.cuda.Event | None] | None = None
    for batch in batches:
        if batch.inputs.device == device:
            following = move(batch), None
        else:
            pinned = batch if batch.inputs.is_pinned() else batch.pin_memory()
            with torch.cuda.stream(beside):
                following = move(pinned), beside.record_event()
        if waiting is not None:
            yield _arrived(*waiting)
        waiting = following
    if waiting is not None:
        yield _arrived(*waiting)


def _arrived(batch: Batch, copied: torch.cuda.Event | None) -> Batch:
    """A batch that the present stream may work with: it waits for the copy, and the memory is not reused before."""
    if copied is not None:
        now = torch.cuda.current_stream(batch.inputs.device)
        now.wait_event(copied)
        for tensor in (batch.inputs, batch.targets, *batch.more.values()):
            tensor.record_stream(now)
    return batch
