"""Negative log-likelihood, for networks that end in probabilities of their own."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from runner.engine.loss import Loss


class NLL(Loss):
    """Mean of ``-log p_y`` over the batch, p being what the network gives.

    The runner's own networks give logits, for which this is cross-entropy in two steps. A network that ends in
    ``LogSoftmax`` or ``Softmax`` says so with `outputs`.

    Args:
        outputs: what the network gives: ``logits``, ``log_probabilities`` or ``probabilities`` (each at least 1e-12
            when its logarithm is taken).
    """

    tasks = frozenset({"classification"})

    def __init__(self, outputs: Literal["logits", "log_probabilities", "probabilities"] = "logits") -> None:
        self.outputs = outputs

    def _logs(self, outputs: Tensor) -> Tensor:
        if self.outputs == "log_probabilities":
            return outputs
        return outputs.log_softmax(1) if self.outputs == "logits" else outputs.clamp(min=1e-12).log()

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of outputs ``(N, C)`` for class indices ``(N,)``."""
        return F.nll_loss(self._logs(outputs), targets)

    def predict(self, outputs: Tensor) -> Tensor:
        """The most probable class ``(N,)``."""
        return outputs.argmax(1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities ``(N, C)``."""
        return self._logs(outputs).exp()

    def combine(self, outputs: Tensor) -> Tensor:
        """Outputs of an ensemble ``(N, C)``, in the form that the network gives, from its members' ``(M, N, C)``."""
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        mean = self._logs(outputs.flatten(0, 1)).exp().view_as(outputs).mean(0)
        return mean if self.outputs == "probabilities" else mean.clamp(min=1e-12).log()
