"""Averages of the weights that are kept beside a network and evaluated in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


def floating(model: nn.Module, buffers: bool) -> dict[str, Tensor]:
    """Parameters of `model` by name, and on demand its buffers: what holds floating-point numbers, detached."""
    named = [*model.named_parameters(), *(model.named_buffers() if buffers else ())]
    return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point()}


@torch.no_grad()
def copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    """Copy tensors into those of the same name, in place."""
    for name, tensor in target.items():
        tensor.copy_(source[name])


@contextmanager
def in_place_of(tensors: Mapping[str, Tensor], average: Mapping[str, Tensor]) -> Iterator[None]:
    """Within this context `tensors` hold the values of `average`; afterwards their own again, to the last bit."""
    own = {name: tensor.clone() for name, tensor in tensors.items()}
    copy(average, tensors)
    try:
        yield
    finally:
        copy(own, tensors)
