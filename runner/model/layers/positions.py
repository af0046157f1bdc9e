"""How a transformer is told where a token stands."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Positions = Literal["learned", "sinusoidal", "rotary", "none"]


def angles(positions: Tensor, width: int, base: float = 10000.0) -> Tensor:
    """``position / base^(2i / width)`` for i below ``width / 2``: ``(..., width / 2)`` of positions ``(...)``."""
    powers = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    return positions[..., None].float() * base**-powers


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sines at even and cosines at odd places of each position's vector: ``(..., width)`` of positions ``(...)``.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.
    """
    found = angles(positions, width)
    return torch.stack((found.sin(), found.cos()), -1).flatten(-2)[..., :width]


def rotation(positions: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the `angles`, for `rotated`; made once for all layers."""
    found = angles(positions, width)
    return found.cos(), found.sin()


def rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of numbers i and ``i + D / 2`` by an angle that grows with the token's position.

    The dot product of two turned vectors depends on how far their tokens stand apart, not on where they stand.

    Args:
        x: ``(N, heads, T, D)`` with even D.
        rotation: cosines and sines ``(T, D / 2)`` at the positions of the tokens.

    Source: Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", equation 34; which numbers
    make a pair is free.
    """
    a, b = x.chunk(2, -1)
    cos, sin = rotation  # float32, and so are the products in half precision
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).to(x.dtype)
