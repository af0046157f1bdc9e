"""Schedule-free gradient descent."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.optimizer.averaging.schedule_free import ScheduleFree
from runner.optimizer.base import Parameters


class ScheduleFreeSGD(ScheduleFree):
    """`ScheduleFree` with ``d = g + λy``.

    Args:
        params: parameters or groups of them.
        lr: learning rate, at least 0; about that of plain gradient descent, or larger.
        beta: share of the average in the point where gradients are taken, in (0, 1); the part of momentum.
        weight_decay: λ, at least 0.

    Source: Defazio et al. 2024, "The Road Less Scheduled", equations 3 to 5.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 1.0,
        beta: Annotated[float, Gt(0), Lt(1)] = 0.9,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "weight_decay": weight_decay})

    def direction(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
        """The gradient and the decay."""
        return list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
