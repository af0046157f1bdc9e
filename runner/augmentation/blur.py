"""Random blur."""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from runner.augmentation.base import ColourTechnique, Probability, in_range, uniform
from runner.errors import ConfigError


def gaussian_blur(pixels: Tensor, sigma: Tensor, kernel_size: int) -> Tensor:
    """``x * g``, g[k] ∝ exp(-k² / 2σ²) along both sides: images blurred, mirrored at their borders.

    Args:
        pixels: ``(N, C, H, W)``.
        sigma: standard deviation of each image's kernel in pixels ``(N,)``.
        kernel_size: pixels along a side of the kernel, odd; less than twice a side of the images.
    """
    reach = kernel_size // 2
    steps = torch.arange(-reach, reach + 1, device=pixels.device)
    weights = (-0.5 * (steps / sigma[:, None]).square()).softmax(1).to(pixels.dtype)  # (N, k)
    for dim in (-1, -2):
        pad = (reach, reach, 0, 0) if dim == -1 else (0, 0, reach, reach)
        wide, side = F.pad(pixels, pad, mode="reflect"), pixels.shape[dim]
        blurred = torch.zeros_like(pixels)
        for number in range(kernel_size):  # sums of shifted images: a kernel each would be a convolution each
            blurred.addcmul_(wide.narrow(dim, number, side), weights[:, number].view(-1, 1, 1, 1))
        pixels = blurred
    return pixels


class Blur(ColourTechnique):
    """Blur some of the images by a Gaussian kernel.

    Args:
        sigma: smallest and largest standard deviation of the kernel in pixels, above 0; drawn uniformly.
        kernel_size: pixels along a side of the kernel, odd; None: a tenth of the images' shorter side, at least 3.
        p: share of the images that are blurred.

    Raises:
        ConfigError: `sigma` is no range, or `kernel_size` is even.

    Source: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", appendix A.
    """

    def __init__(
        self,
        sigma: tuple[float, float] = (0.1, 2.0),
        kernel_size: Annotated[int, Ge(1)] | None = None,
        p: Probability = 0.5,
    ) -> None:
        self.sigma, self.kernel_size, self.p = in_range("blur.sigma", sigma, 1e-3), kernel_size, p
        if kernel_size is not None and kernel_size % 2 == 0:
            raise ConfigError(f"augmentation.blur.kernel_size={kernel_size}: expected an odd number of pixels.")

    def draw(self, inputs: Tensor) -> tuple[Tensor, int]:
        """The standard deviation for each image ``(N,)``, and the pixels of the kernel."""
        shorter = min(inputs.shape[-2:])
        size = self.kernel_size or max(3, math.ceil(shorter / 10) // 2 * 2 + 1)
        return uniform(*self.sigma, inputs), min(size, 2 * shorter - 1)

    def apply(self, inputs: Tensor, sigma: Tensor, kernel_size: int) -> Tensor:
        """Blurred images ``(N, C, H, W)``."""
        return gaussian_blur(inputs, sigma, kernel_size)
