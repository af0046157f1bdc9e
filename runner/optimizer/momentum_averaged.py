"""Momentum as a moving average of gradients."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from runner.optimizer.base import GroupOptimizer, Parameters


class MomentumAveraged(GroupOptimizer):
    """``v ← βv + (1 - β)g`` with ``v₀ = 0``, then ``w ← w - lr v``.

    The same path as ``torch.optim.SGD(momentum=β)`` at the rate ``(1 - β) lr``. ``dampening=1 - β`` of torch is
    something else: it starts at ``v₁ = g``, so its first steps are up to 1 / (1 - β) times as long.

    Args:
        params: parameters or groups of them.
        lr: learning rate, at least 0.
        momentum: share β of the average that is kept in an update, in [0, 1).
        weight_decay: adds ``weight_decay * w`` to the gradient, at least 0.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 0.1,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        if group["weight_decay"]:
            grads = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
        average = self.zeros(params, "momentum_buffer")
        torch._foreach_lerp_(average, grads, 1 - group["momentum"])
        torch._foreach_add_(params, average, alpha=-group["lr"])
