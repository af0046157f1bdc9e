"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.optimizer.averaging.schedule_free import ScheduleFree
from runner.optimizer.base import Parameters


class ScheduleFreeAdamW(ScheduleFree):
    """`ScheduleFree` with ``d = g / (√v̂ + ε) + λy`` and ``v ← β₂v + (1 - β₂)g²``, v̂ with bias correction.

    Args:
        params: parameters or groups of them.
        lr: learning rate, at least 0; up to ten times that of AdamW under a schedule.
        beta: share of the average in the point where gradients are taken, in (0, 1); the part of Adam's first beta.
        beta2: share kept of the average of squared gradients, in [0, 1).
        eps: added to the root, above 0.
        weight_decay: λ, at least 0.

    Source: Defazio et al. 2024, "The Road Less Scheduled", algorithm 1, with the bias correction in v̂.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 2.5e-3,
        beta: Annotated[float, Gt(0), Lt(1)] = 0.9,
        beta2: Annotated[float, Ge(0), Lt(1)] = 0.999,
        eps: Annotated[float, Gt(0)] = 1e-8,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "beta2": beta2, "eps": eps, "weight_decay": weight_decay})

    def direction(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
        """The scaled gradient and the decay."""
        beta2, steps = group["beta2"], self.count(params)
        v = self.zeros(params, "exp_avg_sq")
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
        root = torch._foreach_div(v, [1 - beta2**t for t in steps])
        torch._foreach_sqrt_(root)
        torch._foreach_add_(root, group["eps"])
        direction = torch._foreach_div(grads, root)
        torch._foreach_add_(direction, params, alpha=group["weight_decay"])
        return list(direction)
