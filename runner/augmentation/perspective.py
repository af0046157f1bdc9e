"""Random views of an image as of a tilted picture."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ImageTechnique, Padding, Probability
from runner.augmentation.geometry.boxes import moved
from runner.augmentation.geometry.warp import warp, warp_mask


def perspective_matrix(corners: Tensor, height: int, width: int) -> Tensor:
    """From places in an image to where they go, so that its corner pixels go where they are told.

    Args:
        corners: x and y of where the top left, top right, bottom right and bottom left pixels go, in pixels from the
            top left one ``(N, 4, 2)``.
        height: pixels of the image.
        width: likewise.

    Returns:
        ``(N, 3, 3)``, in pixels from the centre of the image, x before y.
    """
    middle = corners.new_tensor([(width - 1) / 2, (height - 1) / 2])
    to = (corners - middle) / middle.clamp(min=0.5)  # of the order of 1, for the solver
    own = to.new_tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]).expand_as(to)
    one, zero = torch.ones_like(to[..., :1]), torch.zeros_like(to)
    u, v = to[..., :1], to[..., 1:]
    # u (g x + h y + 1) = a x + b y + c, and likewise v.
    first = torch.cat([own, one, zero, zero[..., :1], -u * own], -1)
    second = torch.cat([zero, zero[..., :1], own, one, -v * own], -1)
    # On a GPU the other solver waits for its verdict; there is always a solution.
    solution = torch.linalg.solve_ex(torch.cat([first, second], 1), torch.cat([u, v], 1)).result[..., 0]
    matrix = torch.cat([solution, torch.ones_like(solution[:, :1])], 1).view(-1, 3, 3)
    sides = torch.cat([middle.clamp(min=0.5), middle.new_ones(1)])
    return matrix * sides[:, None] / sides


class Perspective(ImageTechnique):
    """Tilt each image with some probability: each corner moves inwards by up to `distortion` of half a side.

    Args:
        distortion: largest share, in [0, 1].
        p: share of the images that are tilted.
        padding_mode: what lies outside: the image mirrored at its edge, the border pixel, or 0, the mean of
            standardized images.

    Source: Hartley and Zisserman 2003, "Multiple View Geometry in Computer Vision", section 2.3; the draws are those of
    torchvision's RandomPerspective.
    """

    def __init__(
        self,
        distortion: Annotated[float, Ge(0), Le(1)] = 0.3,
        p: Probability = 0.5,
        padding_mode: Padding = "reflect",
    ) -> None:
        self.distortion, self.p, self.padding_mode = distortion, p, padding_mode

    def draw(self, inputs: Tensor) -> tuple[Tensor, int, int]:
        """From places in each image to where they go ``(N, 3, 3)``; the images' height and width."""
        height, width = inputs.shape[-2:]
        ends, inwards = [], []
        for side in (width, height):
            farthest = int(self.distortion * (side // 2))
            inwards.append(torch.randint(farthest + 1, (len(inputs), 4), device=inputs.device))
            ends.append(side - 1)
        chosen = torch.rand(len(inputs), 1, device=inputs.device) < self.p
        x, y = (torch.where(chosen, inward, 0).float() for inward in inwards)
        x = torch.stack([x[:, 0], ends[0] - x[:, 1], ends[0] - x[:, 2], x[:, 3]], 1)
        y = torch.stack([y[:, 0], y[:, 1], ends[1] - y[:, 2], ends[1] - y[:, 3]], 1)
        return perspective_matrix(torch.stack([x, y], -1), height, width), height, width

    def apply(self, inputs: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Tilted images ``(N, C, H, W)``."""
        return warp(inputs, matrix, self.padding_mode, projective=True)

    def apply_to_mask(self, mask: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Tilted masks ``(N, H, W)``, each pixel with the class of the nearest."""
        return warp_mask(mask, matrix, self.padding_mode, projective=True)

    def apply_to_boxes(self, boxes: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
        """Upright boxes around the tilted ones ``(N, M, 5)``, cut at the borders."""
        return moved(boxes, matrix, height, width)
