"""The scale of tables and series as a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from runner.data.parts.scaling import Scale


class ScaledTable(nn.Module):
    """`Scale.table`: from numbers ``(..., F)`` float64 to float32, computed in float64.

    Args:
        scale: of the features.
    """

    shift: Tensor
    spread: Tensor

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.register_buffer("shift", torch.from_numpy(scale.shift).double())
        self.register_buffer("spread", torch.from_numpy(scale.spread).double())

    def forward(self, raw: Tensor) -> Tensor:
        """Scaled numbers, of the shape that was given."""
        return ((raw.double() - self.shift) / self.spread).float()
