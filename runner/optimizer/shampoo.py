"""Shampoo: gradients are whitened along every dimension of a weight tensor."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.optimizer.base import GroupOptimizer, Parameters


def inverse_root(matrix: Tensor, order: int) -> Tensor:
    """``matrix ** (-1 / order)`` of a symmetric positive definite matrix ``(n, n)``.

    Computed in float64: the smallest eigenvalues decide, and float32 does not hold them. Entries that are not finite
    count as 0, as there is no answer then and the loss is about to tell of it.
    """
    values, vectors = torch.linalg.eigh(matrix.double().nan_to_num(0.0, 0.0, 0.0))
    values = values.clamp(min=torch.finfo(torch.float32).tiny)
    root: Tensor = (vectors * values ** (-1 / order)) @ vectors.T
    return root.to(matrix.dtype)


def unfolded(tensor: Tensor, dim: int) -> Tensor:
    """A tensor as a matrix whose rows are its slices along `dim`: ``(size of dim, all the others)``."""
    return tensor.transpose(0, dim).reshape(tensor.shape[dim], -1)


class Shampoo(GroupOptimizer):
    """``w ← w - lr · G ×₁ H₁^(-1/2k) ×₂ ... ×ₖ Hₖ^(-1/2k)`` with ``H_i ← H_i + G_(i) G_(i)ᵀ``.

    k is the number of dimensions of the weight, and G_(i) its gradient as a matrix whose rows belong to dimension i.
    For a matrix that is ``L^(-1/4) G R^(-1/4)``. As with Adagrad, the sums only grow, so steps get shorter.

    Args:
        params: parameters or groups of them.
        lr: learning rate, at least 0.
        momentum: share of the last update that is added to the next, in [0, 1).
        weight_decay: decoupled: every update multiplies the weights by ``1 - lr * weight_decay``; at least 0.
        eps: each H starts at this times the identity, above 0.
        update_every: updates from one computation of the roots to the next, which takes most of the time; they are
            also computed in each of the first so many updates.
        max_size: dimensions longer than this are not whitened.
        graft: give each update the length of the gradient, as gradient descent has it. Without it directions in which
            no gradient has been before get steps up to ``eps ** (-1/2)`` times as long, and runs diverge easily.

    Source: Gupta et al. 2018, "Shampoo: Preconditioned Stochastic Tensor Optimization", algorithm 2; Anil et al. 2020,
    "Scalable Second Order Optimization for Deep Learning", section 5, for grafting.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 0.1,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        eps: Annotated[float, Gt(0)] = 1e-4,
        update_every: Annotated[int, Ge(1)] = 10,
        max_size: Annotated[int, Ge(1)] = 1024,
        graft: bool = True,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "eps": eps}
        super().__init__(params, defaults | {"update_every": update_every, "max_size": max_size, "graft": graft})

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """One update of a group."""
        for p, g, step in zip(params, grads, self.count(params), strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(self._velocity(group, p, self._whitened(group, p, g, step)), alpha=-group["lr"])

    def _whitened(self, group: dict[str, Any], p: Tensor, g: Tensor, step: int) -> Tensor:
        state, size = self.state[p], group["max_size"]
        g = g.reshape(g.shape or (1,))  # a single number is whitened as a vector
        whitened = g
        for dim in (dim for dim in range(g.ndim) if g.shape[dim] <= size):
            if step == 1:
                state[f"sum{dim}"] = group["eps"] * torch.eye(g.shape[dim], dtype=g.dtype, device=g.device)
            rows = unfolded(g, dim)
            state[f"sum{dim}"].addmm_(rows, rows.T)
            if step <= group["update_every"] or step % group["update_every"] == 0:
                state[f"root{dim}"] = inverse_root(state[f"sum{dim}"], 2 * g.ndim)
            shape = whitened.transpose(0, dim).shape
            whitened = (state[f"root{dim}"] @ unfolded(whitened, dim)).reshape(shape).transpose(0, dim)
        if group["graft"]:
            length = whitened.norm()
            whitened = whitened * torch.where(length > 0, g.norm() / length, 0.0)
        return whitened.reshape(p.shape)

    def _velocity(self, group: dict[str, Any], p: Tensor, update: Tensor) -> Tensor:
        if not group["momentum"]:
            return update
        (velocity,) = self.zeros([p], "momentum_buffer")
        return velocity.mul_(group["momentum"]).add_(update)
