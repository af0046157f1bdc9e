"""Weights of classes, shared by the losses that have them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Normalize = Literal["examples", "weights"]


def balanced_weights(counts: tuple[int, ...]) -> tuple[float, ...]:
    """Class weights ``n / (C n_c)``: every class adds the same to the loss, and the mean weight of an example is 1.

    Args:
        counts: examples per class ``n_c``, each above 0; n is their sum.
    """
    return tuple(sum(counts) / (len(counts) * count) for count in counts)


def weight_of(targets: Tensor, weight: Tensor) -> Tensor:
    """The weight of every example ``(N,)``: that of its class, for probabilities t ``Σ_c t_c w_c``.

    Args:
        targets: class indices ``(N,)`` or probabilities ``(N, C)``.
        weight: weights of the classes ``(C,)``.
    """
    return weight[targets] if targets.ndim == 1 else targets.to(weight.dtype) @ weight


def placed(weight: Tensor, outputs: Tensor) -> Tensor:
    """`weight` with the device and type of `outputs`, to be kept for the next call, which then copies nothing.

    Made outside of inference mode: a tensor made inside it could not take part in training afterwards.
    """
    with torch.inference_mode(False):
        return weight.to(outputs)
