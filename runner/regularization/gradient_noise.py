"""Noise on the gradients that fades while the network is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from annotated_types import Ge

from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def noise_std(step: int, eta: float, gamma: float) -> float:
    """Standard deviation ``sqrt(eta / (1 + t)^gamma)`` of the noise at update `step` (t, from 0).

    Source: Neelakantan et al. 2015, "Adding Gradient Noise Improves Learning for Very Deep Networks", equation 1.
    """
    return float((eta / (1 + step) ** gamma) ** 0.5)


class GradientNoise(Technique):
    """Add N(0, σ²) to every entry of the gradients, with σ from `noise_std`, after clipping.

    The noise is independent of the number of micro-batches: it comes once per update. Under adam and its kin, which
    divide by the size of the gradient, the noise counts in full where gradients are small: lower `eta` there.

    Args:
        eta: variance at the first update, at least 0; the paper chooses from 0.01, 0.3 and 1.
        gamma: how fast it fades, at least 0.
    """

    slot: ClassVar[Slot] = Slot.GRADIENTS
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "processes that hold parts of one gradient would all draw the same noise for theirs"
    }

    def __init__(self, eta: Annotated[float, Ge(0)] = 0.01, gamma: Annotated[float, Ge(0)] = 0.55) -> None:
        self.eta, self.gamma = eta, gamma

    def setup(self, fit: Fit) -> None:
        """Look up the position and the parameters."""
        self.state = fit.state
        self.parameters = [p for group in fit.optimizer.param_groups for p in group["params"]]

    @torch.no_grad()
    def before_step(self) -> None:
        """Change the gradients in place."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        noise = [torch.randn_like(gradient) for gradient in gradients]
        torch._foreach_add_(gradients, noise, alpha=noise_std(self.state.step, self.eta, self.gamma))
