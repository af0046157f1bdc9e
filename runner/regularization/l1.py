"""A penalty on absolute weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from runner.regularization.weights.penalty import WeightPenalty


def absolute_sum(tensors: Sequence[Tensor]) -> Tensor:
    """``sum |w|`` over all elements of all tensors, with gradient ``sign(w)`` (0 at 0).

    Args:
        tensors: at least one, of any shapes, on one device.

    Returns:
        A tensor of no dimensions. It can be differentiated once.
    """
    total: Tensor = _AbsoluteSum.apply(*tensors)
    return total


class _AbsoluteSum(torch.autograd.Function):
    # Few grouped kernels each way; left to autograd, the same takes several small ones per tensor.

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        # Not torch._foreach_norm(tensors, 1), which takes more than twice as long on CPUs.
        return torch.stack([absolute.sum() for absolute in torch._foreach_abs(tensors)]).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        signs = torch._foreach_sign(ctx.saved_tensors)
        torch._foreach_mul_(signs, gradient)
        return tuple(signs)


class L1(WeightPenalty):
    """Add ``strength * sum |w|`` to the loss, over weights (two or more dimensions), not over norms and biases.

    Args:
        strength: at least 0.

    Source: Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso".
    """

    def __init__(self, strength: Annotated[float, Ge(0)] = 1e-5) -> None:
        self.strength = strength

    def penalty(self) -> Tensor:
        """The term, a tensor of no dimensions."""
        return self.strength * absolute_sum(self.weights)
