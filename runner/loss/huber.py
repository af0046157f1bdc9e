"""Huber loss."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss


class Huber(Loss):
    """Mean of ``e²/2`` where the error ``|e| <= delta``, of ``delta (|e| - delta/2)`` beyond.

    Targets are standardized unless the data option says otherwise, and so are `delta` and this loss; metrics are in
    original units.

    Args:
        delta: error at which the square turns into a line, above 0.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """

    tasks = frozenset({"regression", "forecasting", "node_regression"})

    def __init__(self, delta: Annotated[float, Gt(0)] = 1.0) -> None:
        self.delta = delta

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of values ``(N, targets)`` for as many true values ``(N, ...)``."""
        return F.huber_loss(outputs, batch.targets.flatten(1), delta=self.delta)
