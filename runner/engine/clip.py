"""Gradient clipping that torch does not have."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

EPSILON = 1e-3  # weights count as at least this long, so that those that start at zero can leave it; equation 3


def unit_norms(tensor: Tensor) -> Tensor:
    """Length of the part of each output unit, ``(out, 1, ...)``; of vectors and numbers that of the whole."""
    dims = tuple(range(1, tensor.ndim)) or None
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=dims, keepdim=True)
    return norms


@torch.no_grad()
def clip_by_weights_(parameters: Iterable[Tensor], factor: float) -> None:
    """Adaptive gradient clipping: ``g_i <- g_i factor max(|w_i|, 1e-3) / |g_i|`` where that makes it shorter.

    In place, for every unit i (a row of a matrix, a filter of a convolution, a whole vector).

    Args:
        parameters: those without a gradient are left out.
        factor: largest length of a unit's gradient as a share of its weights' length, above 0.

    Source: Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without Normalization", equation 3.
    """
    for parameter in parameters:
        if (gradient := parameter.grad) is not None:
            most = factor * unit_norms(parameter).clamp(min=EPSILON)
            gradient.mul_((most / unit_norms(gradient).clamp(min=1e-12)).clamp(max=1.0))


def without_last_layer(model: nn.Module, parameters: Iterable[Tensor]) -> list[Tensor]:
    """The parameters but those of the model's last linear layer, which section 4.1 of the same leaves alone."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    last = {id(p) for p in linear[-1].parameters()} if linear else set()
    return [p for p in parameters if id(p) not in last]
