"""Batches made by hand."""

from __future__ import annotations

from torch import Tensor

from runner.engine.batch import Batch


def batch_of(targets: Tensor, inputs: Tensor | None = None) -> Batch:
    """Examples with these targets; without inputs where none are looked at."""
    return Batch(targets if inputs is None else inputs, targets)
