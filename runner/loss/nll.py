"""Negative log-likelihood, for networks that end in probabilities of their own."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.task import Link


class NLL(Loss):
    """Mean of ``-log p_y`` over the batch, p being what the network gives.

    The runner's own networks give logits, for which this is cross-entropy in two steps. A network that ends in
    ``LogSoftmax`` or ``Softmax`` says so with `outputs`.

    Args:
        outputs: what the network gives: ``logits``, ``log_probabilities`` or ``probabilities`` (each at least 1e-12
            when its logarithm is taken).
    """

    tasks = frozenset({"classification", "nodes"})

    def __init__(self, outputs: Literal["logits", "log_probabilities", "probabilities"] = "logits") -> None:
        links: dict[str, Link] = {"logits": "softmax", "log_probabilities": "log", "probabilities": "identity"}
        self.outputs, self.link = outputs, links[outputs]

    def _logs(self, outputs: Tensor) -> Tensor:
        if self.outputs == "log_probabilities":
            return outputs
        return outputs.log_softmax(1) if self.outputs == "logits" else outputs.clamp(min=1e-12).log()

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of outputs ``(N, C)`` for class indices ``(N,)``."""
        return F.nll_loss(self._logs(outputs), batch.targets)
