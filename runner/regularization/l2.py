"""A penalty on squared weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from runner.regularization.weights.penalty import WeightPenalty


def square_sum(tensors: Sequence[Tensor]) -> Tensor:
    """``sum w^2`` over all elements of all tensors, with gradient ``2 w``.

    Args:
        tensors: at least one, of any shapes, on one device.

    Returns:
        A tensor of no dimensions. It can be differentiated once.
    """
    total: Tensor = _SquareSum.apply(*tensors)
    return total


class _SquareSum(torch.autograd.Function):
    # Few grouped kernels each way; left to autograd, the same takes several small ones per tensor.

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return torch.stack(torch._foreach_norm(tensors)).square().sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch._foreach_mul(ctx.saved_tensors, 2.0 * gradient))


class L2(WeightPenalty):
    """Add ``strength * sum w^2`` to the loss, over weights (two or more dimensions), not over norms and biases.

    Three things are called L2, and they differ:

    - this penalty shows in the loss and adds ``2 * strength * w`` to the gradient;
    - ``optimizer.weight_decay`` of sgd, adam and the like adds ``weight_decay * w`` to the gradient, of every parameter
      unless ``optimizer.params.decay_norm_bias=false``: with that, `strength` equals ``weight_decay / 2``;
    - ``optimizer.weight_decay`` of adamw shrinks the weights by ``lr * weight_decay`` apart from the gradient. Adam
      divides the first two by the gradient's size, so that weights with large gradients hardly decay; not this one.

    Args:
        strength: at least 0.

    Source: Krogh and Hertz 1991, "A Simple Weight Decay Can Improve Generalization"; Loshchilov and Hutter 2019,
    "Decoupled Weight Decay Regularization", for the difference.
    """

    def __init__(self, strength: Annotated[float, Ge(0)] = 1e-4) -> None:
        self.strength = strength

    def penalty(self) -> Tensor:
        """The term, a tensor of no dimensions."""
        return self.strength * square_sum(self.weights)
