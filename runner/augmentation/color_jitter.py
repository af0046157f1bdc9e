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

# Pixels whose hues are turned at once on a CPU: what is worked out on the way then stays in its cache, which makes it
# two to three times as fast.
_IN_CACHE = 2**15


def _wide(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


# As torch's, what ends in an underscore writes into what it is given: a new tensor for each step would cost as much as
# the arithmetic.


def adjust_brightness_(pixels: Tensor, factor: Tensor) -> Tensor:
    """``clamp(f x)``: pixels ``(N, C, H, W)`` by a factor each ``(N,)``."""
    return pixels.mul_(_wide(factor)).clamp_(0.0, 1.0)


def adjust_contrast_(pixels: Tensor, factor: Tensor) -> Tensor:
    """``clamp(f x + (1 - f) y)``, y the mean luminance of an image: ``(N, C, H, W)`` by a factor each ``(N,)``."""
    mean = luminance(pixels.mean((2, 3), keepdim=True))  # the same as the mean of the luminance
    return pixels.mul_(_wide(factor)).add_(mean * (1 - _wide(factor))).clamp_(0.0, 1.0)


def adjust_saturation_(pixels: Tensor, factor: Tensor) -> Tensor:
    """``clamp(f x + (1 - f) y)``, y the luminance of each pixel: ``(N, C, H, W)`` by a factor each ``(N,)``."""
    if pixels.shape[1] == 1:
        return pixels
    grey = luminance(pixels).mul_(1 - _wide(factor))
    return pixels.mul_(_wide(factor)).add_(grey).clamp_(0.0, 1.0)


def adjust_hue_(pixels: Tensor, turn: Tensor) -> Tensor:
    """Turn the hues of each image round the circle of colours; images of other than three channels stay.

    In place of the six cases of the usual conversion from and to hue, saturation and value, a channel is
    ``V - (V - m) clamp(2 - 6 |t|, 0, 1)``, t being how far its hue is from that opposite to the channel's, in turns
    from -0.5 to 0.5; V and m are the largest and the smallest of the three.

    Args:
        pixels: ``(N, C, H, W)`` in [0, 1].
        turn: share of a full turn ``(N,)``, in [-0.5, 0.5].
    """
    if pixels.shape[1] == 3:
        at_once = max(1, _IN_CACHE // pixels[0, 0].numel()) if pixels.device.type == "cpu" else len(pixels)
        for some, turns in zip(pixels.split(at_once), turn.split(at_once), strict=True):
            _turn_hues_(some, turns)
    return pixels


def _turn_hues_(pixels: Tensor, turn: Tensor) -> None:
    red, green, blue = pixels.unbind(1)
    value, low = torch.maximum(red, green).maximum(blue), torch.minimum(red, green).minimum(blue)
    spread = value - low
    sixth = spread.clamp(min=1e-12).mul_(6.0).reciprocal_()  # where there is no spread, the hue counts for nothing
    # Three cases by the largest channel; `lerp` by 0 or 1 takes one of two exactly, five times as fast as `where`.
    hue = (red - green).mul_(sixth).add_(2 / 3)
    hue.lerp_((blue - red).mul_(sixth).add_(1 / 3), value.clone().eq_(green))
    hue.lerp_((green - blue).mul_(sixth), value.clone().eq_(red))
    hue.add_(turn.view(-1, 1, 1))
    away, nearest = torch.empty_like(hue), sixth
    for channel, opposite in enumerate((1 / 2, 5 / 6, 1 / 6)):
        torch.sub(hue, opposite, out=away)
        away.sub_(torch.round(away, out=nearest)).abs_().mul_(-6.0).add_(2.0).clamp_(0.0, 1.0)
        torch.addcmul(value, spread, away, value=-1.0, out=pixels[:, channel])


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
            (adjust_brightness_, self.brightness),
            (adjust_contrast_, self.contrast),
            (adjust_saturation_, self.saturation),
        ]
        draws = [(change, uniform(max(0.0, 1 - s), 1 + s, inputs)) for change, s in strengths if s > 0]
        if self.hue > 0:
            draws.append((adjust_hue_, uniform(-self.hue, self.hue, inputs)))
        return tuple(draws[number] for number in torch.randperm(len(draws)).tolist())  # on the CPU: nothing waits

    def apply(self, inputs: Tensor, *draws: tuple[Change, Tensor]) -> Tensor:
        """Images in other colours ``(N, C, H, W)``."""
        for change, factor in draws:
            inputs = change(inputs, factor)
        return inputs
