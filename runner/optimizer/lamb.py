"""LAMB: Adam whose step is as long as each layer's weights allow."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.optimizer.base import GroupOptimizer, Parameters

Beta = Annotated[float, Ge(0), Lt(1)]


class LAMB(GroupOptimizer):
    """``u = m̂ / (√v̂ + ε) + λw``, then ``w ← w - lr ‖w‖/‖u‖ u`` for every layer.

    m̂ and v̂ are Adam's averages with bias correction; the ratio is 1 where a norm is zero.

    Args:
        params: parameters or groups of them.
        lr: learning rate: the relative change of a layer in an update, at least 0.
        betas: shares kept of the averages of gradients and of squared gradients, in [0, 1).
        eps: added to the root, above 0.
        weight_decay: λ, at least 0; part of the update and of its norm.

    Source: You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", algorithm 2,
    with φ(z) = z.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 5e-3,
        betas: tuple[Beta, Beta] = (0.9, 0.999),
        eps: Annotated[float, Gt(0)] = 1e-6,
        weight_decay: Annotated[float, Ge(0)] = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        (beta1, beta2), steps = group["betas"], self.count(params)
        m, v = self.zeros(params, "exp_avg"), self.zeros(params, "exp_avg_sq")
        torch._foreach_lerp_(m, grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
        root = torch._foreach_div(v, [1 - beta2**t for t in steps])
        torch._foreach_sqrt_(root)
        torch._foreach_add_(root, group["eps"])
        update = torch._foreach_div(m, [1 - beta1**t for t in steps])
        torch._foreach_div_(update, root)
        torch._foreach_add_(update, params, alpha=group["weight_decay"])
        w, u = torch.stack(torch._foreach_norm(params)), torch.stack(torch._foreach_norm(update))
        torch._foreach_mul_(update, list(torch.where((w > 0) & (u > 0), w / u, 1.0).unbind()))
        torch._foreach_add_(params, update, alpha=-group["lr"])
