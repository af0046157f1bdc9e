"""Sharpness-aware minimization: gradients are taken where the loss nearby is highest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from runner.engine.device import seeder
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def climb(weights: list[Tensor], gradients: list[Tensor], rho: float, adaptive: bool) -> list[Tensor]:
    """The step uphill, ``e = ρ g / ‖g‖``; adaptive: ``e = ρ w² g / ‖|w| g‖``, which rescaling a layer leaves alone.

    A common factor of all gradients, such as a loss scale, changes nothing.

    Args:
        weights: parameters.
        gradients: their gradients.
        rho: length of the step, above 0.
        adaptive: measure lengths in units of each weight.

    Source: Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization", equation 2;
    Kwon et al. 2021, "ASAM", equation 7, with p = 2 and η = 0.
    """
    step = list(torch._foreach_mul(gradients, [w.abs() for w in weights])) if adaptive else gradients
    scale = rho / (nn.utils.get_total_norm(step) + 1e-12)
    if adaptive:
        step = list(torch._foreach_mul(step, [w.abs() for w in weights]))
    return list(torch._foreach_mul(step, scale))


class SAM(Technique):
    """Go uphill by `climb`, take the gradients there, go back, and let the optimizer step with them.

    Both passes see the same micro-batches with the same random draws. The loss that is reported and the statistics of
    batch normalization are those of the first pass. Takes twice the time of a step.

    Args:
        rho: length of the step uphill, above 0; adaptive wants 10 to 40 times as much.
        adaptive: measure it in units of each weight (ASAM).
    """

    slot = Slot.GRADIENTS
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it moves and restores the weights as a whole, and every process holds a part of them"
    }

    def __init__(self, rho: Annotated[float, Gt(0)] = 0.05, adaptive: bool = False) -> None:
        self.rho, self.adaptive = rho, adaptive

    def setup(self, fit: Fit) -> None:
        """Look up the parameters and the position."""
        self.fit, self.seed = fit, seeder(fit.device)

    def around_gradients(self, gradients: Callable[[], Any]) -> Any:
        """The gradients of an update, taken uphill."""
        results = gradients()
        params = [p for group in self.fit.optimizer.param_groups for p in group["params"] if p.grad is not None]
        buffers = list(self.fit.model.buffers())
        with torch.no_grad():
            before, statistics = [p.clone() for p in params], [b.clone() for b in buffers]
            torch._foreach_add_(params, climb(params, [p.grad for p in params], self.rho, self.adaptive))
        self.seed(self.fit.step_seed())
        gradients()
        with torch.no_grad():  # copied back rather than subtracted: no rounding, also after an overflow
            torch._foreach_copy_(params, before)
            for buffer, old in zip(buffers, statistics, strict=True):
                buffer.copy_(old)
        return results
