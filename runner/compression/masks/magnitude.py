"""Masks that keep the largest weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


@torch.no_grad()
def in_each_layer(weights: Mapping[str, Tensor], amount: float) -> dict[str, Tensor]:
    """Cut the smallest ``|w|`` of every layer: ``round(amount n)`` of its n weights.

    Args:
        weights: by name, of any shapes.
        amount: share that is cut, in [0, 1].

    Returns:
        Masks of their shapes: True where a weight is kept. Which of several equal ones is cut is `torch.topk`'s choice,
        as it is in ``torch.nn.utils.prune.l1_unstructured``, whose masks these are.

    Source: Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3.
    """
    return {name: _largest(w.abs().flatten(), amount).view_as(w) for name, w in weights.items()}


@torch.no_grad()
def over_all_layers(weights: Mapping[str, Tensor], amount: float) -> dict[str, Tensor]:
    """Cut the smallest ``|w|`` wherever they are, below one threshold for all layers.

    Arguments and result are those of `in_each_layer`; the masks are those of
    ``torch.nn.utils.prune.global_unstructured`` with its ``L1Unstructured``.

    Source: Frankle and Carbin 2019, "The Lottery Ticket Hypothesis", section 4, who cut convolutional networks so.
    """
    kept = _largest(torch.cat([w.abs().flatten() for w in weights.values()]), amount)
    parts = kept.split([w.numel() for w in weights.values()])
    return {name: part.view_as(w) for (name, w), part in zip(weights.items(), parts, strict=True)}


def _largest(sizes: Tensor, amount: float) -> Tensor:
    kept = torch.ones_like(sizes, dtype=torch.bool)
    cut = sizes.topk(round(amount * len(sizes)), largest=False).indices
    kept[cut] = False
    return kept
