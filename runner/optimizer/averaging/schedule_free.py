"""Schedule-free learning: an average of the weights takes the place of a falling rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from runner.engine.optimizer import Averaging
from runner.optimizer.base import GroupOptimizer, Parameters


class ScheduleFree(GroupOptimizer, Averaging):
    """Gradients are taken at y, between a fast sequence z and its average x; x is what is evaluated and kept.

    ``z ← z - lr d(y)``, ``x ← (1 - c) x + c z`` with ``c = lr² / Σ lr²``, ``y ← (1 - β) z + β x``.

    While training, the parameters are y. Only z is stored beside them: x follows from the two. Batch normalization
    keeps the statistics that belong to y.

    Args:
        params: parameters or groups of them.
        defaults: settings of the groups; ``lr`` and ``beta`` (the share β of x in y, in (0, 1)) among them.

    Source: Defazio et al. 2024, "The Road Less Scheduled", algorithm 1.
    """

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        super().__init__(params, {**defaults, "lr_squares": 0.0})

    def direction(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
        """What z goes down along, d(y), weight decay included."""
        raise NotImplementedError

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        lr, beta = group["lr"], group["beta"]
        direction = self.direction(group, params, grads)
        z = self._fast(params)
        group["lr_squares"] += lr**2
        c = lr**2 / group["lr_squares"] if lr else 0.0
        torch._foreach_lerp_(params, z, c)  # y ← β((1 - c) x + c z) + (1 - β) z with the old z ...
        torch._foreach_add_(params, direction, alpha=-lr * (1 - beta * (1 - c)))  # ... and with the new one
        torch._foreach_add_(z, direction, alpha=-lr)

    def _fast(self, params: list[Tensor]) -> list[Tensor]:
        for p in params:
            if "z" not in self.state[p]:
                self.state[p]["z"] = p.detach().clone()
        return [self.state[p]["z"] for p in params]

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """While this lasts, the parameters are the average x; afterwards they are exactly what they were."""
        kept = []
        with torch.no_grad():
            for group in self.param_groups:
                for p in (p for p in group["params"] if "z" in self.state[p]):
                    kept.append((p, p.clone()))
                    p.lerp_(self.state[p]["z"], 1 - 1 / group["beta"])
        try:
            yield
        finally:
            with torch.no_grad():
                for p, y in kept:
                    p.copy_(y)
