"""WAV files, read by their chunks: no more of them than is wanted, whatever their headers promise."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.data.source.listing import Files
from runner.errors import RunFailed

WAVES = Files((".wav", ".wave"), "WAV file", "WAV files")
RATES = (1_000, 768_000)  # what recorders have; a filter for any other number would fill the memory
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = 0xFFFFFFFF  # the size in the header of what was written into a pipe

Samples = NDArray[np.int16]


class Clip(NamedTuple):
    """The beginning of a recording.

    Attributes:
        samples: of one channel, the mean of those of the file ``(n,)``.
        rate: samples in a second.
        seconds: length of the whole recording.
    """

    samples: Samples
    rate: int
    seconds: float


class _Form(NamedTuple):
    code: int
    channels: int
    rate: int
    bits: int


def read_wav(path: Path, seconds: float = math.inf) -> Clip:
    """A WAV file of whole numbers (8, 16, 24, 32 bits) or of floats (32, 64 bits), as numbers of 16 bits.

    More bits than 16 are rounded off, floats are cut at -1 and 1, channels are averaged.

    Args:
        path: the file.
        seconds: of the recording that are read at most, from its beginning.

    Raises:
        RunFailed: it is no WAV file, is of a form that is not read (compressed), is cut short, or is empty.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size, seconds)
    except (ValueError, OSError, struct.error) as error:
        reason = "its header is cut short" if isinstance(error, struct.error) else error
        raise RunFailed(f"{path} can't be read as a WAV file ({reason}). Repair it or remove it.") from error


def _read(file: BinaryIO, size: int, seconds: float) -> Clip:
    if size == 0:
        raise ValueError("it is empty")
    riff, _, wave = struct.unpack("<4sI4s", file.read(12))
    if (riff, wave) != (b"RIFF", b"WAVE"):
        raise ValueError("it does not begin as one: no RIFF and WAVE")
    form = None
    while header := file.read(8):
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            if form is None:
                raise ValueError("its samples come before their format")
            return _samples(file, form, length, size - file.tell(), seconds)
        if name == b"fmt ":
            form = _form(file.read(length) if length <= 4096 else b"")
            file.seek(length % 2, 1)
        else:
            file.seek(length + length % 2, 1)
    raise ValueError("it has no samples: no chunk called data")


def _form(content: bytes) -> _Form:
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if code == _EXTENSIBLE:
        (code,) = struct.unpack_from("<H", content, 24)
    if (code, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}:
        raise ValueError(
            f"its format is number {code} with {bits} bits; expected PCM of 8, 16, 24 or 32 bits or floats of 32 or 64"
        )
    if not channels:
        raise ValueError("it has no channels")
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"{rate:,} samples in a second; expected {RATES[0]:,} to {RATES[1]:,}")
    return _Form(code, channels, rate, bits)


def _samples(file: BinaryIO, form: _Form, length: int, left: int, seconds: float) -> Clip:
    if length > left:
        if length != _UNKNOWN:
            raise ValueError(f"it is cut short: {left:,} of the {length:,} bytes of its samples are there")
        length = left
    frame = form.channels * form.bits // 8
    frames = length // frame
    if not frames:
        raise ValueError("it has no samples")
    wanted = int(min(frames, math.ceil(seconds * form.rate))) if seconds < math.inf else frames
    values = _numbers(file.read(wanted * frame), form).reshape(-1, form.channels)
    if not np.isfinite(values).all():
        raise ValueError("some of its samples are no numbers: NaN or infinity")
    mono = values.mean(axis=1) if form.channels > 1 else values[:, 0]
    samples = np.rint(mono * 32768).clip(-32768, 32767).astype(np.int16)
    return Clip(samples, form.rate, frames / form.rate)


def _numbers(content: bytes, form: _Form) -> NDArray[np.float64]:
    """Samples in [-1, 1)."""
    if form.code == _FLOAT:
        return np.frombuffer(content, f"<f{form.bits // 8}").astype(np.float64)
    if form.bits == 8:  # the only one without a sign
        return (np.frombuffer(content, np.uint8) - 128.0) / 128
    if form.bits == 24:  # as the upper bytes of 32
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0] / 2.0**31
    return np.frombuffer(content, f"<i{form.bits // 8}") / 2.0 ** (form.bits - 1)


def resample(samples: Samples, rate: int, to: int) -> Samples:
    """The same sound with `to` samples in a second, by a polyphase filter (`scipy.signal.resample_poly`)."""
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    made = np.rint(resample_poly(samples.astype(np.float64), to // common, rate // common))
    resampled: Samples = made.clip(-32768, 32767).astype(np.int16)
    return resampled


def fitted(samples: Samples, length: int) -> Samples:
    """The first `length` samples, silence behind those of a shorter clip."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
