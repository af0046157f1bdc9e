"""Smooth curves through a few random heights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def spline_pieces(knots: int) -> Tensor:
    """The cubic spline through each unit vector of heights at evenly spaced knots, not-a-knot at its ends.

    A spline is linear in its heights, so that these are all that is needed of scipy, once.

    Args:
        knots: how many, both ends among them; at least 2. Two give a line, three a parabola.

    Returns:
        ``(4, knots - 1, knots)`` float32: coefficients, of the third power first, of each piece for each unit vector.
    """
    from scipy.interpolate import CubicSpline

    return torch.from_numpy(CubicSpline(range(knots), torch.eye(knots).double().numpy()).c).float()


def curves(pieces: Tensor, heights: Tensor, last: Tensor, steps: int) -> Tensor:
    """Cubic splines, each stretched over a series from its first to its last step, behind which they stay level.

    Args:
        pieces: see `spline_pieces`.
        heights: at the knots ``(N, knots, curves)``.
        last: number of the last step of each series ``(N, 1)``, or ``(1, 1)``.
        steps: how many are asked for.

    Returns:
        ``(N, steps, curves)``.
    """
    count = pieces.shape[1]
    place = (torch.arange(steps, device=last.device) / last.clamp(min=1)).clamp(max=1) * count
    piece = place.long().clamp(max=count - 1)
    beyond = (place - piece)[..., None]
    cubic, square, slope, height = pieces[:, piece].unbind()  # (N or 1, steps, knots) each
    return (((cubic * beyond + square) * beyond + slope) * beyond + height) @ heights
