"""The usual loss of the task."""

from __future__ import annotations

from runner.engine.loss import Loss
from runner.engine.spec import DataSpec
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE


class Auto(Loss):
    """Cross-entropy for classification, mean squared error for regression.

    ``Auto(spec)`` **is** a `CrossEntropy` or an `MSE`, so nothing stands between the loop and the loss.

    Args:
        spec: facts about the data.
    """

    tasks = frozenset({"classification", "regression"})
    soft_targets = True  # of the loss for classification; regression has no classes whose probabilities to mix

    def __new__(cls, spec: DataSpec) -> Loss:  # type: ignore[misc]
        """The loss for the task of `spec`."""
        return CrossEntropy(spec) if spec.task == "classification" else MSE()
