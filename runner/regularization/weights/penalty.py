"""The weights that penalties are taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.fit import Fit


class WeightPenalty(Technique):
    """A term of the loss over weights (two or more dimensions), not over norms and biases: ``self.weights``."""

    slot: ClassVar[Slot] = Slot.PENALTY
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it is a term of whole weights, and every process holds a part of them (optimizer.weight_decay works)"
    }

    def setup(self, fit: Fit) -> None:
        """Collect the weights.

        Raises:
            ConfigError: the network has none.
        """
        self.weights = weights(fit.model, self.name)


def weights(model: nn.Module, technique: str, frozen: bool = False) -> list[nn.Parameter]:
    """All trainable parameters of two or more dimensions: weights and embeddings, neither norms nor biases.

    Args:
        model: the network.
        technique: who asks, for the message.
        frozen: whether frozen ones count too.

    Raises:
        ConfigError: there are none, so `technique` would do nothing.
    """
    found = [p for p in model.parameters() if (p.requires_grad or frozen) and p.ndim > 1]
    if not found:
        raise ConfigError(f"regularization={technique}: the network has no trainable weights. Leave {technique} out.")
    return found
