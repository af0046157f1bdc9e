"""Dropout of features of tables."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch.nn.functional as F
from annotated_types import Ge, Lt

from runner.engine.batch import Batch
from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique


class FeatureDropout(Technique):
    """Zero each feature of each example with probability `p`, and divide the others by ``1 - p``.

    Zero is the mean of a feature that is standardized. Noise on the features of a table is ``augmentation=[noise]``.

    Args:
        p: in [0, 1).

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    slot: ClassVar[Slot] = Slot.NOISE
    takes: ClassVar[tuple[Kind, ...]] = ("table",)

    def __init__(self, p: Annotated[float, Ge(0), Lt(1)] = 0.1) -> None:
        self.p = p

    def on_batch(self, batch: Batch) -> Batch:
        """Change inputs ``(N, F)``; the targets stay."""
        return batch.changed(F.dropout(batch.inputs, self.p))
