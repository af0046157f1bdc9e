"""From WAV files and waveforms to scaled spectrograms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.data.audio.log_mel import LogMel
from runner.data.audio.wav import WAVES, Clip, Samples, fitted, read_wav, resample
from runner.data.source.file_arrays import read_arrays
from runner.engine.spec import Field
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.audio.option import AudioOption

_AT_ONCE = 64  # clips of which spectrograms are made together, where there is no batch


class Spectrograms(Transform):
    """From waveforms of one length and rate to log-mel spectrograms, images of frames x bands.

    Args:
        option: says how they are made; with a `scaling` of none, -100 decibels are 0 and 0 decibels are 1.
        rate: samples in a second; 0 until a state says.
    """

    def __init__(self, option: AudioOption, rate: int = 0) -> None:
        super().__init__()
        self.option, self.rate, self.length = option, rate, option.length(rate)
        self.shift, self.spread = 0.0, 1.0

    def fit(self, raw: Samples) -> None:
        """Learn mean and deviation, or the least and the largest, of the spectrograms of clips ``(N, samples)``."""
        scaling = self.option.scaling
        if scaling == "none":
            return
        unscaled = self._log_mel()
        shares = [unscaled(torch.from_numpy(part)).double() for part in _split(raw)]
        low, high = min(float(x.min()) for x in shares), max(float(x.max()) for x in shares)
        if scaling == "minmax":
            self.shift, self.spread = low, high - low
        else:
            values = torch.cat([x.flatten() for x in shares])
            self.shift, self.spread = float(values.mean()), float(values.std(correction=0))
        if low == high:
            self.shift, self.spread = low, 1.0

    def _log_mel(self) -> LogMel:
        o = self.option
        f_max = self.rate / 2 if o.f_max is None else o.f_max
        return LogMel(self.rate, o.n_fft, o.hop_length, o.n_mels, o.f_min, f_max, o.mel_scale, self.shift, self.spread)

    def read_clip(self, path: Path) -> tuple[Samples, Clip]:
        """The beginning of a file as the clip ``(samples,)`` that it would be among the training data.

        Returns:
            The clip, and what was read of the file.

        Raises:
            RunFailed: the file can't be read, or has another rate and none is set.
        """
        clip = read_wav(path, self.length / self.rate)
        if clip.rate == self.rate:
            return fitted(clip.samples, self.length), clip
        if self.option.rate is None:
            raise RunFailed(
                f"{path} can't be read with the others (it has {clip.rate:,} samples in a second, and they "
                f"{self.rate:,}). data.rate={self.rate} brings all files to that rate."
            )
        return fitted(resample(clip.samples, clip.rate, self.rate), self.length), clip

    def clip(self, path: Path) -> Samples:
        """The clip alone; see `read_clip`."""
        return self.read_clip(path)[0]

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """WAV files, those in folders (sorted, with those in their folders), or ``-``, a path per line."""
        return read_arrays(sources, WAVES, self._read, size)

    def _read(self, path: Path) -> Samples | Bad:
        try:
            samples, clip = self.read_clip(path)
        except RunFailed as error:
            return Bad(str(path), str(error).removeprefix(f"{path} "))
        if clip.rate != self.rate:
            self.notes[f"files of another rate: brought to {self.rate:,} samples in a second"] = None
        if clip.seconds > self.length / self.rate:
            self.notes[f"files longer than {self.length / self.rate:g} s: cut behind it"] = None
        return samples

    def __call__(self, raw: Any) -> Tensor:
        """Waveforms ``(N, samples)``, or WAV files by their paths, as inputs."""
        clips = raw if isinstance(raw, np.ndarray) else np.stack([self.clip(Path(path)) for path in raw])
        module = self.module()
        return torch.cat([module(torch.from_numpy(part)) for part in _split(clips)])

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        shape = (1 + self.length // self.option.hop_length, self.option.n_mels)
        if self.option.as_sequence:
            return Field("series", shape, made_of="waveform")
        return Field("image", (1, *shape), mean=(self.shift,), std=(self.spread,), made_of="waveform")

    def module(self) -> torch.nn.Module:
        """From waveforms ``(N, samples)``, of 16 bits or in [-1, 1], to inputs."""
        module = self._log_mel()
        return torch.nn.Sequential(module, torch.nn.Flatten(1, 2)) if self.option.as_sequence else module

    def state_dict(self) -> dict[str, Any]:
        """Shift and spread, and what the clips were like."""
        return {"shift": self.shift, "spread": self.spread, "rate": self.rate, "length": self.length}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.shift, self.spread, self.rate, self.length = (state[k] for k in ("shift", "spread", "rate", "length"))


def _split(clips: NDArray[Any]) -> list[NDArray[Any]]:
    return [clips[start : start + _AT_ONCE] for start in range(0, len(clips), _AT_ONCE)]
