"""Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from runner.optimizer.base import GroupOptimizer, Parameters

Beta = Annotated[float, Ge(0), Lt(1)]


class Lion(GroupOptimizer):
    """``w ← w - lr (sign(β₁m + (1 - β₁)g) + λw)``, then ``m ← β₂m + (1 - β₂)g``.

    Every weight moves by the rate itself, so the rate is to be three to ten times smaller than AdamW's, and the decay
    as many times larger.

    Args:
        params: parameters or groups of them.
        lr: learning rate, at least 0.
        betas: shares kept of the momentum, for the update and for the momentum itself, in [0, 1).
        weight_decay: decoupled decay λ, at least 0.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 1e-4,
        betas: tuple[Beta, Beta] = (0.9, 0.99),
        weight_decay: Annotated[float, Ge(0)] = 0.1,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        lr, (beta1, beta2) = group["lr"], group["betas"]
        momentum = self.zeros(params, "momentum")
        direction = torch._foreach_lerp(momentum, grads, 1 - beta1)
        torch._foreach_sign_(direction)
        torch._foreach_mul_(params, 1 - lr * group["weight_decay"])
        torch._foreach_add_(params, direction, alpha=-lr)
        torch._foreach_lerp_(momentum, grads, 1 - beta2)
