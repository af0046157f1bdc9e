"""Images, masks and boxes whose pixels are moved by a matrix: x' = M x, in pixels from the centre of the image."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from runner.augmentation.base import Padding
from runner.engine.spec import IGNORED

GRID_MODES: dict[Padding, str] = {"reflect": "reflection", "replicate": "border", "zeros": "zeros"}


def affine_matrix(degrees: Tensor, right: Tensor, down: Tensor, scale: Tensor, slant: Tensor, tilt: Tensor) -> Tensor:
    """From places in an image to where they go: slanted, scaled, turned, then moved.

    Args:
        degrees: angles, clockwise ``(N,)``.
        right: pixels ``(N,)``.
        down: pixels ``(N,)``.
        scale: factors ``(N,)``.
        slant: degrees by which vertical lines lean to the left ``(N,)``.
        tilt: degrees by which horizontal lines rise ``(N,)``.

    Returns:
        ``(N, 3, 3)``, x before y.
    """
    angle, zero, one = torch.deg2rad(degrees), torch.zeros_like(degrees), torch.ones_like(degrees)
    slant, tilt = torch.deg2rad(slant).tan(), torch.deg2rad(tilt).tan()
    cos, sin = angle.cos(), angle.sin()
    # Rotation times [1, 0; -tilt, 1] times [1, -slant; 0, 1].
    a, c = cos + sin * tilt, sin - cos * tilt
    b, d = -a * slant - sin, -c * slant + cos
    rows = [a * scale, b * scale, right, c * scale, d * scale, down, zero, zero, one]
    return torch.stack(rows, 1).view(-1, 3, 3)


def inverse(matrix: Tensor) -> Tensor:
    """The way back ``(N, 3, 3)``, by the adjugate: on a GPU nothing waits, as it would for a solver's verdict."""
    a, b, c = matrix.unbind(-1)
    adjugate = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], -2)
    determinant: Tensor = (a * torch.linalg.cross(b, c)).sum(-1)
    return adjugate / determinant[:, None, None]


def warp(
    inputs: Tensor,
    matrix: Tensor,
    padding_mode: Padding = "reflect",
    mode: Literal["bilinear", "nearest"] = "bilinear",
    projective: bool = False,
) -> Tensor:
    """``x'(r) = x(M⁻¹ r)``: move the pixels of each image.

    Args:
        inputs: images ``(N, C, H, W)``.
        matrix: from places in the image to where they go ``(N, 3, 3)``.
        padding_mode: what lies outside: the image mirrored at its edge, the border pixel, or 0.
        mode: interpolation.
        projective: whether parallel lines may meet; else the last row of the matrices is taken as (0, 0, 1).

    Returns:
        Images ``(N, C, H, W)``.
    """
    n, _, h, w = inputs.shape
    back = inverse(matrix.float())
    sides = back.new_tensor([w / 2, h / 2, 1.0])
    # In the coordinates that `grid_sample` takes: from -1 to 1 along either side.
    back = back * (sides / sides[:, None])
    if projective:
        y, x = (torch.arange(1 - size, size, 2, device=inputs.device, dtype=back.dtype) / size for size in (h, w))
        base = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones_like(x).expand(h, w)], -1)
        places = base.view(1, h * w, 3) @ back.transpose(1, 2)
        grid = (places[..., :2] / places[..., 2:]).view(n, h, w, 2)
    else:
        grid = F.affine_grid(back[:, :2], [n, 1, h, w], align_corners=False)
    grid = grid.to(inputs.dtype)
    return F.grid_sample(inputs, grid, mode=mode, padding_mode=GRID_MODES[padding_mode], align_corners=False)


def warp_mask(mask: Tensor, matrix: Tensor, padding_mode: Padding, projective: bool = False) -> Tensor:
    """Masks ``(N, H, W)`` moved likewise, each pixel with the class of the nearest; 0 outside becomes `IGNORED`."""
    shifted = (mask - IGNORED).float()[:, None]
    return warp(shifted, matrix, padding_mode, "nearest", projective)[:, 0].to(mask.dtype) + IGNORED
