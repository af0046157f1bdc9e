"""Mean squared error."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from runner.engine.loss import Loss


class MSE(Loss):
    """Mean of ``(output - target)²`` over examples and targets.

    Targets are standardized unless the data option says otherwise, and so is this loss; metrics are in original units.
    """

    tasks = frozenset({"regression"})

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of values ``(N, targets)`` for true values ``(N, targets)``."""
        return F.mse_loss(outputs, targets)

    def predict(self, outputs: Tensor) -> Tensor:
        """The outputs themselves ``(N, targets)``."""
        return outputs
