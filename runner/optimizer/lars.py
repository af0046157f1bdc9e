"""LARS: momentum whose rate is scaled to each layer's weights."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.optimizer.base import GroupOptimizer, Parameters


class LARS(GroupOptimizer):
    """``λ = η ‖w‖ / (‖g‖ + β‖w‖)``, ``v ← μv + lr λ (g + βw)``, ``w ← w - v`` for every layer.

    The rate is inside the momentum, as in the paper. λ is 1 where a norm is zero.

    Args:
        params: parameters or groups of them.
        lr: global learning rate, at least 0.
        momentum: μ, in [0, 1).
        weight_decay: β, at least 0.
        trust_coefficient: η, above 0: how far a layer may move in an update, as a share of its norm, at the rate 1.

    Source: You et al. 2017, "Large Batch Training of Convolutional Networks", equation 6 and algorithm 1.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 1.0,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        trust_coefficient: Annotated[float, Gt(0)] = 1e-3,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust_coefficient}
        super().__init__(params, defaults)

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        decay = group["weight_decay"]
        w, g = torch.stack(torch._foreach_norm(params)), torch.stack(torch._foreach_norm(grads))
        local = torch.where((w > 0) & (g > 0), group["trust"] * w / (g + decay * w), 1.0) * group["lr"]
        update = torch._foreach_add(grads, params, alpha=decay)
        torch._foreach_mul_(update, list(local.unbind()))
        v = self.zeros(params, "momentum_buffer")
        torch._foreach_mul_(v, group["momentum"])
        torch._foreach_add_(v, update)
        torch._foreach_sub_(params, v)
