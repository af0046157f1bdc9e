"""Bringing inputs to a common scale, with statistics of the training part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.data.base import ImageScaling, TableScaling
from runner.engine.colours import SCALINGS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """``(x - shift) / spread``, per feature of a table or channel of an image.

    Attributes:
        shift: what is subtracted ``(F,)``.
        spread: what is divided by ``(F,)``, never 0.
    """

    shift: Floats
    spread: Floats

    def table(self, rows: Floats) -> NDArray[np.float32]:
        """Scale a table ``(N, F)``."""
        return ((rows - self.shift) / self.spread).astype(np.float32)

    def images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scale images ``(N, C, H, W)``, or one image ``(C, H, W)``, in float32 throughout: the images may be many."""
        scaled = pixels.astype(np.float32)
        scaled -= self.shift.astype(np.float32)[:, None, None]
        scaled /= self.spread.astype(np.float32)[:, None, None]
        return scaled


def fit_table(rows: Floats, scaling: TableScaling) -> Scale:
    """The scale of a table from its training rows ``(N, F)``; a constant feature becomes 0.

    Args:
        rows: values without gaps.
        scaling: ``standard``: population standard deviation; ``minmax``: to [0, 1]; ``robust``: by median and distance
            of the quartiles, as `RobustScaler` of scikit-learn.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    if scaling == "none":
        return Scale(np.zeros_like(low), np.ones_like(low))
    if scaling == "robust":
        first, shift, third = np.percentile(rows, (25, 50, 75), axis=0)
        spread = third - first
    else:
        shift, spread = (low, high - low) if scaling == "minmax" else (rows.mean(axis=0), rows.std(axis=0))
    constant = (low == high) | (spread == 0)
    # A constant feature's mean may be off by a rounding error, which a tiny spread would blow up.
    middle = low if scaling != "robust" else shift
    return Scale(np.where(constant, middle, shift), np.where(constant, 1.0, spread))


def histogram(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each value occurs in each channel ``(C, 256)`` of images ``(N, C, H, W)``. Histograms add up."""
    return np.stack([np.bincount(pixels[:, c].ravel(), minlength=256) for c in range(pixels.shape[1])])


def fit_images(counts: NDArray[np.int64], scaling: ImageScaling, ceiling: int = 255) -> Scale:
    """The scale of images from the `histogram` of the training ones; exact, in whatever pieces it was counted.

    Args:
        counts: occurrences of each pixel value per channel ``(C, 256)``.
        scaling: as in `fit_table`; ``none`` only brings pixels to [0, 1]; ``imagenet`` and ``symmetric`` are constants.
        ceiling: the value of a fully lit pixel.
    """
    channels = len(counts)
    if scaling == "none":
        return Scale(np.zeros(channels), np.full(channels, float(ceiling)))
    if scaling in SCALINGS:
        shift, spread = np.array(SCALINGS[scaling]) * ceiling  # of grey images the mean over the colours
        return Scale(*(each if channels == 3 else np.full(channels, each.mean()) for each in (shift, spread)))
    values = np.arange(counts.shape[1], dtype=np.float64)
    seen = counts > 0
    low, high = seen.argmax(axis=1).astype(np.float64), values[-1] - seen[:, ::-1].argmax(axis=1)
    mean = counts @ values / counts.sum(axis=1)
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    shift, spread = (low, high - low) if scaling == "minmax" else (mean, np.sqrt(variance))
    return Scale(np.where(low == high, low, shift), np.where(low == high, 1.0, spread))
