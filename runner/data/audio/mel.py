"""Bands of frequencies as the ear tells them apart."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

MelScale = Literal["htk", "slaney"]

_SLANEY_LINEAR, _SLANEY_FROM, _SLANEY_STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27


def to_mel(hertz: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    """Frequencies as mels.

    Args:
        hertz: at least 0.
        scale: ``htk``: ``2595 log10(1 + f / 700)`` (O'Shaughnessy 1987; Young et al., The HTK Book); ``slaney``: linear
            up to 1 kHz, then logarithmic (Slaney 1998, Auditory Toolbox).
    """
    mels: NDArray[np.float64]
    if scale == "htk":
        mels = 2595.0 * np.log10(1.0 + hertz / 700.0)
        return mels
    above = np.log(np.maximum(hertz, _SLANEY_FROM) / _SLANEY_FROM) / _SLANEY_STEP
    mels = np.minimum(hertz, _SLANEY_FROM) / _SLANEY_LINEAR + above
    return mels


def to_hertz(mels: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    """The way back from `to_mel`."""
    hertz: NDArray[np.float64]
    if scale == "htk":
        hertz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
        return hertz
    corner = _SLANEY_FROM / _SLANEY_LINEAR
    hertz = np.minimum(mels, corner) * _SLANEY_LINEAR * np.exp(_SLANEY_STEP * np.maximum(mels - corner, 0.0))
    return hertz


def mel_filters(rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float, scale: MelScale) -> NDArray[np.float64]:
    """Triangles of height 1, evenly spaced in mels, each from the middle of the one before to that of the next.

    Args:
        rate: samples in a second.
        n_fft: samples of a window.
        n_mels: how many.
        f_min: where the first begins, in hertz.
        f_max: where the last ends, in hertz.
        scale: see `to_mel`.

    Returns:
        Weights of the frequencies of the transform ``(n_fft // 2 + 1, n_mels)``.
    """
    ends = to_mel(np.array([f_min, f_max]), scale)
    corners = to_hertz(np.linspace(ends[0], ends[1], n_mels + 2), scale)
    frequencies = np.arange(n_fft // 2 + 1)[:, None] * (rate / n_fft)
    rising = (frequencies - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequencies) / (corners[2:] - corners[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))
