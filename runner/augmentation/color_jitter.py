"""Random brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability, uniform
from runner.augmentation.grayscale import luminance

Change = Callable[[Tensor, Tensor], Tensor]


def blend(pixels: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    """``clamp(f x + (1 - f) y)``, which leaves [0, 1] never.

    Args:
        pixels: x ``(N, C, H, W)``.
        other: y, of a shape that goes with it, or a number.
        factor: f ``(N,)``; 0 gives y, 1 gives x, above 1 away from y.
    """
    return torch.lerp(torch.as_tensor(other, device=pixels.device).to(pixels), pixels, _wide(factor)).clamp_(0.0, 1.0)


def _wide(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def adjust_brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """``clamp(f x)``: pixels ``(N, C, H, W)`` by a factor each ``(N,)``."""
    return (pixels * _wide(factor)).clamp_(0.0, 1.0)


def adjust_contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, the mean luminance of each image: pixels ``(N, C, H, W)`` by a factor each ``(N,)``."""
    return blend(pixels, luminance(pixels).mean((1, 2, 3), keepdim=True), factor)


def adjust_saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from, or towards, the luminance of each pixel: ``(N, C, H, W)`` by a factor each ``(N,)``; grey stays."""
    return pixels.clone() if pixels.shape[1] == 1 else blend(pixels, luminance(pixels), factor)


def adjust_hue(pixels: Tensor, turn: Tensor) -> Tensor:
    """Turn the hues of each image round the circle of colours; images of other than three channels stay.

    In place of the six cases of the usual conversion from and to hue, saturation and value, a channel is
    ``V - (V - m) clamp(min(k, 4 - k), 0, 1)`` with ``k = (n + 6 hue) mod 6`` and n = 5, 3, 1 for red, green and
    blue; V and m are the largest and the smallest of the three.

    Args:
        pixels: ``(N, C, H, W)`` in [0, 1].
        turn: share of a full turn ``(N,)``, in [-0.5, 0.5].
    """
    if pixels.shape[1] != 3:
        return pixels.clone()
    red, green, blue = pixels.unbind(1)
    low, value = pixels.aminmax(dim=1)
    spread = value - low
    inverse = spread.clamp(min=1e-12).reciprocal_()  # where there is no spread, the hue counts for nothing
    hue = torch.where(
        value == red,
        (green - blue).mul_(inverse),
        torch.where(value == green, (blue - red).mul_(inverse).add_(2.0), (red - green).mul_(inverse).add_(4.0)),
    )
    hue.add_(turn.view(-1, 1, 1), alpha=6.0)
    turned = torch.empty_like(pixels)
    for channel, n in enumerate((5.0, 3.0, 1.0)):
        k = (hue + n).remainder_(6.0)
        share = torch.minimum(k, 4.0 - k).clamp_(0.0, 1.0)
        torch.addcmul(value, spread, share, value=-1.0, out=turned[:, channel])
    return turned


class ColorJitter(ColourTechnique):
    """Change brightness, contrast, saturation and hue of each image.

    The factors of the first three are drawn uniformly from [1 - s, 1 + s], not below 0, the turn of the hue from
    [-s, s]. Every image has draws of its own; the order of the four is drawn once for each batch. What is 0 costs
    nothing.

    Args:
        brightness: s of the brightness, at least 0.
        contrast: s of the contrast, at least 0.
        saturation: s of the saturation, at least 0.
        hue: s of the hue in full turns, in [0, 0.5].
        p: share of the images that are changed.

    Source: Howard 2013, "Some Improvements on Deep Convolutional Neural Network Based Image Classification", section 2;
    Chen et al. 2020, "A Simple Framework for Contrastive Learning", appendix A.
    """

    def __init__(
        self,
        brightness: Annotated[float, Ge(0)] = 0.4,
        contrast: Annotated[float, Ge(0)] = 0.4,
        saturation: Annotated[float, Ge(0)] = 0.4,
        hue: Annotated[float, Ge(0), Le(0.5)] = 0.1,
        p: Probability = 1.0,
    ) -> None:
        self.brightness, self.contrast, self.saturation, self.hue, self.p = brightness, contrast, saturation, hue, p

    def draw(self, inputs: Tensor) -> tuple[tuple[Change, Tensor], ...]:
        """What is done one after the other, each with a number for each image ``(N,)``."""
        strengths: list[tuple[Change, float]] = [
            (adjust_brightness, self.brightness),
            (adjust_contrast, self.contrast),
            (adjust_saturation, self.saturation),
        ]
        draws = [(change, uniform(max(0.0, 1 - s), 1 + s, inputs)) for change, s in strengths if s > 0]
        if self.hue > 0:
            draws.append((adjust_hue, uniform(-self.hue, self.hue, inputs)))
        return tuple(draws[number] for number in torch.randperm(len(draws)).tolist())  # on the CPU: nothing waits

    def apply(self, inputs: Tensor, *draws: tuple[Change, Tensor]) -> Tensor:
        """Images in other colours ``(N, C, H, W)``."""
        for change, factor in draws:
            inputs = change(inputs, factor)
        return inputs
