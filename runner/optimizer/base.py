"""The frame of our own optimizers: a subclass says only how the weights of one group change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


def start_momentum(optimizer: Optimizer) -> None:
    """Give all parameters of torch's fused SGD a momentum of zero, where that is the same as none yet.

    Its kernel takes the momenta of all parameters or of none, and fails in an update in which some have their first
    gradient and others had theirs: layers that are unfrozen, or parts of a network that are not used in every update.
    From zero ``v ← βv + g`` gives g, as torch starts; not so with dampening, ``v ← βv + (1 - dampening) g``.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        return
    for group in optimizer.param_groups:
        if group["fused"] and group["momentum"] and not group["dampening"]:
            for p in group["params"]:
                optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)


class GroupOptimizer(Optimizer):
    """Calls `update` once per group, with those parameters that have a gradient.

    State lies in ``self.state[parameter]``, so that torch saves and restores it.
    """

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """Change `params` in place. Gradients are not to be changed: others may still look at them.

        Args:
            group: settings of the group, with the learning rate of this update.
            params: parameters that have a gradient.
            grads: their gradients.
        """
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all weights; `closure`, where given, computes the loss and its gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self.update(group, params, [p.grad for p in params])
        return loss

    def zeros(self, params: list[Tensor], name: str) -> list[Tensor]:
        """The state tensor `name` of every parameter, of its shape; zeros at first."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p)
        return [self.state[p][name] for p in params]

    def count(self, params: list[Tensor]) -> list[int]:
        """The number of this update of every parameter, from 1. Those that were frozen for a while have their own."""
        for p in params:
            self.state[p]["step"] = self.state[p].get("step", 0) + 1
        return [self.state[p]["step"] for p in params]
