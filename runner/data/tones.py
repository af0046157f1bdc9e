"""Sounds of a few kinds, drawn on the spot."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from runner.data.audio.option import AudioOption
from runner.engine.data import Data
from runner.engine.spec import Field, Spec

KINDS = ("tone", "chord", "rising", "falling", "tremolo", "noise")
_DRAWS = 5  # numbers that a clip is made of, beside its noise
Floats = NDArray[np.float64]


@dataclass(kw_only=True)
class Tones(AudioOption):
    """Clips of six kinds of sound, of a pitch, loudness and beginning of their own, with noise behind.

    A tone keeps its pitch; a chord is three of them (a major triad); rising and falling glide over an octave; tremolo
    is a tone whose loudness goes up and down eight times a second; noise has no pitch. They are drawn once and for all.

    Attributes:
        rate: samples in a second.
        examples: clips that are drawn, as many of each kind.
        noise: deviation of the white noise behind, as a share of the sound's amplitude.
    """

    rate: Annotated[int, Ge(4_000), Le(768_000)] = 8_000
    seconds: Annotated[float, Gt(0)] = 0.5
    n_fft: Annotated[int, Ge(16)] = 256
    hop_length: Annotated[int, Ge(1)] = 128
    n_mels: Annotated[int, Ge(1)] = 32
    examples: Annotated[int, Ge(60)] = 1_200
    noise: Annotated[float, Ge(0)] = 0.3

    def probe(self) -> Spec:
        """Known beforehand."""
        return Spec("classification", self.inputs, Field("class", (), len(KINDS), KINDS))

    def load(self) -> Data:
        """Draw the clips; see `DataOption.load`."""
        import torch

        from runner.data.parts.assemble import divide
        from runner.data.source.fingerprint import combine
        from runner.engine.split import TensorSplit

        labels = np.arange(self.examples, dtype=np.int64) % len(KINDS)
        length = self.length(self.rate)
        clips = np.stack([self._clip(row, KINDS[label], length) for row, label in enumerate(labels.tolist())])
        told = ("tones 1", *(f"{value:g}" for value in (self.rate, self.seconds, self.examples, self.noise)))
        return self.clips(
            self.transform(),
            labels,
            divide(self, len(labels), labels),
            TensorSplit(torch.from_numpy(clips), torch.from_numpy(labels)),
            class_names=KINDS,
            fingerprint=combine(told),
        )

    def _clip(self, number: int, kind: str, length: int) -> NDArray[np.int16]:
        """A clip ``(length,)``: a sound that begins somewhere in the first quarter, and noise."""
        bits = np.random.PCG64([0, number])
        pitch, loudness, begin, phase, _ = bits.random_raw(_DRAWS) / 2.0**64
        hiss = _normal(bits, length)
        seconds = np.arange(length) / self.rate
        frequency = 200.0 * 2.0 ** (2.5 * pitch)  # 200 Hz to 1.1 kHz
        sound = _sound(kind, frequency, seconds, self.seconds, phase)
        if kind == "noise":
            sound = _normal(bits, length) * 0.7
        amplitude = 0.05 * 10.0**loudness  # 20 decibels from the softest to the loudest
        heard = np.where(seconds >= 0.25 * begin * self.seconds, sound, 0.0)
        made = amplitude * (heard + self.noise * hiss)
        samples: NDArray[np.int16] = np.rint(made.clip(-1.0, 1.0) * 32767).astype(np.int16)
        return samples


def _sound(kind: str, frequency: float, seconds: Floats, length: float, phase: float) -> Floats:
    turn = 2.0 * np.pi
    sound: Floats
    if kind == "chord":
        return sum((np.sin(turn * (frequency * f * seconds + phase)) for f in (1.0, 1.25, 1.5)), np.zeros(1)) / 3**0.5
    if kind in ("rising", "falling"):  # the phase is the integral of f(t) = f 2^(t / length), or the way back
        up = kind == "rising"
        octave = np.log(2.0) / length * (1.0 if up else -1.0)
        start = frequency if up else 2.0 * frequency
        sound = np.sin(turn * (start * np.expm1(octave * seconds) / octave + phase))
    else:
        sound = np.sin(turn * (frequency * seconds + phase))
    if kind == "tremolo":
        sound = sound * (0.8 + 0.8 * np.sin(turn * (8.0 * seconds + phase)))
    return sound


def _normal(bits: np.random.PCG64, count: int) -> Floats:
    """Standard normal numbers (Box and Muller 1958), of raw draws, which NumPy keeps the same in every version."""
    first, second = (bits.random_raw(2 * count) + 0.5).reshape(2, -1) / 2.0**64
    drawn: Floats = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return drawn
