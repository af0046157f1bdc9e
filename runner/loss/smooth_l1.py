"""Smooth L1 loss."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss


class SmoothL1(Loss):
    """Mean of ``e²/(2 beta)`` where the error ``|e| < beta``, of ``|e| - beta/2`` beyond: Huber's loss over beta.

    As `beta` goes to 0 it becomes the mean absolute error, where Huber's goes to 0. Targets are standardized unless
    the data option says otherwise, and so are `beta` and this loss; metrics are in original units.

    Args:
        beta: error at which the square turns into a line, at least 0.

    Source: Girshick 2015, "Fast R-CNN", equation 3.
    """

    tasks = frozenset({"regression", "forecasting", "node_regression"})

    def __init__(self, beta: Annotated[float, Ge(0)] = 1.0) -> None:
        self.beta = beta

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of values ``(N, targets)`` for as many true values ``(N, ...)``."""
        return F.smooth_l1_loss(outputs, batch.targets.flatten(1), beta=self.beta)
