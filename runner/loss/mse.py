"""Mean squared error."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss


class MSE(Loss):
    """Mean of ``(output - target)²`` over examples and targets.

    Targets are standardized unless the data option says otherwise, and so is this loss; metrics are in original units.
    """

    tasks = frozenset({"regression", "forecasting", "node_regression"})

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of values ``(N, targets)`` for as many true values ``(N, ...)``."""
        return F.mse_loss(outputs, batch.targets.flatten(1))

    def by_example(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `Loss.by_example`; at once."""
        return (outputs - batch.targets.flatten(1)).square().mean(1)
