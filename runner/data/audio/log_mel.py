"""Waveforms to log-mel spectrograms, on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runner.data.audio.mel import MelScale, mel_filters
from runner.engine.waveform import as_floats

RANGE = 100.0  # decibels that are seen: a little more than 16 bits have


class LogMel(nn.Module):
    """From waveforms to the power in bands of frequencies, in decibels: ``10 log10(sum_f M[f, m] |X[t, f]|²)``.

    X is the short-time Fourier transform with a Hann window, divided by the sum of the window, so that it doesn't
    depend on its length. Windows are centred on samples 0, `hop_length`, ... with silence around the clip. 0 is -100
    decibels and less, 1 is 0: a sine as loud as possible has -6. Nothing here is learned.

    Args:
        rate: samples in a second.
        n_fft: samples of a window.
        hop_length: samples from one window to the next.
        n_mels: bands of frequencies.
        f_min: where the first begins, in hertz.
        f_max: where the last ends, in hertz.
        mel_scale: see `to_mel`.
        shift: what is subtracted.
        spread: what is divided by.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        rate: int,
        n_fft: int,
        hop_length: int,
        n_mels: int,
        f_min: float,
        f_max: float,
        mel_scale: MelScale,
        shift: float = 0.0,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.shift, self.spread = n_fft, hop_length, shift, spread
        self.register_buffer("window", torch.hann_window(n_fft))
        weights = mel_filters(rate, n_fft, n_mels, f_min, f_max, mel_scale)
        self.register_buffer("filters", torch.from_numpy(weights).float())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms ``(N, samples)``, of 16 bits or in [-1, 1], to ``(N, 1, frames, n_mels)``."""
        transformed = torch.stft(
            as_floats(waveforms),
            self.n_fft,
            self.hop_length,
            window=self.window / self.window.sum(),
            pad_mode="constant",
            return_complex=True,
        )  # (N, frequencies, frames)
        power = transformed.real.square() + transformed.imag.square()
        mels = power.transpose(1, 2) @ self.filters
        shares = (mels.clamp(min=1e-10).log10() * (10.0 / RANGE) + 1.0).clamp(max=1.0)
        return ((shares - self.shift) / self.spread)[:, None]
