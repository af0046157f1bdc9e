"""Batches that grow at regular intervals."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from runner.batch_growth.base import BatchGrowth


class Step(BatchGrowth):
    """``batch_size(epoch) = min(data.batch_size * factor ** (epoch // step_size), max_batch_size)``, epochs from 0.

    Where a schedule would divide the learning rate by `factor`, this multiplies the batch size by it: the scale of the
    gradients' noise, about ``lr * N / batch_size``, falls alike, in fewer updates. Take it with scheduler=constant.

    Args:
        step_size: epochs from one growth to the next.
        factor: of each growth.
        max_batch_size: upper bound, in examples per micro-batch; None: the training split.

    Source: Smith et al. 2018, "Don't Decay the Learning Rate, Increase the Batch Size", section 3.
    """

    def __init__(
        self,
        step_size: Annotated[int, Ge(1)] = 5,
        factor: Annotated[int, Ge(2)] = 2,
        max_batch_size: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        super().__init__(factor, max_batch_size)
        self.step_size = step_size

    def on_epoch_start(self, epoch: int) -> None:
        """Take the size of this epoch."""
        self.growths = (epoch - 1) // self.step_size
        super().on_epoch_start(epoch)
