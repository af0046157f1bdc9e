"""The usual loss of the task."""

from __future__ import annotations

import importlib
import inspect

from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.task import task_named


class Auto(Loss):
    """What the network names, or else the task: cross-entropy for classes, the mean squared error for values.

    ``Auto(spec)`` **is** a `CrossEntropy` or an `MSE`, so nothing stands between the loop and the loss.

    Args:
        spec: facts about the data.
        network_loss: ``module.Class`` that the network names; empty: it names none.
    """

    soft_targets = True  # of the loss for classification; others have no classes whose probabilities to mix

    def __new__(cls, spec: Spec, network_loss: str = "") -> Loss:  # type: ignore[misc]
        """The loss for the task of `spec`, or for the network."""
        assert spec.task is not None
        module, _, name = (network_loss or task_named(spec.task).loss).rpartition(".")
        loss = getattr(importlib.import_module(module), name)
        made: Loss = loss(spec) if "spec" in inspect.signature(loss).parameters else loss()
        return made
